"""Files of texts, scored: formats, batches, rows that are set aside, files that are refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving import tables
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.tables import Options, score_file
from two_labels import both

LAYOUT = {"vocab_size": 6, "max_length": 3, "padding": "pre", "truncating": "pre"}
ROWS = [{"id": number, "text": text} for number, text in enumerate(["good", "bad, so", "good\ngood", "!"])]


def share_of_good(token_ids: np.ndarray) -> np.ndarray:
    """0.25 and 0.25 for each `good` (id 4) of the row."""
    return both(0.25 + 0.25 * (token_ids == 4).sum(1))


CLASSIFIER = TextClassifier(share_of_good, Vocabulary(("good", "bad")), LAYOUT, ("no", "yes"), 0.5)
EXPECTED = [("yes", 0.5, 0.0), ("no", 0.25, 0.5), ("yes", 0.75, 0.0), ("undecided", 0.25, 1.0)]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        return list(pyarrow.parquet.read_table(path).to_pylist())
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def score(
    source: Path, target: Path, folder: Path | None = None, on_batch: Any = lambda _: None, **options: Any
) -> tuple[int, int]:
    chosen = Options(**{"text_column": "text"} | options)
    return score_file(CLASSIFIER, source, target, chosen, folder, on_batch=on_batch)


@pytest.mark.parametrize("source_kind", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("target_kind", [".csv", ".jsonl", ".parquet"])
def test_rows_keep_their_columns_and_order(
    source_kind: str, target_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BATCH", 3)  # two batches
    source, target = tmp_path / f"in{source_kind}", tmp_path / f"out{target_kind}"
    write(source, ROWS)
    batches: list[int] = []
    assert score(source, target, on_batch=batches.append) == (4, 0)
    assert batches == [3, 1]
    rows = read(target)
    assert [(int(row["id"]), row["text"]) for row in rows] == [(row["id"], row["text"]) for row in ROWS]
    found = [(row["label"], float(row["probability"]), float(row["unknown_share"])) for row in rows]
    assert found == EXPECTED


@pytest.mark.parametrize("target_kind", [".csv", ".jsonl", ".parquet"])
def test_a_column_that_only_the_last_row_has_is_kept(target_kind: str, tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"text": "good"}, {"text": "bad", "stars": 2}])
    score(tmp_path / "in.jsonl", tmp_path / f"out{target_kind}")
    first, last = read(tmp_path / f"out{target_kind}")
    assert int(last["stars"]) == 2
    assert first.get("stars") in (None, "")


def test_a_table_with_a_label_keeps_it(tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"text": "good", "label": "mine"}])
    score(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    (row,) = read(tmp_path / "out.jsonl")
    assert (row["label"], row["predicted_label"]) == ("mine", "yes")


@pytest.mark.parametrize("taken", [{"label": 1, "predicted_label": 1}, {"probability": 1}])
def test_a_column_of_an_added_name_is_not_overwritten(taken: dict[str, int], tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"text": "good"}, {"text": "good"} | taken])
    with pytest.raises(ValueError, match=f"has a column '{list(taken)[-1]}' already, .*: rename it"):
        score(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


BAD_JSONL = '{"text": "good"}\n\nnot json\n{"text": null, "id": 7}\n[1]\n{"id": 8}\n{"text": "\\ud800"}\n'
DEEP = f'{{"text": {"[" * 2_000}{"]" * 2_000}}}'
BAD_CSV = 'text,id\ngood,1\nbad,2,3\n"good\ngood",4\nbad\n'


@pytest.mark.parametrize(
    ("name", "content", "scored", "rejected"),
    [
        (
            "in.jsonl",
            BAD_JSONL,
            ["good"],
            [
                ("line 3", "not valid JSON", "not json"),
                ("line 4", "column 'text' is None, which is not a review's text", {"text": None, "id": 7}),
                ("line 5", "must be a JSON object", [1]),
                ("line 6", "column 'text' is None, which is not a", {"id": 8}),
                ("line 7", "column 'text' is '\\ud800', which holds half", {"text": "\ud800"}),
            ],
        ),
        (
            "in.jsonl",
            f'{{"text": "good", "more": {"[" * 90}{"]" * 90}}}\n{DEEP}\n',
            ["good"],
            [("line 2", "not valid JSON: its values are nested too deeply", DEEP)],
        ),
        (
            "in.csv",
            BAD_CSV,
            ["good", "good\ngood"],
            [("line 3", "has 3 fields", ["bad", "2", "3"]), ("line 6", "has 1 fields", ["bad"])],
        ),
    ],
)
@pytest.mark.parametrize("target_kind", [".jsonl", ".parquet"])
def test_rows_that_can_not_be_scored_are_set_aside_with_their_lines_and_reasons(
    name: str, content: str, scored: list[str], rejected: list[Any], target_kind: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    target = tmp_path / f"out{target_kind}"
    assert score(tmp_path / name, target) == (len(scored), len(rejected))
    assert [row["text"] for row in read(target)] == scored
    found = read(tmp_path / "out.rejected.jsonl")
    assert [(row["place"], row["record"]) for row in found] == [(place, row) for place, _, row in rejected]
    for row, (_, reason, _) in zip(found, rejected, strict=True):
        assert row["reason"].startswith(reason)
    (tmp_path / name).write_text('{"text": "good"}' if name == "in.jsonl" else "text,id\ngood,1\n")
    score(tmp_path / name, target)
    assert not (tmp_path / "out.rejected.jsonl").exists()  # none of the rows that are there now


def test_parquet_keeps_its_types_and_json_numbers_find_one(tmp_path: Path, monkeypatch: Any) -> None:
    schema = pyarrow.schema(
        [("text", pyarrow.string()), ("n", pyarrow.int8()), ("t", pyarrow.timestamp("ns"))]
    )
    rows = [{"text": "good", "n": None, "t": None}, {"text": "bad", "n": 3, "t": 1_700_000_000_000_000_001}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", tmp_path / "out.parquet")
    kept = pyarrow.parquet.read_table(tmp_path / "out.parquet").select(["text", "n", "t"])
    assert kept.equals(pyarrow.parquet.read_table(tmp_path / "in.parquet"))
    monkeypatch.setattr(tables, "BATCH", 1)
    write(
        tmp_path / "in.jsonl",
        [{"text": "good", "n": None}, {"text": "good", "n": 1}, {"text": "bad", "n": 0.5}],
    )
    score(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert [row["n"] for row in read(tmp_path / "out.parquet")] == [None, 1.0, 0.5]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"review": "good"}], {}, "there is no column 'text', only 'review': correct --text-column"),
        ([{"text": "good"}], {"threshold": 2.0}, "threshold must be above 0"),
    ],
)
def test_a_refused_file_leaves_the_old_output(
    rows: list[dict[str, Any]], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", rows)
    (tmp_path / "out.jsonl").write_text("kept")
    with pytest.raises(ValueError, match=message):
        score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", **options)
    assert (tmp_path / "out.jsonl").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("in.txt", "out.csv", "--input must be a .csv, .tsv, .jsonl, .json or .parquet"),
        ("in.csv", "out.txt", "--output must be a .csv, .jsonl or .parquet file"),
        ("gone.csv", "out.csv", "--input: there is no file"),
    ],
)
def test_a_file_of_another_kind_is_refused(source: str, target: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        score(tmp_path / source, tmp_path / target)


def test_columns_of_equal_and_empty_names_are_all_kept(tmp_path: Path) -> None:
    """A join of two tables; a spreadsheet's empty columns."""
    (tmp_path / "in.csv").write_text("id,text,score,score,,id\n1,good,2,3,4,5\n")
    score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "id,text,score,score,,id,label,probability,unknown_share",
        "1,good,2,3,4,5,yes,0.5,0.0",
    ]
    for kind in (".jsonl", ".parquet"):
        score(tmp_path / "in.csv", tmp_path / f"out{kind}")
        (row,) = read(tmp_path / f"out{kind}")
        assert list(row.values()) == ["1", "good", "2", "3", "4", "5", "yes", 0.5, 0.0]


