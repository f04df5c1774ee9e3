"""Records of tables and texts, one after the other: the one reader of training, prediction and monitoring.

It knows CSV and its kin, JSON lines and arrays, Parquet, what annotation tools export, and texts that are a
file each. What can't be read is told record by record.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote

from pipeline.reviews.sources.dialects import NONE, Dialect, Format, recognise_dialect, two_readings
from pipeline.reviews.sources.encodings import AUTO, kind_of, open_text, recognise_encoding, unicode_of
from pipeline.reviews.sources.files import TEXT, files_of, is_of_fasttext, require_table
from pipeline.reviews.sources.tools import (
    annotated_rows,
    class_names_of,
    fasttext_rows,
    further_headers,
    label_of,
)
from pipeline.runtime.errors import UserError

_SHOWN, _LONGEST_NAME = 20, 40  # columns, and characters of a name, in a message
_PARTITION = re.compile(r"([^=]+)=(.*)")

Row = dict[str, Any]
PlacedRow = tuple[str, Row]  # its place, and its values by column
Refuse = Callable[[str, str, Any], None]  # told the place of a record that can't be read, why, and what it is


def text_problem(value: object, form: Format) -> str | None:
    """Why a value can't be used as a text; None if it can. It is the same rule wherever texts are read."""
    if doubt := form.doubt(value, "a text"):
        return doubt
    if not isinstance(value, str) or not value.strip():
        return "is not a review's text: fill it in, or take the review out"
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate): correct the text"
    return None


def problem_of(name: str, value: object, problem: str) -> str:
    """What a value is, and its problem."""
    shown = repr(value)
    return f"column {name!r} is {shown if len(shown) <= 60 else f'{shown[:57]}...'}, which {problem}"


