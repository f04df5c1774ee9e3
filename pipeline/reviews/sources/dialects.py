"""How a text file was written: its compression, encoding, delimiter and quoting, recognised or refused.

charset-normalizer judges the bytes that are not UTF-8 and ``csv`` reads the candidates. ``csv.Sniffer`` is
not asked: it guesses from how often characters stand in a line, where here the names of the wanted columns
are known, so that a reading is right only if its header has them and its rows are as long as the header.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, TextIO, cast

import zstandard
from charset_normalizer import from_bytes

from pipeline.runtime.errors import UserError
from pipeline.runtime.files import CSV_FIELD_LIMIT

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DOUBLED, BACKSLASH = "doubled", "backslash"
AUTO = "auto"
COMPRESSIONS = (".gz", ".zst")

_SAMPLE_RECORDS = 2_000
SAMPLE_BYTES = 1 << 16  # of the lines with bytes beyond ASCII, which charset-normalizer is given
_CHUNK = 1 << 20
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_TIE = 0.05  # how much better one encoding must fit than another to be taken for certain


@dataclass(frozen=True)
class Wanted:
    """What params say of how files are written; ``auto`` is recognised.

    Attributes:
        encoding: ``auto``, or a name that Python knows.
        delimiter: ``auto``, or one character.
        quoting: ``auto``, ``doubled`` or ``backslash``: how a quote stands in a quoted text.
        header: whether the first line names the columns; else their names are ``1``, ``2``, ...
    """

    encoding: str = AUTO
    delimiter: str = AUTO
    quoting: str = AUTO
    header: bool = True


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes:
        encoding: a name that Python knows.
        delimiter: one character.
        quoting: ``doubled`` or ``backslash``.
        skipped_lines: lines before the header: 1 where the file begins with ``sep=;``.
    """

    encoding: str
    delimiter: str
    quoting: str
    skipped_lines: int = 0

    def reader(self, file: TextIO) -> Any:
        """A strict ``csv.reader`` of the records, the header first."""
        csv.field_size_limit(CSV_FIELD_LIMIT)
        for _ in range(self.skipped_lines):
            file.readline()
        return _csv_reader(file, self.delimiter, self.quoting)

    def __str__(self) -> str:
        name = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        return f"{self.encoding}, delimiter {name}, quotes {self.quoting}"


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where its name ends in .gz or .zst.

    Raises:
        UserError: if what is packed can't be unpacked.
    """
    opener = {".gz": _open_gz, ".zst": _open_zst}.get(path.suffix.lower(), _open_plain)
    with opener(path) as file:
        yield file


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[TextIO]:
    """The file's text, line ends as they are.

    Raises:
        UserError: for bytes that are no text in ``encoding``.
    """
    with open_bytes(path) as file:
        try:
            yield io.TextIOWrapper(file, encoding=encoding, newline="")
        except UnicodeDecodeError as error:
            where = f", {error.object[max(error.start - 20, 0) : error.end]!r}"
            raise UserError(
                f"{path} is not {encoding} text{where}: save it as UTF-8, or set data.encoding"
            ) from None


def kind_of(path: Path) -> str:
    """``.csv`` for reviews.csv, reviews.csv.gz and reviews.CSV.zst."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def mark_of(start: bytes) -> str | None:
    """The encoding that a file's byte order mark names."""
    return next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), None)


