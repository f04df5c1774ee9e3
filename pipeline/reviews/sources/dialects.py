"""How a table of text was written: its delimiter and quoting, recognised or refused.

``csv`` reads the candidates. ``csv.Sniffer`` is not asked: it guesses from how often characters stand in a
line, where here the wanted columns are known, so that a reading is right only if its header has them and its
rows are as long as the header.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product, takewhile
from pathlib import Path

from pipeline.params import DataParams
from pipeline.reviews.sources.encodings import AUTO, open_text, recognise_encoding
from pipeline.reviews.sources.tools import MISSING_SPELLINGS
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import CSV_FIELD_LIMIT

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DOUBLED, BACKSLASH, NONE = "doubled", "backslash", "none"
_SAMPLE_LINES = 2_000
_NAMES_DELIMITER = re.compile(r"sep=([,;\t|])\s*", re.IGNORECASE)  # a line before the header, for Excel
_WITHIN_QUOTES = re.compile(r'(?:[^"\\]|\\.|\\$)*+("?)', re.DOTALL)


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
        has_header = isinstance(data.text_column, str)
        return cls(data.encoding, data.delimiter, data.quoting, missing, has_header)

    def option(self, name: str) -> str:
        """What one of them is called in a message: ``data.quoting``, or ``--quoting``."""
        return f"--{name}" if self.on_command_line else f"data.{name}"

    def doubt(self, value: object, what: str) -> str | None:
        """What there is to decide of a value that often means that there is none; None if nothing is."""
        if self.missing is not None or not isinstance(value, str) or value.strip() not in MISSING_SPELLINGS:
            return None
        return (
            f"may mean that there is none, or be {what}: set {self.option('missing')} to the values that do, "
            f"or to {'an empty text' if self.on_command_line else '[]'} if none does"
        )

    def names_in(self, first: Sequence[str]) -> list[str]:
        """The columns' names, by the fields of a table's first line."""
        if self.has_header:
            return [name.strip() for name in first]
        return [str(number) for number in range(1, len(first) + 1)]


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

    def records(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str], list[str]]]:
        """The line that each record begins on, its fields, and its lines as they are; no blank ones.

        Raises:
            csv.Error: for what is not written so.
        """
        csv.field_size_limit(CSV_FIELD_LIMIT)
        own: list[str] = []

        def note() -> Iterator[str]:
            for line in islice(lines, self.skipped_lines, None):
                own.append(line)
                yield line

        is_escaped = self.quoting == BACKSLASH
        reader = csv.reader(
            _escape_within_quotes(note(), self.delimiter) if is_escaped and not self.escapes_all else note(),
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
                yield first, fields, own.copy()
            first += len(own)
            own.clear()

    def is_unquoted(self, fields: Sequence[str], lines: Sequence[str], width: int) -> bool | None:
        """Whether a record's quotes are no quoting, since each of its lines would be a whole row without it.

        False if quoting alone makes a row of what would be none; None if the record tells nothing.
        """
        if not any('"' in line for line in lines):
            return None
        if all(line.strip() and line.count(self.delimiter) + 1 == width for line in lines):
            return True if len(lines) > 1 else None
        return False if len(fields) == width else None

    def __str__(self) -> str:
        """``utf-8, delimiter comma, quotes doubled``."""
        quotes = "no quoting" if self.quoting == NONE else f"quotes {self.quoting}"
        return f"{self.encoding}, delimiter {DELIMITERS[self.delimiter]}, {quotes}"


def recognise_dialect(path: Path, fits: Callable[[list[str]], bool], form: Format) -> Dialect:
    """How a table of text is written, as far as ``form`` doesn't say; its columns' names must fit.

    Raises:
        UserError: if two ways of reading its first records fit and give different ones.
    """
    encoding = recognise_encoding([path], form.encoding, form.option("encoding"))
    with open_text(path, encoding, form.option("encoding")) as file:
        lines = list(islice(file, _SAMPLE_LINES)) or [""]
        is_whole = not file.readline()
    named, sample = _NAMES_DELIMITER.fullmatch(lines[0]), "".join(lines)
    skipped = int(named is not None)
    delimiters = [sign for sign, name in DELIMITERS.items() if form.delimiter in (AUTO, name)]
    if named and form.delimiter == AUTO:
        delimiters = [named[1]]
    quotings = [form.quoting]
    if form.quoting == AUTO:
        quotings = [DOUBLED, *([BACKSLASH] * ('\\"' in sample)), *([NONE] * ('"' in sample))]
    readings: list[tuple[float, Dialect, list[list[str]]]] = []
    for quoting, delimiter in product(quotings, delimiters):
        names = "".join(lines[skipped : skipped + 1]).split(delimiter)[1:]
        has_blanks = bool(names) and all(name.startswith(" ") for name in names)
        pieces = chain.from_iterable(_pieces(lines[skipped:] if quoting == BACKSLASH else [], delimiter))
        outside = "".join(piece for is_quoted, piece in pieces if not is_quoted)
        dialect = Dialect(encoding, delimiter, quoting, skipped, has_blanks, '\\"' in outside)
        faults, records = _read_sample(lines, is_whole, dialect)
        if not records or not fits(form.names_in(records[0])):
            faults = float("inf")
        # Of files that are written a little wrong, most are quoted all the same.
        if form.quoting == NONE or quoting != NONE or not faults:
            readings.append((faults, dialect, records))
    best = min(readings, key=lambda reading: reading[0])  # of equals the first
    for other in readings:
        # Whether quotes that fit are no quoting is known when the whole file is read.
        is_same = other[2] == best[2] or NONE == other[1].quoting != best[1].quoting
        if other[0] == best[0] == 0 and not is_same:
            row = sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(best[2], other[2], strict=False))
            )
            shown = [(dialect, records[row : row + 1]) for _, dialect, records in (best, other)]
            raise UserError(two_readings(path, form, f"record {row}", shown))
    return best[1]


def two_readings(
    path: Path, form: Format, where: str, readings: Iterable[tuple[Dialect, list[list[str]]]]
) -> str:
    """What a person needs who is to say which of two ways of reading is the right one, by what differs."""
    shown = "".join(f"  ({dialect}) {str(records)[:300]}\n" for dialect, records in readings)
    return (
        f"{path} can be read in two ways, of which {where} tells:\n{shown}"
        f"set {form.option('delimiter')} and {form.option('quoting')} to the right one"
    )


def _read_sample(lines: list[str], is_whole: bool, dialect: Dialect) -> tuple[float, list[list[str]]]:
    """How many records differ from the first in length, more where it is no CSV; and the records."""
    records: list[list[str]] = []
    faults = 0
    try:
        for _, fields, _ in dialect.records(lines):
            records.append(fields)
            faults += len(fields) != len(records[0])
    except csv.Error as error:
        is_cut = not is_whole and "unexpected end of data" in str(error)  # within a quoted text
        faults += 0 if is_cut else len(lines)
    return faults, records


def _escape_within_quotes(lines: Iterable[str], delimiter: str) -> Iterator[str]:
    """Doubles the backslashes outside quotes: there they are themselves, as in what Spark writes."""
    for pieces in _pieces(lines, delimiter):
        yield "".join(piece if is_quoted else piece.replace("\\", "\\\\") for is_quoted, piece in pieces)


def _pieces(lines: Iterable[str], delimiter: str) -> Iterator[list[tuple[bool, str]]]:
    """The pieces of each line, and whether each lies within quotes."""
    is_open = False
    for line in lines:
        pieces, at = [], 0
        while at < len(line):
            start = at
            is_quoted = is_open or (line[at] == '"' and (at == 0 or line[at - 1] == delimiter))
            if is_quoted:
                found = next(_WITHIN_QUOTES.finditer(line, at if is_open else at + 1))
                at, is_open = found.end(), not found[1]
            else:
                at = line.find(delimiter, at) + 1 or len(line)
            pieces.append((is_quoted, line[start:at]))
        yield pieces
