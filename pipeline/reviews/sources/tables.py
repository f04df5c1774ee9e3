"""Reads named columns of CSV, JSON Lines and Parquet files, keeping the place of each value."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from pipeline.reviews.sources.dialects import (
    Wanted,
    kind_of,
    open_text,
    recognise_dialect,
    recognise_encoding,
)
from pipeline.runtime.errors import UserError


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        path: the file.
        name: the column's name.
        values: one a review.
        places: where each stands: ``line 7``, ``row 3``.
    """

    path: Path
    name: str
    values: list[Any]
    places: list[str]

    def problem(self, row: int, problem: str) -> str:
        """What the value of ``row`` is, and its ``problem``."""
        shown = repr(self.values[row])
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return f"column {self.name!r} is {shown}, which {problem}"


EVERY = 100_000  # rows
Record = tuple[str, dict[str, Any]]  # its place, and its values by column
Require = Callable[[list[str], str], None]  # given the columns found and where, raises if one is missing
Refuse = Callable[[str, str, Any], None]  # told the place of a record that can't be read, why, and what it is


@dataclass(frozen=True)
class Table:
    """Columns of one file or of all files of a folder.

    Attributes:
        columns: by name.
        files: the file of each row, as a path in the folder.
        formats: how each file is written: ``{"a.csv": "utf-8, delimiter comma, quotes doubled"}``.
        unreadable: records that are no record, and why, in the file's order.
    """

    columns: dict[str, Column]
    files: list[str]
    formats: dict[str, str]
    unreadable: list[tuple[str, str]]


