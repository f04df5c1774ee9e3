"""Columns of CSV, JSON Lines and Parquet files."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.reviews.sources.tables import read_table
from pipeline.runtime.errors import UserError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_values_and_the_lines_they_begin_on(tmp_path: Path) -> None:
    content = '\ufefflabel,text\r\n1,"Fine, \r\n""really"""\r\n\r\n0,Dull\r\n'
    table = read_table(write(tmp_path, "a.csv", content), ["text", "label"]).columns
    assert table["text"].values == ['Fine, \r\n"really"', "Dull"]
    assert table["label"].values == ["1", "0"]
    assert table["text"].places == ["line 2", "line 5"]


def test_a_csv_field_may_be_longer_than_the_modules_limit(tmp_path: Path) -> None:
    text = "good " * 40_000
    table = read_table(write(tmp_path, "a.csv", f"text,label\n{text},1\n"), ["text"]).columns
    assert table["text"].values == [text]


def test_json_lines(tmp_path: Path) -> None:
    content = '{"text": "Fine", "label": true, "more": 3}\n\n{"label": 0, "text": "D\\u00fcll"}\n'
    table = read_table(write(tmp_path, "a.JSONL", content), ["text", "label"]).columns
    assert table["text"].values == ["Fine", "Düll"]
    assert table["label"].values == [True, 0]
    assert table["label"].places == ["line 1", "line 3"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"id": [1, 2], "label": [1, 0], "text": pyarrow.array(["Fine", None]).dictionary_encode()}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    table = read_table(path, ["text", "label"]).columns
    assert table["text"].values == ["Fine", None]
    assert table["label"].values == [1, 0]
    assert table["label"].places == ["row 1", "row 2"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", r"data.path must be a .csv, .tsv, .jsonl or .parquet file, but is .*a\.txt"),
        ("a.csv", "", r"a\.csv holds no review: give a file with some"),
        ("a.csv", "text,label\n", r"a\.csv holds no review"),
        ("a.jsonl", "\n", r"a\.jsonl holds no review"),
        ("a.csv", "review,stars\nFine,1\n", r"a\.csv: there is no column 'text', only 'review', 'stars'"),
        ("a.csv", "text,text\nFine,Dull\n", r"a\.csv: the column 'text' stands twice"),
        ("a.csv", 'text,label\n"Fine,1\n', r"a\.csv, line \d: not valid CSV .*: unexpected end of data"),
        ("a.csv", b"text,label\nF\xfcr,1\n", r"a\.csv is not UTF-8 text"),
        ("a.jsonl", '{"text": "A"}\n{"label": 1}', r"line 2: there is no column 'text', only 'label'"),
        ("a.parquet", "text,label\n", r"a\.parquet: not a Parquet file that can be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_table(write(tmp_path, name, content), ["text"])
    assert type(caught.value) is UserError


def test_a_parquet_file_without_the_column(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"review": ["Fine"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="there is no column 'text', only 'review'"):
        read_table(tmp_path / "a.parquet", ["text"])


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data.path: there is no file .*none\.csv; mend the path"):
        read_table(tmp_path / "none.csv", ["text"])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=r"the folder .*folder\.csv holds no .csv, .tsv, .jsonl or"):
        read_table(tmp_path / "folder.csv", ["text"])


def test_a_problem_shows_the_column_and_the_start_of_the_value(tmp_path: Path) -> None:
    column = read_table(write(tmp_path, "a.csv", f"text\n{'x' * 100}\n"), ["text"]).columns["text"]
    assert column.problem(0, "is too long") == f"column 'text' is '{'x' * 56}..., which is too long"
    assert column.places == ["line 2"]


@pytest.mark.parametrize(
    ("name", "content", "place", "problem"),
    [
        ("a.csv", "text,label\nFine,1\nA, B,0\n", "line 3", "has 3 fields, but the first has 2"),
        ("a.jsonl", '{"text": "A"}\n{"text": ', "line 2", "not valid JSON"),
        ("a.jsonl", '["Fine"]\n', "line 1", "must be a JSON object"),
    ],
)
def test_a_record_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, content: str, place: str, problem: str
) -> None:
    [(where, what)] = read_table(write(tmp_path, name, content), ["text"]).unreadable
    assert where == place
    assert problem in what