@pytest.mark.parametrize("kind", [".csv", ".jsonl", ".json", ".parquet"])
def test_an_empty_text_is_set_aside_whatever_the_file(kind: str, tmp_path: Path) -> None:
    rows = [{"text": "good"}, {"text": " "}, {"text": ""}]
    write(tmp_path / f"in{kind.replace('.json', '.jsonl') if kind == '.json' else kind}", rows)
    if kind == ".json":
        (tmp_path / "in.jsonl").rename(tmp_path / "in.json")
    assert score(tmp_path / f"in{kind}", tmp_path / "out.csv") == (1, 2)


def test_what_may_mean_missing_is_set_aside_until_somebody_decides(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\ngood\nNA\n")
    assert score(tmp_path / "in.csv", tmp_path / "out.csv") == (1, 1)
    assert "--missing" in read(tmp_path / "out.rejected.jsonl")[0]["reason"]
    none = Format(missing=(), on_command_line=True)
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", form=none) == (2, 0)


def test_how_a_file_is_written_can_be_said(tmp_path: Path) -> None:
    """An unquoted corpus without a header, in cp1250."""
    rows = 'no\t"idő good\nyes\tbad 27"\n'
    (tmp_path / "in.tsv").write_bytes(rows.encode("cp1250"))
    form = Format("cp1250", "tab", "none", has_header=False, on_command_line=True)
    assert score(tmp_path / "in.tsv", tmp_path / "out.csv", text_column="2", form=form) == (2, 0)
    assert [row["2"] for row in read(tmp_path / "out.csv")] == ['"idő good', 'bad 27"']
    with pytest.raises(ValueError, match=r"set --encoding to the right one"):
        score(tmp_path / "in.tsv", tmp_path / "out.csv", text_column="2")


def test_a_dictionary_of_unsigned_indices_keeps_its_type(tmp_path: Path) -> None:
    """polars 2.1 writes a Categorical so."""
    kind = pyarrow.dictionary(pyarrow.uint32(), pyarrow.string())
    indices = pyarrow.array([1, 0, None], pyarrow.uint32())
    column = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(["a", "b"]))
    table = pyarrow.table({"text": pyarrow.array(["good"] * 3, pyarrow.large_string()), "kind": column})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    assert score(tmp_path / "in.parquet", tmp_path / "out.parquet") == (3, 0)
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.field("kind").type == kind
    assert found["kind"].to_pylist() == ["b", "a", None]