def read_table(
    path: Path,
    names: list[str],
    file_option: str = "data.path",
    wanted: Wanted | None = None,
    kept: Mapping[str, Callable[[Any], Any]] | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> Table:
    """The columns ``names`` of a file, which the parameter ``file_option`` names, or of a folder's files.

    Args:
        path: of the file or folder.
        names: of the columns.
        file_option: what ``path`` was named with, for messages.
        wanted: how files are written, where that is not to be recognised.
        kept: by column, what is kept of each of its values; by default the value itself.
        on_rows: told, every ``EVERY`` rows, how many have been read.

    Raises:
        UserError: if the file is missing, of another kind, empty, can't be read, or lacks a column.
    """
    options = "data.text_column, data.label_column or data.split_column"
    places: list[str] = []
    in_files: list[str] = []
    values: dict[str, list[Any]] = {name: [] for name in names}
    keep = [(name, values[name].append, (kept or {}).get(name)) for name in names]
    formats: dict[str, str] = {}
    unreadable: list[tuple[str, str]] = []
    files = files_of(path, file_option)
    for file in files:
        shown = file.relative_to(path).as_posix() if file != path else file.name
        prefix = f"{shown}, " if file != path else ""
        faulty: list[tuple[str, str]] = []
        records = read_records(
            file,
            names,
            file_option=file_option,
            column_options=options,
            wanted=wanted,
            refuse=partial(_note, faulty),
            all_columns=False,
            on_format=partial(formats.__setitem__, shown),
        )
        for place, record in records:
            places.append(prefix + place)
            in_files.append(shown)
            for name, append, kept_of in keep:
                value = record[name]
                append(value if kept_of is None else kept_of(value))
            if len(places) % EVERY == 0:
                on_rows(len(places))
        unreadable += [(prefix + place, problem) for place, problem in faulty]
    if not places and not unreadable:
        raise UserError(f"{path} holds no review: give a file with some")
    return Table(
        {name: Column(path, name, values[name], places) for name in names}, in_files, formats, unreadable
    )


def files_of(path: Path, file_option: str = "data.path") -> list[Path]:
    """The file itself, or all files of a folder that can be read, by name.

    Raises:
        UserError: if a folder holds none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(each for each in path.rglob("*") if each.is_file() and kind_of(each) in _READERS)
    if not files:
        raise UserError(f"{file_option}: the folder {path} holds no {_KINDS} file")
    return files


def read_records(
    path: Path,
    names: list[str],
    *,
    file_option: str,
    column_options: str,
    wanted: Wanted | None = None,
    refuse: Refuse | None = None,
    all_columns: bool = True,
    on_format: Callable[[str], None] = lambda _: None,
) -> Iterator[Record]:
    """The records of a .csv, .tsv, .jsonl or .parquet file, all columns, one after the other.

    The first two may be packed as .gz or .zst, and so may .jsonl.

    Args:
        path: the file.
        names: columns that it must have.
        file_option: what the file was named with, for messages.
        column_options: what the columns were named with.
        wanted: how the file is written, where that is not to be recognised.
        refuse: told of records that can't be read, which are then left out; without it they are an error.
        all_columns: whether a record has those too that aren't named.
        on_format: told how the file is written.

    Raises:
        UserError: if the file is missing, of another kind, can't be read, or lacks a column.
    """
    reader = _READERS.get(kind_of(path))
    if reader is None:
        raise UserError(f"{file_option} must be a {_KINDS} file, but is {path}")

    def fail(place: str, problem: str, _record: Any) -> None:
        raise UserError(f"{path}, {place}: {problem}")

    source = _Source(path, names, wanted or Wanted(), refuse or fail, all_columns, on_format)
    try:
        yield from reader(source, partial(_require_columns, names, column_options))
    except FileNotFoundError:
        raise UserError(f"{file_option}: there is no file {path}; mend the path") from None
    except OSError as error:
        raise UserError(f"{file_option}: {path} can't be read: {error.strerror or error}") from None


@dataclass(frozen=True)
class _Source:
    path: Path
    names: list[str]
    wanted: Wanted
    refuse: Refuse
    all_columns: bool
    on_format: Callable[[str], None]


def _read_csv(source: _Source, require: Require) -> Iterator[Record]:
    """Records of a CSV with a header line; blank lines are skipped."""
    path = source.path
    dialect = recognise_dialect(path, source.names, source.wanted)
    source.on_format(str(dialect))
    with open_text(path, dialect.encoding) as file:
        reader = dialect.reader(file)
        skipped = dialect.skipped_lines
        try:
            header: list[str] = next(reader, [])
            if header:
                require(header, str(path))
            start = reader.line_num + 1
            for fields in reader:
                if fields and len(fields) != len(header):
                    source.refuse(
                        f"line {start + skipped}",
                        f"has {len(fields)} fields, but the header has {len(header)}: put texts that hold "
                        f"the delimiter {dialect.delimiter!r} in double quotes, and double the quotes inside",
                        fields,
                    )
                elif fields:
                    yield f"line {start + skipped}", dict(zip(header, fields, strict=True))
                start = reader.line_num + 1
        except csv.Error as error:
            raise UserError(
                f"{path}, line {reader.line_num + skipped}: not valid CSV ({dialect}): {error}; "
                "if it is written otherwise, set data.delimiter and data.quoting"
            ) from None


def _read_jsonl(source: _Source, require: Require) -> Iterator[Record]:
    """Records of a file with one JSON object a line; blank lines are skipped."""
    path = source.path
    encoding = recognise_encoding(path, source.wanted.encoding)
    source.on_format(encoding)
    with open_text(path, encoding) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            place = f"line {number}"
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                source.refuse(place, f"not valid JSON: {error}; write one object a line", line.rstrip("\r\n"))
                continue
            if not isinstance(values, dict):
                source.refuse(place, 'must be a JSON object, such as {"text": "Fine.", "label": 1}', values)
                continue
            require(list(values), f"{path}, {place}")
            yield place, values


def _read_parquet(source: _Source, require: Require) -> Iterator[Record]:
    """Records of a Parquet file."""
    source.on_format("parquet")
    try:
        file = pyarrow.parquet.ParquetFile(source.path, pre_buffer=False)  # else all of it is in memory
        require(file.schema_arrow.names, str(source.path))
        columns = None if source.all_columns else source.names
        batches = file.iter_batches(batch_size=1024, columns=columns)
        rows = (row for batch in batches for row in batch.to_pylist())
        for number, values in enumerate(rows, start=1):
            yield f"row {number}", values
    except pyarrow.ArrowException as error:
        raise UserError(f"{source.path}: not a Parquet file that can be read: {error}") from None


def _note(faults: list[tuple[str, str]], place: str, problem: str, _record: Any) -> None:
    faults.append((place, problem))


def _require_columns(names: list[str], options: str, found: list[str], where: str) -> None:
    for name in names:
        if found.count(name) > 1:
            raise UserError(f"{where}: the column {name!r} stands twice: rename one of them")
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(
            f"{where}: there is no column {missing[0]!r}, only {', '.join(map(repr, found))}: mend {options}"
        )


_READERS: dict[str, Callable[[_Source, Require], Iterator[Record]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
_KINDS = ".csv, .tsv, .jsonl or .parquet"