@dataclass
class Reader:
    """Reads the records of files.

    Attributes:
        names: the columns that a file must have, the texts' first.
        form: how files are written, as far as it is known.
        option: what the file was named with, for messages.
        column_options: what the columns were named with.
        refuse: told of records that can't be read, which are then left out; without it they are an error.
        instead: columns that will do in the place of the first of ``names``.
        all_columns: whether a record has those too that aren't named.
        file: the name of the file that is read, in its folder.
        written: how it is written.
        header: the names of its columns as they stand there, the equal and empty ones too.
    """

    names: Sequence[str]
    form: Format = field(default_factory=Format)
    option: str = "data.path"
    column_options: str = "data.text_column, data.label_column or data.split_column"
    refuse: Refuse | None = None
    instead: Sequence[str] = ()
    all_columns: bool = True
    file: str = ""
    written: str = "empty"
    header: list[str] = field(default_factory=list)
    _prefix: str = ""
    _partitions: Row = field(default_factory=dict)

    def read_all(self, path: Path) -> Iterator[PlacedRow]:
        """The records of a file, or of all files of a folder, else as :meth:`read`."""
        files, folder = files_of(path, self.option), path if path.is_dir() else None
        if folder:
            self.form = form_of_texts(files, self.form)
        for file in files:
            yield from self.read(file, folder)

    def read(self, path: Path, folder: Path | None = None) -> Iterator[PlacedRow]:
        """The records of one file.

        Places begin with the file's name in ``folder``; columns that folders name, as in
        ``label=neg/part-0.parquet``, are columns too. A missing value is None, whatever the file writes for
        it; so is one of a JSON object that lacks the key.

        Raises:
            UserError: if the file is missing, of another kind, can't be read, or lacks a column.
        """
        require_table(path, self.option, is_text=folder is not None)
        self.file = path.relative_to(folder).as_posix() if folder else path.name
        self._prefix = f"{self.file}, " if folder else ""
        reader = {
            **dict.fromkeys((".jsonl", ".ndjson", ".json"), self._json),
            ".parquet": self._parquet,
            TEXT: self._fasttext if is_of_fasttext(path) else self._text,
        }.get(kind_of(path), self._csv)
        self._partitions = partitions_of(path, folder)
        missing = self.form.missing or ()
        try:
            for place, row in reader(path):
                for name in self.names:
                    if (value := row.get(name, self._partitions.get(name))) is None:
                        continue
                    if isinstance(value, bytes):
                        value = _decode(value)
                    elif name != self.names[0]:
                        value = label_of(value)
                    row[name] = None if isinstance(value, str) and value.strip() in missing else value
                yield (self._prefix + place).removesuffix(", "), row
        except FileNotFoundError:
            raise UserError(f"{self.option}: there is no file {path}; correct the path") from None
        except OSError as error:
            raise UserError(f"{self.option}: {path} can't be read: {error.strerror or error}") from None

    def _require(self, found: Sequence[str], where: object) -> None:
        """Raises UserError if a named column is missing, or stands twice."""
        for name in self.names:
            if found.count(name) > 1:
                raise UserError(f"{where}: the column {name!r} stands twice: rename one of them")
        if missing := self._missing(found):
            known = ", ".join(
                repr(name) if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]!r}..."
                for name in [*found, *self._partitions][:_SHOWN]
            )
            other = f", nor the columns {', '.join(self.instead)}" if self.instead else ""
            raise UserError(
                f"{where}: there is no column {missing[0]!r}{other}, only {known}: "
                f"correct {self.column_options}; where the first line holds no names, give the columns' "
                "numbers, from 1"
            )

    def _missing(self, found: Sequence[str]) -> list[str]:
        has_others = bool(self.instead) and set(self.instead) <= set(found)
        return [name for name in self.names[has_others:] if name not in {*found, *self._partitions}]

    def _refuse(self, path: Path, place: str, problem: str, record: Any) -> None:
        if self.refuse is None:
            raise UserError(f"{path}, {place}: {problem}")
        self.refuse(self._prefix + place, problem, record)

    def _csv(self, path: Path) -> Iterator[PlacedRow]:
        form, line = self.form, 0
        dialect = recognise_dialect(path, lambda names: not self._missing(names), form)
        try:
            with open_text(path, dialect.encoding, form.option("encoding")) as file:
                records = dialect.records(file)
                first = next(records, None)
                if first is None:
                    return
                line, fields, lines = first
                self.header = form.names_in(fields)
                self._require(self.header, path)
                columns, width = unique(self.header), len(fields)
                says_quoted = form.quoting != AUTO or (form.has_header and '"' in lines[0])
                may_be_none = dialect.quoting != NONE and not says_quoted
                joined: tuple[int, list[str], list[str]] | None = None  # a record that quotes may make
                below = list(islice(records, 2)) if form.has_header else [first]
                further = further_headers(self.header, [fields for _, fields, _ in below])
                names = f", {further} more rows of names below the header" if further else ""
                self.written = f"{dialect}{names}"
                for line, fields, lines in chain(below[further:], records):
                    is_unquoted = dialect.is_unquoted(fields, lines, width) if may_be_none else None
                    may_be_none &= is_unquoted is not False
                    joined = joined or ((line, fields, lines) if is_unquoted else None)
                    if len(fields) == width:
                        yield f"line {line}", dict(zip(columns, fields, strict=True))
                        continue
                    problem = (
                        f"has {len(fields)} fields, but the first has {width}: put texts that hold "
                        f"the delimiter {dialect.delimiter!r} in double quotes, and double the quotes inside"
                    )
                    self._refuse(path, f"line {line}", problem, fields)
        except csv.Error as error:
            raise UserError(
                f"{path}, after line {line}: not valid CSV ({dialect}): {error}; if it is written otherwise, "
                f"set {form.option('delimiter')} and {form.option('quoting')}: to none if no text is quoted"
            ) from None
        if may_be_none and joined:
            line, fields, lines = joined
            rows = [text.rstrip("\r\n").split(dialect.delimiter) for text in lines]
            readings = (dialect, [fields]), (Dialect(dialect.encoding, dialect.delimiter, NONE), rows)
            raise UserError(two_readings(path, form, f"line {line}", readings))

    def _json(self, path: Path) -> Iterator[PlacedRow]:
        found: dict[str, None] = {}
        with self._text_of(path) as file:
            for place, value in self._json_values(path, file):
                if isinstance(value, dict):
                    for row in annotated_rows(value):
                        found |= dict.fromkeys(row)
                        yield place, row
                else:
                    problem = 'must be a JSON object, such as {"text": "Fine.", "label": 1}'
                    self._refuse(path, place, problem, value)
        if found:
            self._require(list(found), path)

    def _json_values(self, path: Path, file: TextIO) -> Iterator[tuple[str, Any]]:
        """A value a line; in .json also those of an array."""
        lines = enumerate(file, start=1)
        begin = next((each for each in lines if each[1].strip()), (1, "{}"))
        if kind_of(path) == ".json":
            is_array = begin[1].lstrip().startswith("[")
            try:
                values = _parse(begin[1] + file.read() if is_array else begin[1])
                if isinstance(values, dict) and isinstance(values.get(self.names[0]), dict):
                    raise ValueError(f"its {self.names[0]!r} is an object")
            except ValueError as error:
                raise UserError(
                    f"{path} must hold an array of JSON objects, or an object a line, such as pandas "
                    f"writes with orient='records': {error}"
                ) from None
            if is_array:
                yield from ((f"record {number}", value) for number, value in enumerate(values, start=1))
                return
        for number, line in chain([begin], lines):
            if line.strip():
                try:
                    yield f"line {number}", _parse(line)
                except ValueError as error:
                    problem = f"not valid JSON: {error}; write one object a line"
                    self._refuse(path, f"line {number}", problem, line.rstrip("\r\n"))

    def _text_of(self, path: Path, unicode: str | None = None) -> AbstractContextManager[TextIO]:
        option = self.form.option("encoding")
        self.written = unicode or recognise_encoding([path], self.form.encoding, option)
        return open_text(path, self.written, option)

    def _parquet(self, path: Path) -> Iterator[PlacedRow]:
        import pyarrow  # noqa: PLC0415  (slow to import; only Parquet files need it)
        import pyarrow.parquet  # noqa: PLC0415

        self.written = "parquet"
        try:
            file = pyarrow.parquet.ParquetFile(path, pre_buffer=False)  # else all of it is in memory
            self.header = list(file.schema_arrow.names)
            self._require(self.header, path)
            read = None if self.all_columns else [name for name in self.names if name in self.header]
            columns = unique(self.header) if read is None else read
            class_names = class_names_of(file.schema_arrow.metadata or {}, self.names)
            batches = file.iter_batches(batch_size=1024, columns=read)
            rows = chain.from_iterable(batch.rename_columns(columns).to_pylist() for batch in batches)
            for number, values in enumerate(rows, start=1):
                for name, names in class_names.items():
                    value = values[name]
                    values[name] = names[value] if value in range(len(names)) else None
                yield f"row {number}", values
        except pyarrow.ArrowException as error:
            raise UserError(f"{path}: not a Parquet file that can be read: {error}") from None

    def _fasttext(self, path: Path) -> Iterator[PlacedRow]:
        names = [*self.names, "label"][: max(len(self.names), 2)]
        with self._text_of(path) as file:
            self.written += ", fastText's"
            for number, *row in fasttext_rows(file):
                yield f"line {number}", dict(zip(names, row, strict=False))

    def _text(self, path: Path) -> Iterator[PlacedRow]:
        """One record: the text, and as its label the name of the folder that it lies in."""
        if len(self.names) > 2:
            raise UserError(
                f"data.split_column is {self.names[2]!r}, but {path} is a review and no table: set it to "
                "null, and name folders train and test"
            )
        with self._text_of(path, unicode_of(path)[0]) as file:
            yield "", dict(zip(self.names, (file.read(), path.parent.name), strict=False))


