"""The pad stage: its rows are Keras' own."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loopback import ImdbFiles, Server, sha256
from pipeline.params import Params
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.padding import pad_texts
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.paths import PADDED_DATASET, PADDED_DIR, RAW_REVIEWS, RAW_VOCABULARY, padded_split
from pipeline.stages import download, pad
from plain import plain_params
from reviews.own_files import table, write


@pytest.fixture
def small(own_project: Path, server: Server, imdb_files: ImdbFiles) -> Params:
    """Those that take the small IMDb from the server."""
    return plain_params().replace(imdb_files.serve(server))


@pytest.fixture
def downloaded(small: Params) -> Params:
    """The small IMDb is in data/raw."""
    download.run(small)
    return small


def padded(params: Params, **pad_values: Any) -> dict[str, Any]:
    """Runs the stage with other values; the facts."""
    pad.run(params.replace({f"pad.{key}": value for key, value in pad_values.items()}))
    return read_json(PADDED_DATASET)


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in PADDED_DIR.iterdir()}


def read(split: str) -> dict[str, np.ndarray]:
    return read_arrays(padded_split(split))


def require_keras_rows(
    npz: Path, num_words: int, layout: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds data/padded against Keras' load_data and pad_sequences, row for row."""
    import keras  # noqa: PLC0415  (seconds to import, and only two tests need it)
    from keras.src.datasets import imdb  # noqa: PLC0415

    monkeypatch.setattr(imdb, "get_file", lambda **_: str(npz))
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=num_words)
    train, test = (keras.utils.pad_sequences(sequences, **layout) for sequences in (x_train, x_test))
    np.testing.assert_array_equal(read("test")["token_ids"], test)
    np.testing.assert_array_equal(read("test")["labels"], y_test)
    for split in ("train", "validation"):
        rows = read(split)["rows"]
        np.testing.assert_array_equal(read(split)["token_ids"], train[rows])
        np.testing.assert_array_equal(read(split)["labels"], y_train[rows])
        np.testing.assert_array_equal(read(split)["lengths"], [len(x_train[row]) for row in rows])


