"""How a table of text was written: its delimiter and quoting, recognised or refused.

``csv`` reads the candidates. ``csv.Sniffer`` is not asked: it guesses from how often characters stand in a
line, where here the wanted columns are known, so that a reading is right only if its header has them and its
rows are as long as the header.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import TextIO

from pipeline.params import DataParams
from pipeline.reviews.sources.encodings import AUTO, open_text, recognise_encoding
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import CSV_FIELD_LIMIT

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DOUBLED, BACKSLASH, NONE = "doubled", "backslash", "none"
_SAMPLE_LINES = 2_000


@dataclass(frozen=True)
class Format:
    """What is said of how files are written; ``auto`` is recognised.

    Attributes:
        encoding: ``auto``, or a name that Python knows.
        delimiter: ``auto``, or one of ``DELIMITERS``' names.
        quoting: ``auto``; ``doubled`` or ``backslash``, as a quote stands in a quoted text; or ``none``,
            where no text is quoted and a quote is a character like others.
        missing: values that mean that there is none; None where nobody has said so.
        has_header: whether the first line names the columns; else their names are ``1``, ``2``, ...
        on_command_line: whether these were options of a command, for messages: else they stand in ``data``.
    """

    encoding: str = AUTO
    delimiter: str = AUTO
    quoting: str = AUTO
    missing: tuple[str, ...] | None = None
    has_header: bool = True
    on_command_line: bool = False

    @classmethod
    def of(cls, data: DataParams) -> Format:
        """What ``params.data`` says."""
        missing = None if data.missing == AUTO else tuple(data.missing)
        return cls(data.encoding, data.delimiter, data.quoting, missing, data.has_header)

    def option(self, name: str) -> str:
        """What one of them is called in a message: ``data.quoting``, or ``--quoting``."""
        return f"--{name.replace('_', '-')}" if self.on_command_line else f"data.{name}"


@dataclass(frozen=True)
class Dialect:
    """How a table of text is written.

    Attributes:
        encoding: a name that Python knows.
        delimiter: one character.
        quoting: ``doubled``, ``backslash`` or ``none``.
        skipped_lines: lines before the header: 1 where the file begins with ``sep=;``.
        blanks: whether a blank follows each delimiter.
        escapes_all: whether a backslash escapes outside quotes too, as Python's csv and pandas write it.
    """

    encoding: str
    delimiter: str
    quoting: str
    skipped_lines: int = 0
    blanks: bool = False
    escapes_all: bool = False

    def records(self, file: TextIO) -> Iterator[tuple[int, list[str], list[str]]]:
        """The line that each record begins on, its fields, and its lines as they are; no blank ones.

        Raises:
            csv.Error: for what is not written so.
        """
        csv.field_size_limit(CSV_FIELD_LIMIT)
        lines: list[str] = []

        def noted() -> Iterator[str]:
            for line in file:
                lines.append(line)
                yield line

        for _ in range(self.skipped_lines):
            file.readline()
        is_escaped = self.quoting == BACKSLASH
        reader = csv.reader(
            _escaped_within_quotes(noted(), self.delimiter)
            if is_escaped and not self.escapes_all
            else noted(),
            delimiter=self.delimiter,
            quoting=csv.QUOTE_NONE if self.quoting == NONE else csv.QUOTE_MINIMAL,
            doublequote=not is_escaped,
            escapechar="\\" if is_escaped else None,
            skipinitialspace=self.blanks,
            strict=True,
        )
        first = self.skipped_lines + 1
        for fields in reader:
            if fields:
                yield first, fields, lines.copy()
            first += len(lines)
            lines.clear()

    def speaks_for_none(self, fields: Sequence[str], lines: Sequence[str], width: int) -> int:
        """Whether a record's quotes are no quoting: 1 if each of its lines would be a whole row.

        -1 if quoting alone makes a row of what would be none; 0 if the record tells nothing.
        """
        if self.quoting == NONE or not any('"' in line for line in lines):
            return 0
        is_rows = all(line.strip() and line.count(self.delimiter) + 1 == width for line in lines)
        if is_rows:
            return int(len(lines) > 1)
        return -int(len(fields) == width)

    def __str__(self) -> str:
        """``utf-8, delimiter comma, quotes doubled``."""
        quotes = "no quoting" if self.quoting == NONE else f"quotes {self.quoting}"
        return f"{self.encoding}, delimiter {DELIMITERS[self.delimiter]}, {quotes}"


@dataclass
class _Reading:
    """The first records of a file, read in one of the ways; ``faults`` of them don't fit the first."""

    dialect: Dialect
    records: list[list[str]]
    faults: float
    for_none: int = 0  # records that speak for none
    against_none: int = 0


