"""Files of texts, scored: formats, batches, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving import tables
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.tables import score_file

LAYOUT = {"vocab_size": 6, "max_length": 3, "padding": "pre", "truncating": "pre"}
ROWS = [{"id": number, "text": text} for number, text in enumerate(["good", "bad, so", "good\ngood", ""])]


def share_of_good(token_ids: np.ndarray) -> np.ndarray:
    """0.25 and 0.25 for each `good` (id 4) of the row."""
    return (0.25 + 0.25 * (token_ids == 4).sum(1)).astype(np.float32)


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


def score(source: Path, target: Path, **options: Any) -> int:
    chosen = {"text_column": "text", "threshold": None, "on_batch": lambda rows: None} | options
    return score_file(CLASSIFIER, source, target, **chosen)


@pytest.mark.parametrize("source_kind", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("target_kind", [".csv", ".jsonl", ".parquet"])
def test_rows_keep_their_columns_and_order(
    source_kind: str, target_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BATCH", 3)  # two batches
    source, target = tmp_path / f"in{source_kind}", tmp_path / f"out{target_kind}"
    write(source, ROWS)
    batches: list[int] = []
    assert score(source, target, on_batch=batches.append) == 4
    assert batches == [3, 1]
    rows = read(target)
    assert [(int(row["id"]), row["text"]) for row in rows] == [(row["id"], row["text"]) for row in ROWS]
    found = [(row["predicted_label"], float(row["probability"]), float(row["unknown_share"])) for row in rows]
    assert found == EXPECTED


@pytest.mark.parametrize("target_kind", [".csv", ".jsonl", ".parquet"])
def test_a_column_that_only_the_last_row_has_is_kept(target_kind: str, tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"text": "good"}, {"text": "bad", "stars": 2}])
    score(tmp_path / "in.jsonl", tmp_path / f"out{target_kind}")
    first, last = read(tmp_path / f"out{target_kind}")
    assert int(last["stars"]) == 2
    assert first.get("stars") in (None, "")


@pytest.mark.parametrize("name", ["predicted_label", "probability", "unknown_share"])
def test_a_column_of_an_added_name_is_not_overwritten(name: str, tmp_path: Path) -> None:
    write(tmp_path / "in.jsonl", [{"text": "good"}, {"text": "good", name: "mine"}])
    with pytest.raises(ValueError, match=f"has a column '{name}' already, .*: rename it"):
        score(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"text": "good"}, {"text": None}], {}, "in.jsonl, line 2: column 'text' must be a text"),
        ([{"review": "good"}], {}, "there is no column 'text', only 'review': mend --text-column"),
        ([{"text": "good"}], {"threshold": 2.0}, "threshold must be above 0"),
        ([], {}, "holds no text"),
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
        ("in.txt", "out.csv", "--input must be a .csv, .tsv, .jsonl or .parquet file"),
        ("in.csv", "out.txt", "--output must be a .csv, .jsonl or .parquet file"),
        ("gone.csv", "out.csv", "--input: there is no file"),
    ],
)
def test_a_file_of_another_kind_is_refused(source: str, target: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        score(tmp_path / source, tmp_path / target)
