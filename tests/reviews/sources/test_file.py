"""The user's own reviews."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from loopback import sha256
from pipeline.params import Params, ParamsError
from pipeline.reviews.sources import file
from reviews.own_files import json_lines, load, of_pairs, size, sizes, table, write

TEN = [(f"review number n{row}", row % 2) for row in range(10)]


def test_splits_of_the_split_column_and_a_vocabulary_of_training_reviews_only(tmp_path: Path) -> None:
    rows = ["train,Good good film,1", "TEST,Good plot,pos", "train,Dull film,0", "test,Dull,neg"]
    rows += ["validation,Dull plot,0", "validation,Fine,1"]
    path = write(tmp_path, "My films (2).csv", table(rows, "part,words,stars"))
    dataset = load(path, text_column="words", label_column="stars", split_column="part")
    assert dataset.name == "My-films-2-"
    assert dataset.vocabulary.words == ("good", "film", "dull")
    found = {
        split: [(reviews.review(row).tolist(), int(reviews.labels[row])) for row in range(len(reviews))]
        for split, reviews in dataset.splits.items()
    }
    assert found == {
        "train": [([4, 4, 5], 1), ([6, 5], 0)],
        "validation": [([6, 2], 0), ([2], 1)],
        "test": [([4, 2], 1), ([6], 0)],
    }
    assert dataset.source == {"file": "My films (2).csv", "hash": sha256(path.read_bytes())}
    assert str(tmp_path) not in json.dumps(dataset.facts("file"))


def test_without_a_split_column_the_test_reviews_are_drawn_by_label(tmp_path: Path) -> None:
    path = of_pairs(tmp_path, TEN * 2)
    first, again = load(path), load(path)
    assert sizes(first) == {"train": 16, "test": 4}
    assert np.bincount(first.splits["test"].labels).tolist() == [2, 2]
    assert first.facts("file") == again.facts("file")


NO_LABEL, NO_TEXT = (
    "column 'label' is {!r}, which is no label",
    "column 'text' is {!r}, which is not a review",
)


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [("text", label, "{{{}: null}}") for label in ("meh", 2, -1, 0.5)]
    + [("text", label, NO_LABEL) for label in (None, "", [], {"a": 1}, float("nan"))]
    + [(text, 1, NO_TEXT) for text in ("", "  \n", None, 5, ["a"], True)]
    + [("cut \ud83d", 1, "lone surrogate")],
)
def test_a_row_that_is_no_review_is_named(tmp_path: Path, text: object, label: object, message: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.jsonl, line 11|the class '.*' has 1 row to split") as error:
        load(of_pairs(tmp_path, [*TEN, (text, label)]))
    assert message.format(text if message == NO_TEXT else label) in str(error.value)


def test_one_class_only_and_too_many_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.jsonl: column 'label': .*but there are 1: '1' \(5 rows\)"):
        load(of_pairs(tmp_path, [("fine", 1)] * 5))
    with pytest.raises(ValueError, match=r"but there are 101: 'own 0' \(1 rows\), .*, \.\.\.; 2 to 100 are"):
        load(of_pairs(tmp_path, [(f"text {row}", f"own {row}") for row in range(101)]))


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
def test_a_split_that_cannot_be_used_is_named(tmp_path: Path, splits: str, message: str) -> None:
    rows = [{"text": "t", "label": row % 2, "split": split} for row, split in enumerate(splits.split())]
    with pytest.raises(ValueError, match=message):
        load(write(tmp_path, "mine.jsonl", json_lines(rows)), split_column="split")


def test_data_sets_are_told_apart_by_their_names() -> None:
    """Their models would be compared with those of the other data."""
    names = {
        "imdb.csv": "imdb-file",
        "snippets.csv.gz": "snippets-file",
        "spam/train.csv": "spam-train",
        "my films/data.jsonl": "my-films-data",
        "train.csv": "train",
        "spam/mails.csv": "mails",
    }
    assert {path: file.dataset_name(Path(path)) for path in names} == names


def test_a_data_set_can_be_given_a_name(tmp_path: Path) -> None:
    path = of_pairs(tmp_path, TEN)
    assert (load(path).name, load(path, name="films-2026").name) == ("mine", "films-2026")
    with pytest.raises(ParamsError, match=r"data\.name"):
        Params().replace({"data.name": "a/b"})


def test_punctuation_only_is_a_review_without_words(tmp_path: Path) -> None:
    dataset = load(of_pairs(tmp_path, [("!!!", 1), (":-(", 0)] * 3))
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
        # One class only in the plain forms of a number:
        ("1_1", "11", ("11", "1_1")),
        ("1", "01", ("01", "1")),
        ("1e1", "10", ("10", "1e1")),
        ("1.10", "1.1", ("1.1", "1.10")),
    ],
)
def test_names_and_order_of_classes(
    tmp_path: Path, second: object, first: object, names: tuple[str, str]
) -> None:
    dataset = load(of_pairs(tmp_path, [(f"text {row}", second if row < 6 else first) for row in range(10)]))
    assert dataset.labels == names
    assert sum(int(split.labels.sum()) for split in dataset.splits.values()) == 6


def test_labels_are_mapped_and_left_out(tmp_path: Path) -> None:
    path = of_pairs(tmp_path, [(f"text {row}", 1 + row % 5) for row in range(20)])
    assert load(path).labels == ("1", "2", "3", "4", "5")
    by_order = load(path, labels=("5", "4", "3", "2", "1"))
    last = int(by_order.places["train"][-1].split()[1])  # line n has 1 + (n - 1) % 5 stars
    assert by_order.splits["train"].labels[-1] == 4 - (last - 1) % 5
    dataset = load(path, labels={"1": "bad", "2": "bad", "3": None, "4": "good", "5": "good"})
    assert (dataset.labels, size(dataset)) == (("bad", "good"), 16)
    assert dataset.facts("file")["reading"]["rows_left_out"] == 4
    for labels, message in (
        (("5",), r"must name 2 to 100 classes, each once, but names \['5'\]"),
        ({"1": "a", "2": "b", "3": "a", "4": "b"}, "line 5: column 'label' is 5, which is no label: data"),
        (("Ham", "ham"), "names a value twice"),
    ):
        with pytest.raises(ValueError, match=message):
            load(path, labels=labels)


def test_all_bad_rows_are_named_at_once_or_skipped_and_counted(tmp_path: Path) -> None:
    good = [f"fine n{row},{row % 2}" for row in range(10)]
    path = write(tmp_path, "mine.csv", table([*good, "a, b,1", *[",1"] * 30]))
    with pytest.raises(ValueError, match="31 rows, of which 20 are shown, can't be used") as error:
        load(path)
    first, second, *others = str(error.value).splitlines()
    assert len(others) == 19
    assert "mine.csv, line 12: has 3 fields, but the first has 2" in first
    assert "mine.csv, line 13: column 'text' is '', which is not a review's text" in second
    dataset = load(path, bad_rows="skip")
    reading = dataset.facts("file")["reading"]
    assert (size(dataset), reading["rows_skipped"], len(reading["skipped"])) == (10, 31, 20)


def test_a_folders_files_are_read_together_and_may_tell_the_splits(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write(folder, "train.csv", "text,label\nDull film,0\nGood film,1\n")
    write(folder, "test.csv.gz", gzip.compress(b"text\tlabel\nGood\t1\nDull\t0\n"))
    dataset = load(folder)
    assert [dataset.splits[name].labels.tolist() for name in ("train", "test")] == [[0, 1], [1, 0]]
    assert dataset.places["test"] == ["test.csv.gz, line 2", "test.csv.gz, line 3"]
    write(folder, "more.csv", "text,label\nDull film,0\n")
    with pytest.raises(ValueError, match=r"test.csv.gz is named after a split, but more.csv is not"):
        load(folder)


def test_a_table_without_a_header_line_is_read_by_the_numbers_of_its_columns(tmp_path: Path) -> None:
    """As Sentiment140 (0 and 4, the text in the sixth column) and the SMS Spam Collection are written."""
    path = write(tmp_path, "sms.csv", "ham\tAre we on, for lunch?\nspam\tWin a prize\n" * 4)
    with pytest.raises(ValueError, match=r"no column 'text', only 'ham\\tAre we on', .* columns' numbers"):
        load(path)
    dataset = load(path, text_column=2, label_column=1)
    assert (dataset.labels, size(dataset)) == (("ham", "spam"), 8)
    assert sorted(place for places in dataset.places.values() for place in places)[:2] == ["line 1", "line 2"]
    with pytest.raises(ValueError, match=r"there is no column '3', only '1', '2'"):
        load(path, text_column=3, label_column=1)
    with pytest.raises(ParamsError, match=r"all numbers from 1, but got data.text_column 2, data.label"):
        load(path, text_column=2)


def test_a_folder_may_hold_a_file_for_each_review_in_a_folder_of_its_label(tmp_path: Path) -> None:
    """The Large Movie Review Dataset's form; what lies elsewhere is no review."""
    folder = tmp_path / "aclImdb"
    for split in ("train", "test"):
        write(folder, f"{split}/neg/0_7.txt", f"Très long {split}")
        write(folder, f"{split}/pos/0_7.txt", f"Fine;\na superb cast {split}")
        write(folder, f"{split}/urls.txt", "none")
    write(folder, "README.txt", "Read me")
    write(folder, "train/pos/1_9.txt", "Déjà un classique, été à la plage".encode("cp1252"))
    dataset = load(folder)
    assert dataset.labels == ("neg", "pos")
    assert dataset.places == {
        "train": ["train/neg/0_7.txt", "train/pos/0_7.txt", "train/pos/1_9.txt"],
        "test": ["test/neg/0_7.txt", "test/pos/0_7.txt"],
    }
    assert dataset.vocabulary.decode(dataset.splits["train"].review(2)) == "déjà un classique été à la plage"
    assert dataset.reading["formats"]["train/pos/1_9.txt"] == "cp1252"
    with pytest.raises(ValueError, match=r"split_column is 'split', but .*0_7.txt is a review and no table"):
        load(folder, split_column="split")


def test_how_many_files_are_written_is_said_in_few_lines(tmp_path: Path) -> None:
    for row in range(30):
        write(tmp_path / "mine", f"{('ham', 'spam')[row % 2]}/{row:02}.txt", f"text {row}")
    assert load(tmp_path / "mine").reading["formats"] == {"ham/00.txt and 29 more": "utf-8"}
