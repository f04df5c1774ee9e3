"""Scores a file of texts: CSV, JSON Lines or Parquet in and out, a batch in memory at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pipeline.reviews.sources.tables import Record, read_records
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import written_whole
from pipeline.serving.classifier import TextClassifier

BATCH = 1024  # rows
_ADDED = ("predicted_label", "probability", "unknown_share")
Row = dict[str, Any]
Item = TypeVar("Item")
Write = Callable[[list[Row]], None]


def score_file(
    classifier: TextClassifier,
    source: Path,
    target: Path,
    *,
    text_column: str,
    threshold: float | None,
    on_batch: Callable[[int], None],
) -> int:
    """Writes ``source``'s rows to ``target`` with predicted_label, probability and unknown_share added.

    ``target`` is written whole or not at all, and has every column that any row has.

    Args:
        classifier: what labels the texts.
        source: a .csv, .jsonl or .parquet file.
        target: the same three; another kind than ``source``'s will do.
        text_column: the column of the texts.
        threshold: in place of the classifier's own.
        on_batch: told the number of rows after each batch.

    Returns:
        The number of rows.

    Raises:
        UserError: if a file is of another kind or can't be read, has a column of one of the added names, or
            a text isn't a string.
    """
    writers = {".csv": _csv_writer, ".jsonl": _jsonl_writer, ".parquet": _parquet_writer}
    writer = writers.get(target.suffix.lower())
    if writer is None:
        raise UserError(f"--output must be a .csv, .jsonl or .parquet file, but is {target}")

    def records() -> Iterator[Record]:
        return read_records(source, [text_column], file_option="--input", column_options="--text-column")

    columns = _columns(source, records())  # a first pass: a column may appear in the last row only
    count = 0
    with written_whole(target) as temporary, writer(temporary, columns) as write:
        for batch in batches(records(), BATCH):
            texts = [_text(source, place, row[text_column], text_column) for place, row in batch]
            scores = classifier.score(texts, threshold)
            added = zip(scores.labels, map(float, scores.probabilities), scores.unknown_shares, strict=True)
            write(
                [
                    row | dict(zip(_ADDED, values, strict=True))
                    for (_, row), values in zip(batch, added, strict=True)
                ]
            )
            count += len(batch)
            on_batch(len(batch))
        if count == 0:
            raise UserError(f"{source} holds no text: give a file with some")
    return count


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _columns(source: Path, records: Iterable[Record]) -> list[str]:
    """Every column that a row has, in the order of their first appearance, and those that are added.

    Raises:
        UserError: if a row has one of the added columns already.
    """
    columns = list(dict.fromkeys(name for _, row in records for name in row))
    taken = [name for name in _ADDED if name in columns]
    if taken:
        raise UserError(
            f"{source} has a column {taken[0]!r} already, and one of that name is to be added: rename it"
        )
    return [*columns, *_ADDED]


def _text(source: Path, place: str, value: object, column: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{source}, {place}: column {column!r} must be a text, but is {value!r}")
    return value


@contextmanager
def _csv_writer(path: Path, columns: list[str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        yield writer.writerows


@contextmanager
def _jsonl_writer(path: Path, _columns: list[str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as file:

        def write(rows: list[Row]) -> None:
            file.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)

        yield write


@contextmanager
def _parquet_writer(path: Path, columns: list[str]) -> Iterator[Write]:
    import pyarrow  # noqa: PLC0415 - slow to import; only Parquet files need it
    import pyarrow.parquet  # noqa: PLC0415

    writers: list[Any] = []

    def write(found: list[Row]) -> None:
        rows = [{name: row.get(name) for name in columns} for row in found]
        if not writers:
            table = pyarrow.Table.from_pylist(rows)
            writers.append(pyarrow.parquet.ParquetWriter(path, table.schema))
        else:
            try:
                table = pyarrow.Table.from_pylist(rows, schema=writers[0].schema)
            except pyarrow.ArrowException as error:
                raise UserError(
                    f"--output: the first rows' types don't hold all: {error}; write .jsonl"
                ) from None
        writers[0].write_table(table)

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()