def recognise_encoding(path: Path, wanted: str = AUTO) -> str:
    """The encoding of a text file: by its byte order mark, UTF-8 if all of it is, else the one that fits.

    Where cp1252 (Western European Windows) fits about as well as the best, it is taken.

    Raises:
        UserError: if two encodings fit and read it differently, or none does, or there is no such one.
    """
    if wanted != AUTO:
        try:
            return codecs.lookup(wanted).name
        except LookupError:
            raise UserError(f"data.encoding must be auto or an encoding's name, but is {wanted!r}") from None
    decoder, beyond_ascii, start = codecs.getincrementaldecoder("utf-8")(), bytearray(), b""
    is_utf8 = True
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            start = start or chunk[:SAMPLE_BYTES]
            if marked := mark_of(start):
                return marked
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
            if not is_utf8 or b"\0" in chunk:
                beyond_ascii += b"".join(line + b"\n" for line in chunk.splitlines() if not line.isascii())
            if len(beyond_ascii) >= SAMPLE_BYTES:
                break
    if b"\0" in start:
        return fitting_encoding(path, start[: len(start) // 2 * 2])
    return "utf-8" if is_utf8 else fitting_encoding(path, whole_lines(bytes(beyond_ascii)))


def whole_lines(content: bytes) -> bytes:
    """Its first lines, of ``SAMPLE_BYTES`` or less: a cut within a line may be one within a character."""
    if len(content) <= SAMPLE_BYTES:
        return content
    return content[: content.rfind(b"\n", 0, SAMPLE_BYTES)] if b"\n" in content[:SAMPLE_BYTES] else content


def recognise_dialect(path: Path, names: Sequence[str], wanted: Wanted | None = None) -> Dialect:
    """How a CSV file with the columns ``names`` is written.

    Raises:
        UserError: if two ways of reading its first records fit and give different ones.
    """
    wanted = wanted or Wanted()
    encoding = recognise_encoding(path, wanted.encoding)
    with open_text(path, encoding) as file:
        first = file.readline()
        named = first.strip()[4:] if first.lower().startswith("sep=") else ""
        skipped = 1 if len(named) == 1 or first.lower().startswith("sep=\t") else 0
        sample = ("" if skipped else first) + "".join(islice(file, _SAMPLE_RECORDS))
    delimiters = list(DELIMITERS) if wanted.delimiter == AUTO else [wanted.delimiter]
    if skipped and wanted.delimiter == AUTO:
        delimiters = [named or "\t"]
    quotings = [DOUBLED, *([BACKSLASH] if '\\"' in sample else [])]
    if wanted.quoting != AUTO:
        quotings = [wanted.quoting]
    readings = [
        (dialect, *_read_sample(sample, dialect, names, wanted.header))
        for delimiter in delimiters
        for quoting in quotings
        for dialect in [Dialect(encoding, delimiter, quoting, skipped)]
    ]
    best, records, faults = min(readings, key=lambda reading: reading[2])  # of equals the first
    for other, others, other_faults in readings:
        if other_faults == faults == 0 and others != records:
            raise UserError(_two_readings(path, (best, records), (other, others)))
    return best


@contextmanager
def _open_plain(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        yield file


@contextmanager
def _open_gz(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path) as file:
            yield cast("IO[bytes]", file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} can't be unpacked: {error}") from None


@contextmanager
def _open_zst(path: Path) -> Iterator[IO[bytes]]:
    try:
        with zstandard.open(path, "rb") as file:
            yield cast("IO[bytes]", file)
    except zstandard.ZstdError as error:
        raise UserError(f"{path} can't be unpacked: {error}") from None


def numbered(fields: Sequence[str]) -> list[str]:
    """The names of columns that have none: ``1``, ``2``, ..."""
    return [str(number) for number in range(1, len(fields) + 1)]


def _csv_reader(file: TextIO, delimiter: str, quoting: str) -> Any:
    escape = "\\" if quoting == BACKSLASH else None
    return csv.reader(file, delimiter=delimiter, doublequote=escape is None, escapechar=escape, strict=True)


def _read_sample(
    sample: str, dialect: Dialect, names: Sequence[str], has_header: bool
) -> tuple[list[list[str]], float]:
    """The records, and how many don't fit the first; infinite where a column is missing."""
    csv.field_size_limit(CSV_FIELD_LIMIT)
    records: list[list[str]] = []
    faults = 0.0
    try:
        file = io.StringIO(sample, newline="")
        for record in filter(None, _csv_reader(file, dialect.delimiter, dialect.quoting)):
            records.append(record)
    except csv.Error as error:
        # The sample may end within a quoted text.
        faults = 0.0 if str(error) == "unexpected end of data" else len(sample)
    if not records or not set(names) <= set(records[0] if has_header else numbered(records[0])):
        return records, float("inf")
    return records, faults + sum(len(record) != len(records[0]) for record in records)


def _two_readings(
    path: Path, one: tuple[Dialect, list[list[str]]], other: tuple[Dialect, list[list[str]]]
) -> str:
    row = next(
        (row for row, pair in enumerate(zip(one[1], other[1], strict=False)) if pair[0] != pair[1]),
        min(len(one[1]), len(other[1])),
    )
    shown = [f"({dialect}) {records[row : row + 1]}" for dialect, records in (one, other)]
    return (
        f"{path} can be read in two ways, of which record {row} tells:\n  {shown[0]}\n  {shown[1]}\n"
        "set data.delimiter and data.quoting to the right one"
    )


def fitting_encoding(path: Path, sample: bytes) -> str:
    """The encoding that charset-normalizer finds likeliest, if that is certain enough."""
    matches = list(from_bytes(sample))
    if not matches:
        raise UserError(f"{path} is not UTF-8 text, and no other encoding fits it: save it as UTF-8")
    best = matches[0]
    ties = [
        each
        for each in matches
        if abs(each.chaos - best.chaos) <= _TIE and abs(each.coherence - best.coherence) <= _TIE
    ]
    for each in ties:
        if each.encoding == "cp1252":
            return "cp1252"
    others = [each for each in ties if str(each) != str(best)]
    if others:
        first, second = _first_difference(str(best), str(others[0]))
        raise UserError(
            f"{path} is not UTF-8 text, and can be read in two ways:\n  ({best.encoding}) {first!r}\n"
            f"  ({others[0].encoding}) {second!r}\nset data.encoding to the right one, or save it as UTF-8"
        )
    return best.encoding


def _first_difference(one: str, other: str, context: int = 20) -> tuple[str, str]:
    at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(at - context, 0)
    return one[start : at + context], other[start : at + context]
