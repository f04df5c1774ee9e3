"""Scores a file of texts: CSV, JSON Lines or Parquet in and out, a batch in memory at a time."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.encodings import kind_of
from pipeline.reviews.sources.files import REJECTED
from pipeline.reviews.sources.records import (
    PlacedRow,
    Reader,
    Refuse,
    Row,
    as_json,
    partitions_of,
    plain,
    problem_of,
    text_problem,
    unique,
)
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import replaced_together, written_whole
from pipeline.serving.classifier import TextClassifier, batches, number_columns

BATCH = 1024  # rows
LABEL, OTHER_LABEL = "label", "predicted_label"  # the second where the table has a column of the first name
_SURROGATE = re.compile("[\ud800-\udfff]")
OnBatch = Callable[[int], None]
Write = Callable[[list[Row]], None]


class Counts(NamedTuple):
    """Rows of a file."""

    scored: int
    rejected: int


@dataclass(frozen=True)
class _Columns:
    given: list[str]  # every column that a row has, in the order of their first appearance, each name once
    header: list[str]  # as they are called in the file
    added: list[str]  # by scoring
    schema: pyarrow.Schema | None  # of all of them, where a Parquet file is to be written


@contextmanager
def _csv_writer(path: Path, columns: _Columns) -> Iterator[Write]:
    """An empty cell where a row lacks a column; nested values as JSON."""
    names = [*columns.given, *columns.added]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns.header, *columns.added])

        def write(rows: list[Row]) -> None:
            writer.writerows([_cell(row.get(name)) for name in names] for row in rows)

        yield write


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return plain(value)
    return as_json(value) if isinstance(value, dict | list) else value


@contextmanager
def _jsonl_writer(path: Path, _columns: _Columns) -> Iterator[Write]:
    """Half a surrogate pair, which UTF-8 can't hold, becomes JSON's own escape."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        yield lambda rows: file.writelines(as_json(row) + "\n" for row in rows)


@contextmanager
def _parquet_writer(path: Path, columns: _Columns) -> Iterator[Write]:
    """Columns of the types of the schema.

    Raises:
        UserError: if a value is of another type.
    """
    schema = columns.schema or pyarrow.schema([])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:

        def write(rows: list[Row]) -> None:
            try:
                arrays = [_array([row.get(field.name) for row in rows], field.type) for field in schema]
                writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            except (pyarrow.ArrowException, UnicodeEncodeError) as error:
                raise UserError(f"--output: Parquet can't hold a value ({error}): write .jsonl") from None

        yield write


