"""Scores a file of texts: CSV, JSON Lines or Parquet in and out, a batch in memory at a time."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.parquet

from pipeline.reviews.sources.dialects import kind_of
from pipeline.reviews.sources.records import Record, Refuse, read_records
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import replaced_together, written_whole
from pipeline.serving.classifier import TextClassifier, batches

# Writes rows to a CSV, JSON Lines or Parquet file, a batch at a time.

Row = dict[str, Any]
Write = Callable[[list[Row]], None]


@contextmanager
def csv_writer(path: Path, columns: Sequence[str], _schema: pyarrow.Schema | None) -> Iterator[Write]:
    """An empty cell where a row lacks a column."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        yield writer.writerows


@contextmanager
def jsonl_writer(path: Path, _columns: Sequence[str], _schema: pyarrow.Schema | None) -> Iterator[Write]:
    """Half a surrogate pair, which UTF-8 can't hold, becomes JSON's own escape."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:

        def write(rows: list[Row]) -> None:
            file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)

        yield write


@contextmanager
def parquet_writer(path: Path, columns: Sequence[str], schema: pyarrow.Schema | None) -> Iterator[Write]:
    """Columns of the types of ``schema``.

    Raises:
        UserError: if a value is of another type.
    """
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:

        def write(rows: list[Row]) -> None:
            try:
                filled = [{name: row.get(name) for name in columns} for row in rows]
                writer.write_table(pyarrow.Table.from_pylist(filled, schema=schema))
            except (pyarrow.ArrowException, UnicodeEncodeError) as error:
                raise UserError(f"--output: Parquet can't hold a value ({error}): write .jsonl") from None

        yield write


WRITERS = {".csv": csv_writer, ".jsonl": jsonl_writer, ".parquet": parquet_writer}


BATCH = 1024  # rows
LABEL, OTHER_LABEL = "label", "predicted_label"  # the second where the table has a column of the first name
_SURROGATE = re.compile("[\ud800-\udfff]")
OnBatch = Callable[[int], None]


class Counts(NamedTuple):
    """Rows of a file."""

    scored: int
    rejected: int


@dataclass(frozen=True)
class _Columns:
    """The columns of a scored file.

    Attributes:
        given: every column that a row has, in the order of their first appearance.
        numbers: the added ones beside the label.
        schema: with the added ones, where a Parquet file is to be written.
    """

    given: list[str]
    numbers: Sequence[str]
    schema: pyarrow.Schema | None

    @property
    def added(self) -> tuple[str, ...]:
        """Those that scoring adds."""
        return (LABEL if LABEL not in self.given else OTHER_LABEL, *self.numbers)


def score_file(
    classifier: TextClassifier,
    source: Path,
    target: Path,
    *,
    text_column: str,
    threshold: float | None,
    rejects: Path | None = None,
    on_batch: OnBatch = lambda _rows: None,
) -> Counts:
    """Writes ``source``'s rows to ``target`` with label and the classifier's numbers added.

    Rows keep their order and every column; where the table has a column `label`, the added one is
    `predicted_label`. A row that can't be scored goes to ``rejects`` with its place and the reason. Both
    files are written whole or not at all.

    Args:
        classifier: what labels the texts.
        source: a file that :func:`read_records` reads.
        target: .csv, .jsonl or .parquet; another kind than ``source``'s will do.
        text_column: the column of the texts.
        threshold: in place of the classifier's own.
        rejects: a JSON Lines file, which exists only if there are such rows; by default beside ``target``.
        on_batch: told the number of rows after each batch.

    Raises:
        UserError: if a file is of another kind or can't be read, or has a column of an added name.
    """
    rejects = rejects or rejects_of(target)
    writer = WRITERS.get(target.suffix.lower())
    if writer is None:
        raise UserError(f"--output must be a .csv, .jsonl or .parquet file, but is {target}")
    columns = _columns(
        source, text_column, classifier.number_columns, wants_schema=target.suffix.lower() == ".parquet"
    )
    scored = 0
    with replaced_together(), _rejecting(rejects) as (reject, rejected):
        rows = _scorable(source, text_column, reject)
        with (
            written_whole(target) as temporary,
            writer(temporary, [*columns.given, *columns.added], columns.schema) as write,
        ):
            for batch in batches(rows, BATCH):
                scores = classifier.score([row[text_column] for row in batch], threshold)
                added = _added(scores.labels, classifier.numbers(scores), columns)
                write([row | more for row, more in zip(batch, added, strict=True)])
                scored += len(batch)
                on_batch(len(batch))
    return Counts(scored, len(rejected))


def rejects_of(target: Path) -> Path:
    """Where a file's rejected rows go: ``scored.rejected.jsonl`` of ``scored.csv``."""
    return target.with_name(f"{target.stem}.rejected.jsonl")


def _added(labels: list[str], numbers: Mapping[str, np.ndarray], columns: _Columns) -> Iterator[Row]:
    values = zip(labels, *(numbers[name].tolist() for name in columns.numbers), strict=True)
    return (dict(zip(columns.added, row, strict=True)) for row in values)


