"""Reads named columns of a CSV, JSON Lines or Parquet file, keeping the place of each value."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

CSV_FIELD_LIMIT = 2**31 - 1  # the csv module's own limit, 131,072, is shorter than some reviews


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

    def error(self, row: int, problem: str) -> ValueError:
        """An error that says where the value of ``row`` stands, what it is, and ``problem``."""
        shown = repr(self.values[row])
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return ValueError(
            f"{self.path}, {self.places[row]}: column {self.name!r} is {shown}, which {problem}"
        )


Record = tuple[str, dict[str, Any]]  # its place, and its values by column
Require = Callable[[list[str], str], None]  # given the columns found and where, raises if one is missing


def read_table(path: Path, names: list[str], file_option: str = "data.path") -> dict[str, Column]:
    """The columns ``names`` of a .csv, .jsonl or .parquet file, which the parameter ``file_option`` names.

    Raises:
        ValueError: if the file is missing, of another kind, empty, can't be read, or lacks a column.
    """
    options = "data.text_column, data.label_column or data.split_column"
    read = read_records(path, names, file_option=file_option, column_options=options)
    records = [(place, [values[name] for name in names]) for place, values in read]
    if not records:
        raise ValueError(f"{path} holds no review: give a file with some")
    places = [place for place, _ in records]
    return {
        name: Column(path, name, [values[number] for _, values in records], places)
        for number, name in enumerate(names)
    }


def read_records(path: Path, names: list[str], *, file_option: str, column_options: str) -> Iterator[Record]:
    """The records of a .csv, .jsonl or .parquet file, all columns, one after the other.

    Args:
        path: the file.
        names: columns that it must have.
        file_option: what the file was named with, for messages.
        column_options: what the columns were named with.

    Raises:
        ValueError: if the file is missing, of another kind, can't be read, or lacks a column.
    """
    readers: dict[str, Callable[[Path, Require], Iterator[Record]]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{file_option} must be a .csv, .jsonl or .parquet file, but is {path}")
    try:
        yield from reader(path, partial(_require_columns, names, column_options))
    except FileNotFoundError:
        raise ValueError(f"{file_option}: there is no file {path}; mend the path") from None
    except OSError as error:
        raise ValueError(f"{file_option}: {path} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None


def _read_csv(path: Path, require: Require) -> Iterator[Record]:
    """Records of a CSV with a header line; blank lines are skipped."""
    csv.field_size_limit(CSV_FIELD_LIMIT)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            if header:
                require(header, str(path))
            start = reader.line_num + 1
            for fields in reader:
                if fields and len(fields) != len(header):
                    raise ValueError(
                        f"{path}, line {start}: has {len(fields)} fields, but the header has {len(header)}: "
                        'put texts that hold commas in double quotes ("), and double the quotes inside'
                    )
                if fields:
                    yield f"line {start}", dict(zip(header, fields, strict=True))
                start = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: not valid CSV: {error}") from None


def _read_jsonl(path: Path, require: Require) -> Iterator[Record]:
    """Records of a file with one JSON object a line; blank lines are skipped."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            place = f"{path}, line {number}"
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{place}: not valid JSON: {error}; write one object a line") from None
            if not isinstance(values, dict):
                raise ValueError(f'{place}: must be a JSON object, such as {{"text": "Fine.", "label": 1}}')
            require(list(values), place)
            yield f"line {number}", values


def _read_parquet(path: Path, require: Require) -> Iterator[Record]:
    """Records of a Parquet file."""
    import pyarrow  # noqa: PLC0415  (slow to import; only Parquet files need it)
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(path)
        require(file.schema_arrow.names, str(path))
        rows = (row for batch in file.iter_batches(batch_size=1024) for row in batch.to_pylist())
        for number, values in enumerate(rows, start=1):
            yield f"row {number}", values
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path}: not a Parquet file that can be read: {error}") from None


def _require_columns(names: list[str], options: str, found: list[str], where: str) -> None:
    for name in names:
        if found.count(name) > 1:
            raise ValueError(f"{where}: the column {name!r} stands twice: rename one of them")
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(
            f"{where}: there is no column {missing[0]!r}, only {', '.join(map(repr, found))}: mend {options}"
        )