def _array(values: list[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    """pyarrow itself makes signed indices, whatever the type of a dictionary asks for."""
    if not pyarrow.types.is_dictionary(kind):
        return pyarrow.array(values, kind)
    coded = pyarrow.array(values, kind.value_type).dictionary_encode()
    return pyarrow.DictionaryArray.from_arrays(
        coded.indices.cast(kind.index_type), coded.dictionary, ordered=kind.ordered
    )


WRITERS = {".csv": _csv_writer, ".jsonl": _jsonl_writer, ".parquet": _parquet_writer}


@dataclass(frozen=True)
class Options:
    """How rows are scored."""

    text_column: str
    threshold: float | None = None  # in place of the classifier's own
    version: str = ""  # the model's address, for the records of parts
    form: Format = Format(on_command_line=True)  # noqa: RUF009 - frozen; how files are written, as far as it is known


def score_file(
    classifier: TextClassifier,
    source: Path,
    target: Path,
    options: Options,
    folder: Path | None = None,
    rejects: Path | None = None,
    on_batch: OnBatch = lambda _rows: None,
) -> Counts:
    """Writes ``source``'s rows to ``target`` with label and the classifier's numbers added.

    Rows keep their order and every column; where the table has a column `label`, the added one is
    `predicted_label`. A row that can't be scored goes to ``rejects`` with its place and the reason. Both
    files are written whole or not at all.

    Args:
        classifier: what labels the texts.
        source: a file that :class:`pipeline.reviews.sources.records.Reader` reads.
        target: .csv, .jsonl or .parquet; another kind than ``source``'s will do.
        options: how rows are scored.
        folder: that of a table of parts, whose folders may name columns, as in ``label=neg/``.
        rejects: a JSON Lines file, which exists only if there are such rows; by default beside ``target``.
        on_batch: told the number of rows after each batch.

    Raises:
        UserError: if a file is of another kind or can't be read, or has a column of an added name.
    """
    rejects = rejects or rejects_of(target)
    writer = WRITERS.get(target.suffix.lower())
    if writer is None:
        raise UserError(f"--output must be a .csv, .jsonl or .parquet file, but is {target}")
    reader = Reader([options.text_column], options.form, "--input", "--text-column")
    columns = _columns(
        reader, source, folder, number_columns(classifier.labels), target.suffix.lower() == ".parquet"
    )
    scored = 0
    with (
        replaced_together(),
        _rejecting(rejects) as (reject, rejected),
        written_whole(target) as temporary,
        writer(temporary, columns) as write,
    ):
        reader = replace(reader, refuse=reject)
        rows = (row for _, row in scorable(reader.read(source, folder), reader))
        for batch in batches(rows, BATCH):
            scores = classifier.score([row[options.text_column] for row in batch], options.threshold)
            numbers = [values.tolist() for values in classifier.numbers(scores).values()]
            added = zip(scores.labels, *numbers, strict=True)
            more = (dict(zip(columns.added, values, strict=True)) for values in added)
            write([row | values for row, values in zip(batch, more, strict=True)])
            scored += len(batch)
            on_batch(len(batch))
    return Counts(scored, len(rejected))


def rejects_of(target: Path) -> Path:
    """Where a file's rejected rows go: ``scored.rejected.jsonl`` of ``scored.csv``."""
    return target.with_name(f"{target.stem}{REJECTED}")


def scorable(records: Iterable[PlacedRow], reader: Reader) -> Iterator[PlacedRow]:
    """The records that have a text; the others are refused, in their order."""
    name = reader.names[0]
    for place, row in records:
        if problem := text_problem(row.get(name), reader.form):
            problem = problem_of(name, row.get(name), problem)
        elif broken := [
            key for key, value in row.items() if isinstance(value, str) and _SURROGATE.search(value)
        ]:
            problem = f"column {broken[0]!r} is not Unicode text: half a surrogate pair"
        if not problem:
            yield place, row
        elif reader.refuse:
            reader.refuse(place, problem, row)


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
            files[0].write(json.dumps(row, default=plain) + "\n")
            places.append(place)

        yield reject, places
    if not places:
        path.unlink(missing_ok=True)


def _columns(
    reader: Reader, source: Path, folder: Path | None, numbers: Sequence[str], wants_schema: bool
) -> _Columns:
    """Reads what tells the columns: of JSON every row, since one may appear in the last row only.

    Raises:
        UserError: if a row has one of the added columns already, or none has the text.
    """
    first_pass = replace(reader, refuse=lambda *_: None)
    rows = (row for _, row in scorable(first_pass.read(source, folder), first_pass))
    schema = None
    if kind_of(source) in (".csv", ".tsv", ".parquet", ".txt"):
        first = next(rows, {reader.names[0]: ""})  # or it says what is wrong with the file
        header = first_pass.header or list(first)
        given = unique(header)
        if kind_of(source) == ".parquet":
            fields = pyarrow.parquet.read_schema(source).remove_metadata()
            schema = pyarrow.schema(
                [field.with_name(name) for field, name in zip(fields, given, strict=True)]
            )
    else:
        found: dict[str, None] = {}
        for batch in batches(rows, BATCH):
            found |= dict.fromkeys(name for row in batch for name in row)
            if wants_schema:
                schema = _widen(schema, batch, list(found))
        header = given = list(found) or [reader.names[0]]
    named = {*given, *partitions_of(source, folder)}
    added = [LABEL if LABEL not in named else OTHER_LABEL, *numbers]
    if taken := [name for name in added if name in named]:
        raise UserError(
            f"{source} has a column {taken[0]!r} already, and one of that name is to be added: rename it"
        )
    if wants_schema:
        types = dict.fromkeys([*given, added[0]], pyarrow.string())
        types |= dict.fromkeys(numbers, pyarrow.float64())
        types |= {field.name: field.type for field in schema or []}
        schema = pyarrow.schema(list(types.items()))
    return _Columns(given, header, added, schema)


def _widen(schema: pyarrow.Schema | None, rows: Sequence[Row], names: list[str]) -> pyarrow.Schema:
    """The types that hold ``rows`` too; an integer column becomes a float one where it must."""
    try:
        found = pyarrow.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]).schema
        return pyarrow.unify_schemas([schema or found, found], promote_options="permissive")
    except (pyarrow.ArrowException, UnicodeEncodeError) as error:
        raise UserError(f"--output: no Parquet type holds all rows ({error}): write .jsonl") from None
