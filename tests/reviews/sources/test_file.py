"""The user's own reviews."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from loopback import sha256
from pipeline.params import Params, ParamsError, Value
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import file

TEN = [(f"review number n{row}", row % 2) for row in range(10)]


def load(params: Params, path: Path, **columns: Value) -> Dataset:
    values: dict[str, Value] = {"data.source": "file", "data.path": str(path)}
    values |= {f"data.{name}": value for name, value in columns.items()}
    return file.load(params.replace(values).data, seed=42)


def write_jsonl(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_reviews(path: Path, reviews: list[tuple[object, object]]) -> Path:
    return write_jsonl(path, [{"text": text, "label": label} for text, label in reviews])


def test_splits_of_the_split_column_and_a_vocabulary_of_training_reviews_only(
    params: Params, tmp_path: Path
) -> None:
    path = tmp_path / "My films (2).csv"
    path.write_text(
        "part,words,stars\ntrain,Good good film,1\nTEST,Good plot,pos\ntrain,Dull film,0\n"
        "test,Dull,neg\nvalidation,Dull plot,0\nvalidation,Fine,1\n"
    )
    dataset = load(params, path, text_column="words", label_column="stars", split_column="part")
    assert dataset.name == "My-films-2-"
    assert dataset.vocabulary.words == ("good", "film", "dull")
    tokens = {
        split: [reviews.review(row).tolist() for row in range(len(reviews))]
        for split, reviews in dataset.splits.items()
    }
    assert tokens == {"train": [[4, 4, 5], [6, 5]], "validation": [[6, 2], [2]], "test": [[4, 2], [6]]}
    assert {split: reviews.labels.tolist() for split, reviews in dataset.splits.items()} == {
        "train": [1, 0], "validation": [0, 1], "test": [1, 0]
    }  # fmt: skip
    assert dataset.source == {"file": "My films (2).csv", "hash": sha256(path.read_bytes())}
    assert str(tmp_path) not in json.dumps(dataset.facts("file"))


def test_without_a_split_column_the_test_reviews_are_drawn_by_label(params: Params, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", TEN * 2)
    first, again = load(params, path), load(params, path)
    assert {split: len(reviews) for split, reviews in first.splits.items()} == {"train": 16, "test": 4}
    assert np.bincount(first.splits["test"].labels).tolist() == [2, 2]
    assert first.facts("file") == again.facts("file")


@pytest.mark.parametrize("label", ["meh", 2, -1, 0.5])
def test_a_class_of_one_row_is_named(params: Params, tmp_path: Path, label: object) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [*TEN, ("text", label)])
    with pytest.raises(ValueError, match=f"the class '{label}' has 1 row to split, but needs 2 or more") as e:
        load(params, path)
    assert f"{{{label}: null}}" in str(e.value)


@pytest.mark.parametrize("label", [None, "", [], {"a": 1}, float("nan")])
def test_a_missing_label_is_named(params: Params, tmp_path: Path, label: object) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [*TEN, ("text", label)])
    with pytest.raises(
        ValueError, match=r"mine\.jsonl, line 11: column 'label' is .*, which is no label"
    ) as e:
        load(params, path)
    assert f"is {label!r}," in str(e.value)


@pytest.mark.parametrize("text", ["", "  \n", None, 5, ["a"], True])
def test_a_text_that_is_none_is_named(params: Params, tmp_path: Path, text: object) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [*TEN, (text, 1)])
    with pytest.raises(ValueError, match=r"line 11: column 'text' is .*, which is not a review's text"):
        load(params, path)


def test_half_a_character_is_named(params: Params, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [*TEN, ("cut \ud83d", 1)])
    with pytest.raises(ValueError, match=r"line 11: .* lone surrogate"):
        load(params, path)


def test_one_class_only_is_named(params: Params, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [("fine", 1)] * 5)
    with pytest.raises(ValueError, match=r"mine\.jsonl: column 'label': .*but there are 1: '1' \(5 rows\)"):
        load(params, path)


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ("train train train train", r"mine\.jsonl: column 'split' puts no review into test"),
        ("test test test test", r"mine\.jsonl: column 'split' puts no review into train"),
        ("train train test all", "line 4: column 'split' is 'all', which is no split"),
        ("train test train 3", "line 4: column 'split' is '3', which is no split"),
        ("train train test train", r"mine\.jsonl: the test split holds no review labelled 1"),
    ],
)
def test_a_split_that_cannot_be_used_is_named(
    params: Params, tmp_path: Path, splits: str, message: str
) -> None:
    pairs = zip([0, 1, 0, 1], splits.split(), strict=True)
    records = [{"text": "t", "label": label, "split": split} for label, split in pairs]
    path = write_jsonl(tmp_path / "mine.jsonl", records)
    with pytest.raises(ValueError, match=message):
        load(params, path, split_column="split")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("imdb.csv", "imdb-file"),
        ("snippets.csv.gz", "snippets-file"),
        ("spam/train.csv", "spam-train"),
        ("my films/data.jsonl", "my-films-data"),
        ("train.csv", "train"),
        ("spam/mails.csv", "mails"),
    ],
)
def test_data_sets_are_told_apart_by_their_names(path: str, name: str) -> None:
    """Their models would be compared with those of the other data."""
    assert file.dataset_name(Path(path)) == name


def test_a_data_set_can_be_given_a_name(params: Params, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [("good", 1), ("bad", 0)] * 3)
    assert load(params, path).name == "mine"
    assert load(params.replace({"data.name": "films-2026"}), path).name == "films-2026"
    with pytest.raises(ValueError, match=r"data\.name"):
        params.replace({"data.name": "a/b"})


def test_punctuation_only_is_a_review_without_words(params: Params, tmp_path: Path) -> None:
    dataset = load(params, write_reviews(tmp_path / "mine.jsonl", [("!!!", 1), (":-(", 0)] * 3))
    assert dataset.vocabulary.words == ()
    assert dataset.splits["train"].lengths.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("second", "first", "names"),
    [
        (1, 0, ("0", "1")),
        (1.0, 0.0, ("0.0", "1.0")),
        (True, False, ("False", "True")),
        ("TRUE", "False", ("False", "TRUE")),
        ("Pos", " neg ", ("neg", "Pos")),
        ("positive", "Negative", ("Negative", "positive")),
        ("4", "0", ("0", "4")),
        ("spam", "ham", ("ham", "spam")),
        (10, 9, ("9", "10")),
    ],
)
def test_the_classes_keep_the_users_names_in_their_order(
    params: Params, tmp_path: Path, second: object, first: object, names: tuple[str, str]
) -> None:
    reviews = [(f"text {row}", second if row < 6 else first) for row in range(10)]
    dataset = load(params, write_reviews(tmp_path / "mine.jsonl", reviews))
    assert dataset.labels == names
    assert sum(int(split.labels.sum()) for split in dataset.splits.values()) == 6


def test_labels_are_mapped_and_left_out(params: Params, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [(f"text {row}", 1 + row % 5) for row in range(20)])
    assert load(params, path).labels == ("1", "2", "3", "4", "5")
    by_order = load(params, path, labels=("5", "4", "3", "2", "1"))
    last = int(by_order.places["train"][-1].split()[1])  # line n has 1 + (n - 1) % 5 stars
    assert by_order.splits["train"].labels[-1] == 4 - (last - 1) % 5
    dataset = load(params, path, labels={"1": "bad", "2": "bad", "3": None, "4": "good", "5": "good"})
    assert dataset.labels == ("bad", "good")
    assert sum(map(len, dataset.splits.values())) == 16
    assert dataset.facts("file")["reading"]["rows_left_out"] == 4
    with pytest.raises(ValueError, match=r"must name 2 to 100 classes, each once, but names \['5'\]"):
        load(params, path, labels=("5",))
    with pytest.raises(ValueError, match="line 5: column 'label' is 5, which is no label: data"):
        load(params, path, labels={"1": "a", "2": "b", "3": "a", "4": "b"})


def test_a_column_of_too_many_values_is_no_labels(params: Params, tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "mine.jsonl", [(f"text {row}", f"own {row}") for row in range(101)])
    with pytest.raises(ValueError, match=r"but there are 101: 'own 0' \(1 rows\), .*, \.\.\.; 2 to 100 are"):
        load(params, path)


def test_all_bad_rows_are_named_at_once_or_skipped_and_counted(params: Params, tmp_path: Path) -> None:
    good = "".join(f"fine n{row},{row % 2}\n" for row in range(10))
    path = tmp_path / "mine.csv"
    path.write_text(f"text,label\n{good}a, b,1\n" + ",1\n" * 30)
    with pytest.raises(ValueError, match="31 rows, of which 20 are shown, can't be used") as error:
        load(params, path)
    lines = str(error.value).splitlines()
    assert len(lines) == 21
    assert "mine.csv, line 12: has 3 fields, but the first has 2" in lines[0]
    assert "mine.csv, line 13: column 'text' is '', which is not a review's text" in lines[1]
    dataset = load(params, path, bad_rows="skip")
    assert sum(map(len, dataset.splits.values())) == 10
    reading = dataset.facts("file")["reading"]
    assert (reading["rows_skipped"], len(reading["skipped"])) == (31, 20)


def test_a_folders_files_are_read_together_and_may_tell_the_splits(params: Params, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.csv").write_text("text,label\nDull film,0\nGood film,1\n")
    with gzip.open(folder / "test.csv.gz", "wt") as packed:
        packed.write("text\tlabel\nGood\t1\nDull\t0\n")
    dataset = load(params, folder)
    assert {name: split.labels.tolist() for name, split in dataset.splits.items()} == {
        "train": [0, 1], "test": [1, 0]
    }  # fmt: skip
    assert dataset.places["test"] == ["test.csv.gz, line 2", "test.csv.gz, line 3"]
    (folder / "more.csv").write_text("text,label\nDull film,0\n")
    with pytest.raises(ValueError, match=r"test.csv.gz is named after a split, but more.csv is not"):
        load(params, folder)


def test_a_table_without_a_header_line_is_read_by_the_numbers_of_its_columns(
    params: Params, tmp_path: Path
) -> None:
    """As Sentiment140 (0 and 4, the text in the sixth column) and the SMS Spam Collection are written."""
    path = tmp_path / "sms.csv"
    path.write_text("ham\tAre we on, for lunch?\nspam\tWin a prize\n" * 4)
    with pytest.raises(ValueError, match=r"no column 'text', only 'ham\\tAre we on', .* columns' numbers"):
        load(params, path)
    dataset = load(params, path, text_column=2, label_column=1)
    assert dataset.labels == ("ham", "spam")
    assert sorted(place for places in dataset.places.values() for place in places)[:2] == ["line 1", "line 2"]
    assert sum(map(len, dataset.splits.values())) == 8
    with pytest.raises(ValueError, match=r"there is no column '3', only '1', '2'"):
        load(params, path, text_column=3, label_column=1)
    with pytest.raises(ParamsError, match=r"all numbers from 1, but got data.text_column 2, data.label"):
        load(params, path, text_column=2)


def test_a_folder_may_hold_a_file_for_each_review_in_a_folder_of_its_label(
    params: Params, tmp_path: Path
) -> None:
    """The Large Movie Review Dataset's form; what lies elsewhere is no review."""
    folder = tmp_path / "aclImdb"
    for split in ("train", "test"):
        for label, text in (("neg", "Très long"), ("pos", "Fine;\na superb cast")):
            (folder / split / label).mkdir(parents=True)
            (folder / split / label / "0_7.txt").write_text(f"{text} {split}", encoding="utf-8")
        (folder / split / "urls.txt").write_text("none")
    (folder / "README.txt").write_text("Read me")
    (folder / "train" / "pos" / "1_9.txt").write_bytes("Déjà un classique, été à la plage".encode("cp1252"))
    dataset = load(params, folder)
    assert dataset.labels == ("neg", "pos")
    assert dataset.places == {
        "train": ["train/neg/0_7.txt", "train/pos/0_7.txt", "train/pos/1_9.txt"],
        "test": ["test/neg/0_7.txt", "test/pos/0_7.txt"],
    }
    assert dataset.vocabulary.decode(dataset.splits["train"].review(2)) == "déjà un classique été à la plage"
    assert dataset.reading["formats"]["train/pos/1_9.txt"] == "cp1252"
    with pytest.raises(ValueError, match=r"split_column is 'split', but .*0_7.txt is a review and no table"):
        load(params, folder, split_column="split")


def test_how_many_files_are_written_is_said_in_few_lines(params: Params, tmp_path: Path) -> None:
    for row in range(30):
        (tmp_path / "mine" / ("ham", "spam")[row % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / ("ham", "spam")[row % 2] / f"{row:02}.txt").write_text(f"text {row}")
    assert load(params, tmp_path / "mine").reading["formats"] == {"ham/00.txt and 29 more": "utf-8"}
