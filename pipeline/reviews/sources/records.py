"""The records of one file: CSV, JSON Lines, Parquet, or a text that is a review."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.reviews.sources.dialects import (
    AUTO,
    SAMPLE_BYTES,
    Wanted,
    fitting_encoding,
    kind_of,
    mark_of,
    numbered,
    open_text,
    recognise_dialect,
    recognise_encoding,
    whole_lines,
)
from pipeline.reviews.splitting import SPLITS
from pipeline.runtime.errors import UserError

# Reviews that are a file each, in a folder named after their label: ``train/pos/0_9.txt``.
#
# It is the form of the Large Movie Review Dataset, of NLTK's movie reviews, and of what scikit-learn's
# ``load_files`` and Keras' ``text_dataset_from_directory`` read.

SUFFIX = ".txt"
UTF8 = "utf-8"


def text_files(folder: Path) -> list[Path]:
    """The folder's texts by name: those in a folder of a label, or, if there are none, all of them."""
    every = sorted(each for each in folder.rglob(f"*{SUFFIX}") if each.is_file())
    return [each for each in every if _is_of_label(each, folder)] or every


def encoding_of(files: Sequence[Path], wanted: str = AUTO) -> str:
    """UTF-8 if all files are, else the encoding that fits those that are not, which are judged together.

    Raises:
        UserError: if two encodings fit them, or none does.
    """
    if wanted != AUTO:
        return wanted
    sample = bytearray()
    for file in files:
        content = file.read_bytes()
        if mark_of(content) is None and not _is_utf8(content):
            sample += b"".join(line + b"\n" for line in content.splitlines() if not line.isascii())
        if len(sample) >= SAMPLE_BYTES:
            break
    return fitting_encoding(files[0].parent, whole_lines(bytes(sample))) if sample else UTF8


def read_text(file: Path, encoding: str) -> tuple[str, str]:
    """The text of a file and its encoding: of its byte order mark, UTF-8 if it is that, else ``encoding``.

    Raises:
        UserError: for bytes that are no text in ``encoding``.
    """
    content = file.read_bytes()
    own = mark_of(content) or (UTF8 if _is_utf8(content) else encoding)
    try:
        return content.decode(own), own
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file} is not {own} text (byte {error.start}): save it as UTF-8, or set data.encoding"
        ) from None


def _is_of_label(file: Path, folder: Path) -> bool:
    return file.parent != folder and file.parent.name.lower() not in SPLITS


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode(UTF8)
    except UnicodeDecodeError:
        return False
    return True


_SHOWN, _LONGEST_NAME = 20, 40  # columns, and characters of a name, in a message
Record = tuple[str, dict[str, Any]]  # its place, and its values by column
Require = Callable[[list[str], str], None]  # given the columns found and where, raises if one is missing
Refuse = Callable[[str, str, Any], None]  # told the place of a record that can't be read, why, and what it is


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
    if kind_of(path) != SUFFIX or all_columns:
        require_table(path, file_option)
    reader = {**TABLES, SUFFIX: _read_text}[kind_of(path)]

    def fail(place: str, problem: str, _record: Any) -> None:
        raise UserError(f"{path}, {place}: {problem}")

    source = _Source(path, names, wanted or Wanted(), refuse or fail, all_columns, on_format)
    try:
        yield from reader(source, partial(_require_columns, names, column_options))
    except FileNotFoundError:
        raise UserError(f"{file_option}: there is no file {path}; mend the path") from None
    except OSError as error:
        raise UserError(f"{file_option}: {path} can't be read: {error.strerror or error}") from None


def require_table(path: Path, file_option: str) -> None:
    """Raises UserError for a file of another kind."""
    if kind_of(path) not in TABLES:
        raise UserError(f"{file_option} must be a {KINDS} file, but is {path}")


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
            first: list[str] = next(reader, [])
            header = first if source.wanted.header else numbered(first)
            if header:
                require(header, str(path))
            start = 1 if first and not source.wanted.header else reader.line_num + 1
            for fields in reader if source.wanted.header else chain([first], reader):
                if fields and len(fields) != len(header):
                    source.refuse(
                        f"line {start + skipped}",
                        f"has {len(fields)} fields, but the first has {len(header)}: put texts that hold "
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
    import pyarrow  # noqa: PLC0415  (slow to import; only Parquet files need it)
    import pyarrow.parquet  # noqa: PLC0415

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


def _read_text(source: _Source, _require: Require) -> Iterator[Record]:
    """One record: the text, and as its label the name of the folder that it lies in.

    Raises:
        UserError: if a split column is asked for: folders tell the splits.
    """
    text, encoding = read_text(source.path, source.wanted.encoding)
    values = [text, source.path.parent.name]
    if len(source.names) > len(values):
        raise UserError(
            f"data.split_column is {source.names[2]!r}, but {source.path} is a review and no table: set it "
            "to null, and name folders train and test"
        )
    source.on_format(encoding)
    yield "", dict(zip(source.names, values, strict=False))


def _short(name: str) -> str:
    return repr(name) if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]!r}..."


def _require_columns(names: list[str], options: str, found: list[str], where: str) -> None:
    for name in names:
        if found.count(name) > 1:
            raise UserError(f"{where}: the column {name!r} stands twice: rename one of them")
    missing = [name for name in names if name not in found]
    if missing:
        known = ", ".join(map(_short, found[:_SHOWN]))
        numbers = "; where the first line holds no names, give the columns' numbers, from 1"
        raise UserError(
            f"{where}: there is no column {missing[0]!r}, only {known}: mend {options}"
            f"{numbers if options.startswith('data.') else ''}"
        )


TABLES: dict[str, Callable[[_Source, Require], Iterator[Record]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
KINDS = ".csv, .tsv, .jsonl or .parquet"
