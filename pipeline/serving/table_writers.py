"""Writes rows to a CSV, JSON Lines or Parquet file, a batch at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from pipeline.runtime.errors import UserError

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
