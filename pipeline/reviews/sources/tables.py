"""Named columns of a file of reviews, or of all files of a folder, with the place of each value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.reviews.sources.dialects import Wanted, kind_of
from pipeline.reviews.sources.records import (
    KINDS,
    SUFFIX,
    TABLES,
    encoding_of,
    read_records,
    require_table,
    text_files,
)
from pipeline.runtime.errors import UserError

EVERY = 100_000  # rows
_SHOWN = 20  # files


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
    if files[0].suffix.lower() == SUFFIX:
        wanted = replace(wanted or Wanted(), encoding=encoding_of(files, (wanted or Wanted()).encoding))
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
            places.append((prefix + place).removesuffix(", "))
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
        {name: Column(path, name, values[name], places) for name in names},
        in_files,
        _in_few_lines(formats),
        unreadable,
    )


def files_of(path: Path, file_option: str = "data.path") -> list[Path]:
    """The file itself; of a folder all its tables, by name, or, if there are none, its texts.

    Raises:
        UserError: if a folder holds none.
    """
    if not path.is_dir():
        require_table(path, file_option)
        return [path]
    files = sorted(each for each in path.rglob("*") if each.is_file() and kind_of(each) in TABLES)
    files = files or text_files(path)
    if not files:
        raise UserError(
            f"{file_option}: the folder {path} holds no {KINDS} file, and no {SUFFIX} file a review either"
        )
    return files


def _in_few_lines(formats: dict[str, str]) -> dict[str, str]:
    """How files are written; of more than a few, how many are written alike, under the first one's name."""
    if len(formats) <= _SHOWN:
        return formats
    counts, firsts = Counter(formats.values()), {form: file for file, form in reversed(formats.items())}
    return {f"{firsts[form]} and {count - 1:,} more": form for form, count in counts.items()}


def _note(faults: list[tuple[str, str]], place: str, problem: str, _record: Any) -> None:
    faults.append((place, problem))