def _records(source: Path, text_column: str, refuse: Refuse) -> Iterator[Record]:
    # A line of JSON without the column is one bad row; a table without it is no table of texts.
    names = [] if kind_of(source) == ".jsonl" else [text_column]
    return read_records(source, names, file_option="--input", column_options="--text-column", refuse=refuse)


def _scorable(source: Path, text_column: str, reject: Refuse) -> Iterator[Row]:
    """The rows that have a text; the others are given to ``reject``, in the file's order."""
    for place, row in _records(source, text_column, reject):
        problem = _problem(row, text_column)
        if problem:
            reject(place, problem, row)
        else:
            yield row


def _problem(row: Row, text_column: str) -> str:
    """Why a row can't be scored; empty if it can."""
    if text_column not in row:
        return f"there is no column {text_column!r}"
    if not isinstance(row[text_column], str):
        return f"column {text_column!r} must be a text, but is {json.dumps(row[text_column], default=str)}"
    broken = [name for name, value in row.items() if isinstance(value, str) and _SURROGATE.search(value)]
    return f"column {broken[0]!r} is not Unicode text: half a surrogate pair" if broken else ""


@contextmanager
def _rejecting(path: Path) -> Iterator[tuple[Refuse, list[str]]]:
    """What writes a rejected row, and the places of those so far; the file is made with the first one."""
    places: list[str] = []
    with ExitStack() as stack:
        files: list[Any] = []

        def reject(place: str, problem: str, record: Any) -> None:
            if not files:
                temporary = stack.enter_context(written_whole(path))
                files.append(stack.enter_context(temporary.open("w", encoding="utf-8")))
            row = {"place": place, "reason": problem, "record": record}
            files[0].write(json.dumps(row, default=str) + "\n")
            places.append(place)

        yield reject, places
    if not places:
        path.unlink(missing_ok=True)


def _columns(source: Path, text_column: str, numbers: Sequence[str], *, wants_schema: bool) -> _Columns:
    """Reads what tells the columns: of JSON Lines every row, since one may appear in the last row only.

    Raises:
        UserError: if a row has one of the added columns already, or none has the text.
    """
    match kind_of(source):
        case ".parquet":
            given, schema = _parquet_columns(source, text_column)
        case ".jsonl":
            given, schema = _jsonl_columns(source, text_column, wants_schema)
        case _:
            _, first = next(_records(source, text_column, _ignore), ("", {text_column: ""}))
            given, schema = list(first), None
    columns = _Columns(given, numbers, schema)
    taken = [name for name in columns.added if name in given]
    if taken:
        raise UserError(
            f"{source} has a column {taken[0]!r} already, and one of that name is to be added: rename it"
        )
    return _Columns(given, numbers, _with_added(columns) if wants_schema else None)


def _parquet_columns(source: Path, text_column: str) -> tuple[list[str], pyarrow.Schema]:
    next(_records(source, text_column, _ignore), None)  # it says what is wrong with the file
    schema = pyarrow.parquet.read_schema(source).remove_metadata()
    return schema.names, schema


def _jsonl_columns(
    source: Path, text_column: str, wants_schema: bool
) -> tuple[list[str], pyarrow.Schema | None]:
    found: dict[str, None] = {}
    schema = None
    for batch in batches((row for _, row in _records(source, text_column, _ignore)), BATCH):
        found |= dict.fromkeys(name for row in batch for name in row)
        scorable = [row for row in batch if not _problem(row, text_column)]
        if wants_schema and scorable:
            schema = _widened(schema, scorable, list(found))
    if found and text_column not in found:
        raise UserError(
            f"{source}: there is no column {text_column!r}, only {', '.join(map(repr, found))}: "
            "set --text-column"
        )
    return list(found) or [text_column], schema


def _widened(schema: pyarrow.Schema | None, rows: Sequence[Row], names: list[str]) -> pyarrow.Schema:
    """The types that hold ``rows`` too; an integer column becomes a float one where it must."""
    try:
        found = pyarrow.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]).schema
        return (
            found if schema is None else pyarrow.unify_schemas([schema, found], promote_options="permissive")
        )
    except (pyarrow.ArrowException, UnicodeEncodeError) as error:
        raise UserError(f"--output: no Parquet type holds all rows ({error}): write .jsonl") from None


def _with_added(columns: _Columns) -> pyarrow.Schema:
    """The given columns, of text if nothing else is known of them, and the added ones."""
    label, *numbers = columns.added
    types = {name: pyarrow.string() for name in [*columns.given, label]}
    types |= {name: pyarrow.float64() for name in numbers}
    types |= {field.name: field.type for field in columns.schema or []}
    return pyarrow.schema(list(types.items()))


def _ignore(_place: str, _problem: str, _record: Any) -> None:
    """Of a first pass: the second one rejects."""