def recognise_dialect(path: Path, fits: Callable[[list[str]], bool], form: Format) -> Dialect:
    """How a table of text is written.

    Args:
        path: of the file.
        fits: whether a header has the wanted columns.
        form: what is known.

    Raises:
        UserError: if two ways of reading its first records fit and give different ones.
    """
    encoding = recognise_encoding(path, form.encoding, form.option("encoding"))
    with open_text(path, encoding, form.option("encoding")) as file:
        first = file.readline()
        named = first.strip()[4:] if first.lower().startswith("sep=") else ""
        skipped = int(len(named) == 1 or first.lower().startswith("sep=\t"))
        sample = ("" if skipped else first) + "".join(islice(file, _SAMPLE_LINES))
        is_whole = not file.readline()
    delimiters = [sign for sign, name in DELIMITERS.items() if form.delimiter in (AUTO, name)]
    if skipped and form.delimiter == AUTO:
        delimiters = [named or "\t"]
    quotings = [form.quoting]
    if form.quoting == AUTO:
        quotings = [DOUBLED, *([BACKSLASH] * ('\\"' in sample)), *([NONE] * ('"' in sample))]
    readings = []
    for quoting, delimiter in product(quotings, delimiters):
        outside = "".join(
            piece
            for pieces in _pieces(sample.splitlines(keepends=True) if quoting == BACKSLASH else [], delimiter)
            for is_quoted, piece in pieces
            if not is_quoted
        )
        dialect = Dialect(encoding, delimiter, quoting, escapes_all='\\"' in outside)
        readings.append(_read_sample(sample, is_whole, dialect, fits, form.has_header))
    # Of files that are written a little wrong, most are quoted all the same.
    readings = [
        each for each in readings if form.quoting == NONE or each.dialect.quoting != NONE or not each.faults
    ]
    best = min(readings, key=lambda reading: reading.faults)  # of equals the first
    for other in readings:
        if other.faults != 0 or best.faults != 0 or other.records == best.records:
            continue
        is_unquoted = other.dialect.quoting == NONE != best.dialect.quoting
        if is_unquoted and (
            other.dialect.delimiter != best.dialect.delimiter or not best.for_none or best.against_none
        ):
            continue
        raise UserError(
            two_readings(path, form, (best.dialect, best.records), (other.dialect, other.records))
        )
    return replace(best.dialect, skipped_lines=skipped)


def two_readings(
    path: Path, form: Format, one: tuple[Dialect, list[list[str]]], other: tuple[Dialect, list[list[str]]]
) -> str:
    """What a person needs who is to say which of two ways of reading is the right one."""
    row = next(
        (row for row, pair in enumerate(zip(one[1], other[1], strict=False)) if pair[0] != pair[1]),
        min(len(one[1]), len(other[1])),
    )
    shown = [f"({dialect}) {str(records[row : row + 1])[:300]}" for dialect, records in (one, other)]
    return (
        f"{path} can be read in two ways, of which record {row} tells:\n  {shown[0]}\n  {shown[1]}\n"
        f"set {form.option('delimiter')} and {form.option('quoting')} to the right one"
    )


def numbered(fields: Sequence[str]) -> list[str]:
    """The names of columns that have none: ``1``, ``2``, ..."""
    return [str(number) for number in range(1, len(fields) + 1)]


def _read_sample(
    sample: str, is_whole: bool, dialect: Dialect, fits: Callable[[list[str]], bool], has_header: bool
) -> _Reading:
    reading = _Reading(dialect, [], 0.0)
    end = 0
    try:
        for first, fields, lines in dialect.records(io.StringIO(sample, newline="")):
            reading.records.append(fields)
            _weigh(reading, fields, lines)
            end = first + len(lines) - 1
    except csv.Error as error:
        if is_whole or "unexpected end of data" not in str(error):
            reading.faults = len(sample)
        else:  # the sample ends within a quoted text
            _weigh(reading, [], sample.splitlines()[end:-1])
    records = reading.records
    if not records or not fits([name.strip() for name in records[0]] if has_header else numbered(records[0])):
        reading.faults = float("inf")
    elif not dialect.blanks and len(records[0]) > 1 and all(name[:1] == " " for name in records[0][1:]):
        return _read_sample(sample, is_whole, replace(dialect, blanks=True), fits, has_header)
    reading.faults += sum(len(record) != len(records[0]) for record in records)
    return reading


def _weigh(reading: _Reading, fields: list[str], lines: Sequence[str]) -> None:
    evidence = reading.dialect.speaks_for_none(fields, lines, len((reading.records or [fields])[0]))
    reading.for_none += evidence > 0
    reading.against_none += evidence < 0


def _escaped_within_quotes(lines: Iterable[str], delimiter: str) -> Iterator[str]:
    """Doubles the backslashes outside quotes: there they are themselves, as in what Spark writes."""
    for pieces in _pieces(lines, delimiter):
        yield "".join(piece if is_quoted else piece.replace("\\", "\\\\") for is_quoted, piece in pieces)


def _pieces(lines: Iterable[str], delimiter: str) -> Iterator[list[tuple[bool, str]]]:
    """The pieces of each line, and whether each lies within quotes."""
    within = re.compile(r'(?:[^"\\]|\\.|\\$)*+("?)', re.DOTALL)
    is_open = False
    for line in lines:
        pieces, at = [], 0
        while at < len(line):
            start = at
            is_quoted = is_open or (line[at] == '"' and (at == 0 or line[at - 1] == delimiter))
            if is_quoted:
                found = next(within.finditer(line, at if is_open else at + 1))
                at, is_open = found.end(), not found[1]
            else:
                at = line.find(delimiter, at) + 1 or len(line)
            pieces.append((is_quoted, line[start:at]))
        yield pieces