def test_rows_are_keras_own(downloaded: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sides, sizes = ("pre", "post"), ((1, 25), (10, 4), (40, 25))
    for padding, truncating, (max_length, vocab_size) in itertools.product(sides, sides, sizes):
        layout = {"padding": padding, "truncating": truncating}
        padded(downloaded, max_length=max_length, vocab_size=vocab_size, **layout)
        layout |= {"maxlen": max_length}
        require_keras_rows(tmp_path / "imdb.npz", vocab_size, layout, monkeypatch)


@pytest.mark.slow
def test_rows_of_the_real_reviews_are_keras_own(
    own_project: Path, real_imdb: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (keras_home / "datasets").mkdir(parents=True)
    values: dict[str, str] = {}
    for key, name in (("", "imdb.npz"), ("word_index_", "imdb_word_index.json")):
        (keras_home / "datasets" / name).symlink_to(real_imdb / name)
        values[f"data.{key}hash"] = sha256((real_imdb / name).read_bytes())
    params = plain_params().replace(values)
    download.run(params)
    facts = padded(params)
    layout = {"maxlen": 100, "padding": "pre", "truncating": "pre"}
    require_keras_rows(real_imdb / "imdb.npz", 10_000, layout, monkeypatch)
    assert (facts["sizes"]["test"], facts["class_shares"]["test"]["positive"]) == (12_500, 0.5)
    assert sum(facts["sizes"].values()) + sum(facts["duplicates_dropped"].values()) == 37_500


def test_arrays_have_the_promised_types_and_shapes(downloaded: Params) -> None:
    pad.run(downloaded)
    for split in ("train", "validation", "test"):
        arrays = read(split)
        size = len(arrays["rows"])
        assert {name: (values.dtype.name, values.shape) for name, values in arrays.items()} == {
            "token_ids": ("int32", (size, 100)),
            "labels": ("int8", (size,)),
            "lengths": ("int32", (size,)),
            "rows": ("int64", (size,)),
            "tokens": ("int32", (arrays["offsets"][-1],)),
            "offsets": ("int64", (size + 1,)),
        } | ({"held_back": ("bool", (size,))} if split == "validation" else {})
    assert set(read("unlabelled")) == {"token_ids", "lengths", "rows", "tokens", "offsets"}
    assert read("unlabelled")["token_ids"].shape == (0, 100)


def test_whole_reviews_are_kept_beside_the_rows_in_their_order(downloaded: Params) -> None:
    padded(downloaded, vocab_size=25, max_length=4)
    raw = read_splits(read_arrays(RAW_REVIEWS))
    for split, source in (("train", "train"), ("validation", "train"), ("test", "test")):
        arrays = read(split)
        for row, raw_row in enumerate(arrays["rows"]):
            tokens = arrays["tokens"][arrays["offsets"][row] : arrays["offsets"][row + 1]]
            whole = [token if token < 25 else 2 for token in raw[source].review(raw_row).tolist()]
            assert tokens.tolist() == whole
            row_of = [0, 0, 0, 1, *whole] if len(whole) < 4 else whole
            assert arrays["token_ids"][row].tolist() == row_of[-4:]


def test_unlabelled_reviews_leave_out_those_that_are_judged_on(small: Params, tmp_path: Path) -> None:
    def text(split: str, row: int) -> str:
        reviews = read_splits(read_arrays(RAW_REVIEWS))[split]
        return Vocabulary.load(RAW_VOCABULARY).decode(reviews.review(row))

    download.run(small)
    padded(small)
    texts = [
        "word1 word40 word1 word40",
        text("test", 4),
        text("train", read("validation")["rows"][2]),
        text("train", read("train")["rows"][2]),
        text("test", 4),
    ]
    (tmp_path / "more.csv").write_text("\n".join(["text", *texts]))
    more = {"data.unlabelled": "file", "data.unlabelled_path": str(tmp_path / "more.csv")}
    download.run(small.replace(more))
    facts = padded(small, max_length=8, vocab_size=40)["unlabelled"]
    found = read("unlabelled")
    assert found["rows"].tolist() == [0, 3]
    assert found["token_ids"][0].tolist() == [0, 0, 0, 1, 4, 2, 4, 2]
    assert found["tokens"][:4].tolist() == [4, 2, 4, 2]
    assert found["lengths"].tolist() == (np.diff(found["offsets"]) + 1).tolist()
    assert (facts["raw_size"], facts["size"]) == (5, 2)
    assert facts["duplicates_dropped"] == {"unlabelled_in_test": 2, "unlabelled_in_validation": 1}


def test_both_stages_facts_are_in_one_file(downloaded: Params, capsys: pytest.CaptureFixture[str]) -> None:
    facts = padded(downloaded)
    splits = {split: read(split) for split in ("train", "validation", "test")}
    # Training review 5 stands among the test reviews; 59 are left, 29 and 30 of the labels. A twentieth of
    # each, 1 and 2, is held back; of the others 15 in 95 are drawn, 4 of 28 and 4 of 28.
    assert facts["sizes"] == {"train": 48, "validation": 11, "test": 30}
    assert facts["sizes"] == {split: len(arrays["rows"]) for split, arrays in splits.items()}
    assert (facts["name"], facts["raw_sizes"]) == ("imdb", {"train": 60, "test": 30})
    assert facts["held_back"] == splits["validation"]["held_back"].sum() == 3
    dropped = {"train_in_test": 1, "train_in_validation": 0, "validation_in_test": 0}
    assert facts["duplicates_dropped"] == dropped
    for split, arrays in splits.items():
        positive = float(np.mean(arrays["labels"] == 1))
        assert facts["class_shares"][split] == pytest.approx({"negative": 1 - positive, "positive": positive})
    layout = [facts[name] for name in ("max_length", "padding", "truncating", "seed")]
    assert layout == [100, "pre", "pre", 42]
    # 10,000 ids are allowed, but there are fewer words; the ids of words begin at 4.
    assert facts["vocab_size"] == facts["words"] + 4 < 10_000
    said = " ".join(capsys.readouterr().out.split())
    assert "48 train, 11 validation, 30 test, 0 unlabelled rows of 100; duplicates dropped: 1" in said
    unknown = float(np.mean(splits["test"]["tokens"] == 2))
    assert facts["unknown_shares"]["test"] == unknown
    assert facts["cut_shares"] == {"train": 0, "validation": 0, "test": 0, "unlabelled": 0}
    assert f"{unknown:.1%} of test" in said


def test_cut_texts_are_counted_auto_cuts_few(downloaded: Params, capsys: pytest.CaptureFixture[str]) -> None:
    found = padded(downloaded, max_length="auto")["max_length"]
    lengths, ordered = read("test")["lengths"], sorted(read("train")["lengths"])
    assert read("test")["token_ids"].shape[1] == found == ordered[-(len(ordered) // 10) - 1] < 400
    assert f"rows of {found} (auto)" in " ".join(capsys.readouterr().out.split())
    middle = sorted(lengths.tolist())[15]
    cut = padded(downloaded, max_length=middle)["cut_shares"]["test"]
    assert cut == float(np.mean(lengths > middle)) > 0


def test_the_seed_decides_the_validation_reviews_alone(downloaded: Params) -> None:
    pad.run(downloaded)
    first = contents()
    pad.run(downloaded)
    assert contents() == first
    other = padded(downloaded.replace({"seed": 43}))
    assert padded_split("test").read_bytes() == first["test.npz"]
    assert padded_split("validation").read_bytes() != first["validation.npz"]
    assert other["padded_digest"] not in first["dataset.json"].decode()


def test_served_text_becomes_the_row_that_was_trained_on(own_project: Path, tmp_path: Path) -> None:
    words = ["Good,", "dull!", "film...", "It's", "fine\xa0too", "ÄRGER", "end"]
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(words, generator.integers(1, 12))) + f" n{row}" for row in range(40)]
    rows = [f'"{text}",{row % 2},{"train" if row < 30 else "test"}' for row, text in enumerate(texts)]
    path = write(tmp_path, "mine.csv", table(rows, "text,label,split"))
    values = {"data.source": "file", "data.path": str(path), "data.split_column": "split"}
    params = plain_params().replace(values)
    download.run(params)
    facts = padded(params, vocab_size=9, max_length=8, padding="post")
    layout = {name: facts[name] for name in ("vocab_size", "max_length", "padding", "truncating")}
    served = pad_texts(texts, Vocabulary.load(RAW_VOCABULARY), **layout)
    for split, first in (("train", 0), ("validation", 0), ("test", 30)):
        np.testing.assert_array_equal(read(split)["token_ids"], served[first + read(split)["rows"]])
    assert set(range(9)) - {3} == set(np.unique(served).tolist())


def test_what_download_has_not_made_is_told_and_a_failure_leaves_the_earlier_rows(small: Params) -> None:
    with pytest.raises(ValueError, match=r"data/raw/dataset.json is missing: run the download stage first"):
        pad.run(small)
    download.run(small)
    pad.run(small)
    before = contents()
    RAW_REVIEWS.write_bytes(b"")
    with pytest.raises(ValueError, match=r"data/raw can't be read .*: run the download stage again"):
        pad.run(small)
    assert contents() == before
