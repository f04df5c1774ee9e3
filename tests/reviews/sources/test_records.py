"""Records of CSV, JSON and Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.files import files_of
from pipeline.reviews.sources.records import Reader
from pipeline.runtime.errors import UserError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, *names: str, **form: Any) -> list[tuple[str, dict[str, Any]]]:
    """The records of a file or a folder's files."""
    reader = Reader(names or ("text", "label"), Format(**form))
    folder = path if path.is_dir() else None
    return [record for file in files_of(path) for record in reader.read(file, folder)]


def values(path: Path, *names: str, **form: Any) -> list[tuple[Any, ...]]:
    names = names or ("text", "label")
    return [tuple(row.get(name) for name in names) for _, row in read(path, *names, **form)]


def test_csv_values_and_the_lines_they_begin_on(tmp_path: Path) -> None:
    content = '\ufefflabel,text\r\n1,"Fine, \r\n""really"""\r\n\r\n0,Dull\r\n'
    assert read(write(tmp_path, "a.csv", content)) == [
        ("line 2", {"label": "1", "text": 'Fine, \r\n"really"'}),
        ("line 5", {"label": "0", "text": "Dull"}),
    ]


def test_a_csv_field_may_be_longer_than_the_modules_limit(tmp_path: Path) -> None:
    text = "good " * 40_000
    assert values(write(tmp_path, "a.csv", f"text,label\n{text},1\n")) == [(text, "1")]


def test_json_lines(tmp_path: Path) -> None:
    content = '{"text": "Fine", "label": true, "more": 3}\n\n{"label": 0, "text": "D\\u00fcll"}\n'
    assert read(write(tmp_path, "a.JSONL", content)) == [
        ("line 1", {"text": "Fine", "label": True, "more": 3}),
        ("line 3", {"label": 0, "text": "Düll"}),
    ]


def test_parquet(tmp_path: Path) -> None:
    columns = {"id": [1, 2], "label": [1, 0], "text": pyarrow.array(["Fine", None]).dictionary_encode()}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [
        ("row 1", {"id": 1, "label": 1, "text": "Fine"}),
        ("row 2", {"id": 2, "label": 0, "text": None}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", "", r"data.path must be a .csv, .tsv, .jsonl, .json or .parquet file, but is .*a\.docx"),
        ("a.txt", "Fine.", r"data.path must be a .csv"),
        ("a.csv", "review,stars\nFine,1\n", r"a\.csv: there is no column 'text', only 'review', 'stars'"),
        ("a.csv", "text,text\nFine,Dull\n", r"a\.csv: the column 'text' stands twice"),
        (
            "a.csv",
            'text,label\n"Fine,1\nA,B,0\n',
            r"a\.csv, after line 1: not valid CSV .*: unexpected end of data",
        ),
        ("a.jsonl", '{"review": "A"}\n{"label": 1}', "there is no column 'text', only 'review', 'label'"),
        ("a.jsonl", '["Fine"]\n', "line 1: must be a JSON object"),
        ("a.json", '{"text": {"0": "Fine"},\n"label": {"0": 1}}', "an object a line, .* orient='records'"),
        ("a.parquet", "text,label\n", r"a\.parquet: not a Parquet file that can be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read(write(tmp_path, name, content), "text")
    assert type(caught.value) is UserError


def test_a_parquet_file_without_the_column(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"review": ["Fine"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="there is no column 'text', only 'review'"):
        read(tmp_path / "a.parquet", "text")


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data.path: there is no file .*none\.csv"):
        read(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=r"the folder .*folder\.csv holds no .csv, .tsv, .jsonl, .json or"):
        read(tmp_path / "folder.csv")


@pytest.mark.parametrize(
    ("name", "content", "place", "problem"),
    [
        ("a.csv", "text,label\nFine,1\nA, B,0\n", "line 3", "has 3 fields, but the first has 2"),
        ("a.jsonl", '{"text": "A", "label": 1}\n{"text": ', "line 2", "not valid JSON"),
        ("a.jsonl", '{"text": "A", "label": 1}\n["Fine"]\n', "line 2", "must be a JSON object"),
        ("a.json", '[{"text": "A", "label": 1}, "Fine"]\n', "record 2", "must be a JSON object"),
    ],
)
def test_a_record_that_cannot_be_read_is_told_and_the_others_are_read(
    tmp_path: Path, name: str, content: str, place: str, problem: str
) -> None:
    refused: list[tuple[str, str]] = []
    reader = Reader(["text"], refuse=lambda where, what, _: refused.append((where, what)))
    assert len(list(reader.read(write(tmp_path, name, content)))) == 1
    [(where, what)] = refused
    assert where == place
    assert problem in what
