"""Files of texts, scored: formats, batches, rows that are set aside, files that are refused."""

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
KINDS = (".csv", ".jsonl", ".parquet")
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


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def score(
    source: str, target: str = "out.jsonl", folder: Path | None = None, on_batch: Any = None, **options: Any
) -> tuple[int, int]:
    chosen = Options(**{"text_column": "text"} | options)
    return score_file(
        CLASSIFIER, Path(source), Path(target), chosen, folder, on_batch=on_batch or (lambda _: None)
    )


def scored(rows: list[dict[str, Any]], target: str = "out.jsonl") -> list[dict[str, Any]]:
    """What is written of rows."""
    write(Path("in.jsonl"), rows)
    score("in.jsonl", target)
    return read(Path(target))


@pytest.mark.parametrize("source_kind", KINDS)
@pytest.mark.parametrize("target_kind", KINDS)
def test_rows_keep_their_columns_and_order(
    source_kind: str, target_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BATCH", 3)  # two batches
    write(Path(f"in{source_kind}"), ROWS)
    batches: list[int] = []
    assert score(f"in{source_kind}", f"out{target_kind}", on_batch=batches.append) == (4, 0)
    assert batches == [3, 1]
    rows = read(Path(f"out{target_kind}"))
    assert [(int(row["id"]), row["text"]) for row in rows] == [(row["id"], row["text"]) for row in ROWS]
    found = [(row["label"], float(row["probability"]), float(row["unknown_share"])) for row in rows]
    assert found == EXPECTED


@pytest.mark.parametrize("target_kind", KINDS)
def test_a_column_that_only_the_last_row_has_is_kept(target_kind: str) -> None:
    first, last = scored([{"text": "good"}, {"text": "bad", "stars": 2}], f"out{target_kind}")
    assert int(last["stars"]) == 2
    assert first.get("stars") in (None, "")


def test_a_table_with_a_label_keeps_it() -> None:
    (row,) = scored([{"text": "good", "label": "mine"}])
    assert (row["label"], row["predicted_label"]) == ("mine", "yes")


@pytest.mark.parametrize("taken", [{"label": 1, "predicted_label": 1}, {"probability": 1}])
def test_a_column_of_an_added_name_is_not_overwritten(taken: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"has a column '{list(taken)[-1]}' already, .*: rename it"):
        scored([{"text": "good"}, {"text": "good"} | taken])
    assert not Path("out.jsonl").exists()


BAD_JSONL = '{"text": "good"}\n\nnot json\n{"text": null, "id": 7}\n[1]\n{"id": 8}\n{"text": "\\ud800"}\n'
DEEP = f'{{"text": {"[" * 2_000}{"]" * 2_000}}}'
BAD_CSV = 'text,id\ngood,1\nbad,2,3\n"good\ngood",4\nbad\n'


@pytest.mark.parametrize(
    ("name", "content", "texts", "rejected"),
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
    name: str, content: str, texts: list[str], rejected: list[Any], target_kind: str
) -> None:
    Path(name).write_text(content)
    target = f"out{target_kind}"
    assert score(name, target) == (len(texts), len(rejected))
    assert [row["text"] for row in read(Path(target))] == texts
    found = read(Path("out.rejected.jsonl"))
    assert [(row["place"], row["record"]) for row in found] == [(place, row) for place, _, row in rejected]
    for row, (_, reason, _) in zip(found, rejected, strict=True):
        assert row["reason"].startswith(reason)
    Path(name).write_text('{"text": "good"}' if name == "in.jsonl" else "text,id\ngood,1\n")
    score(name, target)
    assert not Path("out.rejected.jsonl").exists()  # none of the rows that are there now


def test_parquet_keeps_its_types_and_json_numbers_find_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """polars 2.1 writes a Categorical as a dictionary of unsigned indices."""
    coded = pyarrow.DictionaryArray.from_arrays(pyarrow.array([1, None], pyarrow.uint32()), ["a", "b"])
    given = pyarrow.table(
        {
            "text": pyarrow.array(["good", "bad"], pyarrow.large_string()),
            "n": pyarrow.array([None, 3], pyarrow.int8()),
            "t": pyarrow.array([None, 1_700_000_000_000_000_001], pyarrow.timestamp("ns")),
            "kind": coded,
        }
    )
    pyarrow.parquet.write_table(given, "in.parquet")
    assert score("in.parquet", "out.parquet") == (2, 0)
    kept = pyarrow.parquet.read_table("out.parquet").select(given.column_names)
    assert (kept.schema.types, kept.to_pylist()) == (given.schema.types, given.to_pylist())
    monkeypatch.setattr(tables, "BATCH", 1)
    rows = scored([{"text": "good", "n": number} for number in (None, 1, 0.5)], "out.parquet")
    assert [row["n"] for row in rows] == [None, 1.0, 0.5]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"review": "good"}], {}, "there is no column 'text', only 'review': correct --text-column"),
        ([{"text": "good"}], {"threshold": 2.0}, "threshold must be above 0"),
    ],
)
def test_a_refused_file_leaves_the_old_output(
    rows: list[dict[str, Any]], options: dict[str, Any], message: str
) -> None:
    write(Path("in.jsonl"), rows)
    Path("out.jsonl").write_text("kept")
    with pytest.raises(ValueError, match=message):
        score("in.jsonl", **options)
    assert Path("out.jsonl").read_text() == "kept"
    assert sorted(path.name for path in Path().iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("in.txt", "out.csv", "--input must be a .csv, .tsv, .jsonl, .json or .parquet"),
        ("in.csv", "out.txt", "--output must be a .csv, .jsonl or .parquet file"),
        ("gone.csv", "out.csv", "--input: there is no file"),
    ],
)
def test_a_file_of_another_kind_is_refused(source: str, target: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(source, target)


def test_columns_of_equal_and_empty_names_are_all_kept() -> None:
    """A join of two tables; a spreadsheet's empty columns."""
    Path("in.csv").write_text("id,text,score,score,,id\n1,good,2,3,4,5\n")
    score("in.csv", "out.csv")
    header, row = Path("out.csv").read_text().splitlines()
    assert header == "id,text,score,score,,id,label,probability,unknown_share"
    assert row == "1,good,2,3,4,5,yes,0.5,0.0"
    for kind in (".jsonl", ".parquet"):
        score("in.csv", f"out{kind}")
        (written,) = read(Path(f"out{kind}"))
        assert list(written.values()) == ["1", "good", "2", "3", "4", "5", "yes", 0.5, 0.0]


@pytest.mark.parametrize("kind", [*KINDS, ".json"])
def test_an_empty_text_is_set_aside_whatever_the_file(kind: str) -> None:
    source = Path(f"in{kind}")
    written = source.with_suffix(".jsonl" if kind == ".json" else kind)
    write(written, [{"text": "good"}, {"text": " "}, {"text": ""}])
    written.rename(source)
    assert score(str(source)) == (1, 2)


def test_what_may_mean_missing_is_set_aside_until_somebody_decides() -> None:
    Path("in.csv").write_text("text\ngood\nNA\n")
    assert score("in.csv") == (1, 1)
    assert "--missing" in read(Path("out.rejected.jsonl"))[0]["reason"]
    assert score("in.csv", form=Format(missing=(), on_command_line=True)) == (2, 0)


def test_how_a_file_is_written_can_be_said() -> None:
    """An unquoted corpus without a header, in cp1250."""
    Path("in.tsv").write_bytes('no\t"idő good\nyes\tbad 27"\n'.encode("cp1250"))
    form = Format("cp1250", "tab", "none", has_header=False, on_command_line=True)
    assert score("in.tsv", text_column="2", form=form) == (2, 0)
    assert [row["2"] for row in read(Path("out.jsonl"))] == ['"idő good', 'bad 27"']
    with pytest.raises(ValueError, match=r"set --encoding to the right one"):
        score("in.tsv", text_column="2")


def test_nested_values_and_bytes_are_written_as_json_and_text() -> None:
    write(Path("in.parquet"), [{"text": "good", "of": {"a": [1, None]}, "raw": b"caf\xc3\xa9"}])
    for kind, nested in ((".csv", '{"a": [1, null]}'), (".jsonl", {"a": [1, None]})):
        score("in.parquet", f"out{kind}")
        (row,) = read(Path(f"out{kind}"))
        assert (row["of"], row["raw"]) == (nested, "café")


def test_the_further_header_rows_of_a_survey_are_not_scored() -> None:
    """SurveyMonkey writes two."""
    lines = "Respondent ID,Collector ID,text,Recommend?,", ",,Open-Ended Response,Yes,No", "11,2,good,Yes,"
    Path("in.csv").write_text("\n".join(lines))
    assert score("in.csv") == (1, 0)


def test_a_column_that_a_folder_names_is_not_added_again() -> None:
    """`label=neg/0.parquet` of pandas, Spark, DuckDB: readers lay the folder's value over an added one."""
    part = Path("in/label=neg/0.parquet")
    part.parent.mkdir(parents=True)
    write(part, [{"text": "good"}])
    score(str(part), folder=Path("in"))
    assert list(read(Path("out.jsonl"))[0]) == ["text", "predicted_label", "probability", "unknown_share"]
