"""Records of CSV, JSON and Parquet files."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from pipeline.runtime.errors import UserError
from reviews.own_files import read, table, values, write


def test_csv_values_and_the_lines_they_begin_on(tmp_path: Path) -> None:
    content = '\ufefflabel,text\r\n1,"Fine, \r\n""really"""\r\n\r\n0,Dull\r\n'
    assert read(write(tmp_path, "a.csv", content)) == [
        ("line 2", {"label": "1", "text": 'Fine, \r\n"really"'}),
        ("line 5", {"label": "0", "text": "Dull"}),
    ]
    long = "good " * 40_000  # than the csv module's limit
    assert values(write(tmp_path, "a.csv", table([f"{long},1"]))) == [(long, "1")]


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
    with pytest.raises(ValueError, match="there is no column 'review', only 'id', 'label', 'text'"):
        read(tmp_path / "a.parquet", "review")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", "", r"data.path must be a .csv, .tsv, .jsonl, .json or .parquet file, but is .*a\.docx"),
        ("a.txt", "Fine.", r"data.path must be a .csv"),
        ("a.csv", "review,stars\nFine,1\n", r"a\.csv: there is no column 'text', only 'review', 'stars'"),
        ("a.csv", "text,text\nFine,Dull\n", r"a\.csv: the column 'text' stands twice"),
        ("a.csv", 'text,label\n"Fine,1\nA,B,0\n', r"a\.csv, after line 1: not valid CSV .*: unexpected end"),
        ("a.jsonl", '{"review": "A"}\n{"label": 1}', "there is no column 'text', only 'review', 'label'"),
        ("a.jsonl", '{"text": "A"}\n["Fine"]\n', "line 2: must be a JSON object"),
        ("a.jsonl", '{"text": "A"}\n{"text": ', "line 2: not valid JSON"),
        ("a.json", '[{"text": "A"}, "Fine"]\n', "record 2: must be a JSON object"),
        ("a.csv", "text,label\nFine,1\nA, B,0\n", "line 3: has 3 fields, but the first has 2"),
        ("a.json", '{"text": {"0": "Fine"},\n"label": {"0": 1}}', "an object a line, .* orient='records'"),
        ("a.json", '{"text": {"0": "Fine"},"label": {"0": 1}}', "an object a line, .* orient='records'"),
        ("a.parquet", "text,label\n", r"a\.parquet: not a Parquet file that can be read"),
        ("csv/a.docx", "", r"the folder .*csv holds no .csv, .tsv, .jsonl, .json or"),
        ("none/none.csv", None, r"data.path: there is no file .*none\.csv"),
    ],
)
def test_a_file_of_no_use_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name if content is None else write(tmp_path, name, content)
    with pytest.raises(UserError, match=message):
        read(path.parent if name.startswith("csv/") else path, "text")