def form_of_texts(files: Sequence[Path], form: Format) -> Format:
    """``form``; where the files of a folder are a text each, with their encoding, which all of them tell."""
    if kind_of(files[0]) != TEXT or is_of_fasttext(files[0]):
        return form
    return replace(form, encoding=recognise_encoding(files, form.encoding, form.option("encoding")))


def unique(names: Sequence[str]) -> list[str]:
    """The names, each once: of equal ones the later, and the empty ones, get the column's number.

    >>> unique(["id", "score", "score", ""])
    ['id', 'score', 'score.3', 'column.4']
    """
    taken: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        own = name if name and name not in taken else f"{name or 'column'}.{number}"
        while own in taken or (own != name and own in names):
            own += "_"
        taken[own] = None
    return list(taken)


def partitions_of(path: Path, folder: Path | None) -> Row:
    """The columns that folders name, as pandas, Spark and DuckDB write them: ``label=neg/part-0.parquet``."""
    parts = path.relative_to(folder).parts[:-1] if folder else ()
    found = (_PARTITION.fullmatch(part) for part in parts)
    values = {unquote(each[1]): unquote(each[2]) for each in found if each}
    return {name: None if value == "__HIVE_DEFAULT_PARTITION__" else value for name, value in values.items()}


def as_json(value: Any) -> str:
    """Nested values, and such as JSON doesn't know, as JSON; bytes as the text that they are, if they are."""
    return json.dumps(value, ensure_ascii=False, default=plain)


def plain(value: Any) -> Any:
    """A value of Parquet that JSON doesn't know."""
    if isinstance(value, bytes):
        return _decode(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