def test_nested_values_and_bytes_are_written_as_json_and_text(tmp_path: Path) -> None:
    rows = [{"text": "good", "of": {"a": [1, None]}, "raw": b"caf\xc3\xa9"}]
    write(tmp_path / "in.parquet", rows)
    score(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert (
        read(tmp_path / "out.csv")[0] | {"of": '{"a": [1, null]}', "raw": "café"}
        == read(tmp_path / "out.csv")[0]
    )
    score(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    (row,) = read(tmp_path / "out.jsonl")
    assert (row["of"], row["raw"]) == ({"a": [1, None]}, "café")


def test_the_further_header_rows_of_a_survey_are_not_scored(tmp_path: Path) -> None:
    """SurveyMonkey writes two."""
    (tmp_path / "in.csv").write_text(
        "Respondent ID,Collector ID,text,Recommend?,\n,,Open-Ended Response,Yes,No\n11,2,good,Yes,\n"
    )
    assert score(tmp_path / "in.csv", tmp_path / "out.csv") == (1, 0)


def test_a_column_that_a_folder_names_is_not_added_again(tmp_path: Path) -> None:
    """`label=neg/0.parquet` of pandas, Spark, DuckDB: readers lay the folder's value over an added one."""
    (tmp_path / "in/label=neg").mkdir(parents=True)
    write(tmp_path / "in/label=neg/0.parquet", [{"text": "good"}])
    score(tmp_path / "in/label=neg/0.parquet", tmp_path / "out.parquet", folder=tmp_path / "in")
    assert list(read(tmp_path / "out.parquet")[0]) == [
        "text",
        "predicted_label",
        "probability",
        "unknown_share",
    ]
