"""The user's own reviews: a CSV, JSON Lines or Parquet file, or a folder of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.params import DataParams
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.encoding import Encoder
from pipeline.reviews.labels import LEFT_OUT, MISSING, UNKNOWN, Classes, classes_of
from pipeline.reviews.ragged import Labels, Rows
from pipeline.reviews.sources.dialects import COMPRESSIONS, DELIMITERS, Wanted
from pipeline.reviews.sources.tables import Column, Table, files_of, read_table
from pipeline.reviews.sources.texts import READ, Once, Texts, text_problem
from pipeline.reviews.splitting import SPLITS, TEST, TRAIN, draw_stratified, require_every_label
from pipeline.runtime.errors import UserError

LISTED = 20  # bad rows that a message or dataset.json shows
_RESERVED = ("imdb", "snippets")

Faults = dict[int, str]  # what is wrong with a row


def load(params: DataParams, seed: int, say: Callable[[str], None] = lambda _: None) -> Dataset:
    """The reviews of ``params.path``; the vocabulary comes from its training reviews.

    Without a split column the files of a folder may tell the splits (:func:`splits_of_files`); else the test
    reviews are drawn.

    Args:
        params: ``path``, the three column names, how files are written, ``labels``, ``bad_rows``, and
            ``test_fraction`` where nothing tells the splits.
        seed: of the draw of the test reviews, which is stratified by label.
        say: told of progress.

    Raises:
        UserError: naming file, column, line or row, and value, for anything that can't be used.
    """
    path = Path(params.path)
    of_text, of_label = str(params.text_column), str(params.label_column)
    of_split = None if params.split_column is None else str(params.split_column)
    columns = [of_text, of_label, *filter(None, [of_split])]
    encoder = Encoder(params.tokens, params.subwords)
    reading = Texts(encoder)
    kept_of = {of_text: reading.take, of_label: Once().take}
    table = read_table(path, columns, wanted=wanted(params), kept=kept_of, on_rows=progress(path, say))
    texts, values = table.columns[of_text], table.columns[of_label]
    try:
        classes = classes_of(values.values, params.labels)
    except ValueError as error:
        raise UserError(f"{path}: column {values.name!r}: {error}") from None
    numbers = np.array([classes.number(value) for value in values.values], np.int8)
    split = table.columns[of_split] if of_split else splits_of_files(table, path)
    faults = (split_faults(split) if split else {}) | label_faults(values, numbers, classes)
    faults |= text_faults(texts)
    kept, skipped = usable(table, faults, params.bad_rows, path)
    kept = kept[numbers[kept] != LEFT_OUT]
    labels = numbers[kept]
    if split:
        rows = parse_splits(split, kept)
    else:
        require_two_of_each(labels, classes.names, path)
        rows = draw_test(labels, params.test_fraction, seed)
    for name in rows:
        try:
            require_every_label(labels[rows[name]], name, classes.names)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
    in_file = {name: kept[chosen] for name, chosen in rows.items()}
    vocabulary, reviews, unknown = encoder.splits(
        in_file, {name: labels[chosen] for name, chosen in rows.items()}
    )
    return Dataset(
        name=dataset_name(path),
        source={"file": path.name, "hash": hash_of(path)},
        splits=reviews,
        vocabulary=vocabulary,
        citation=f"the user's own file {path.name}",
        licence="the user's own",
        labels=classes.names,
        unknown_keys=unknown,
        markup={name: reading.markup_in(chosen) for name, chosen in in_file.items()},
        places={name: [texts.places[row] for row in chosen] for name, chosen in in_file.items()},
        reading={
            "formats": table.formats,
            "rows_skipped": len(skipped),
            "skipped": skipped[:LISTED],
            "rows_left_out": int((numbers == LEFT_OUT).sum()),
        },
    )


def progress(path: Path, say: Callable[[str], None]) -> Callable[[int], None]:
    """Says how many rows have been read."""
    return lambda count: say(f"{path.name}: {count:,} rows read")


def wanted(params: DataParams) -> Wanted:
    """How files are written, where params say."""
    characters = {name: character for character, name in DELIMITERS.items()}
    delimiter = characters.get(params.delimiter, params.delimiter)
    return Wanted(params.encoding, delimiter, params.quoting, params.has_header)


def dataset_name(path: Path) -> str:
    """The file's stem, in characters fit for a registered model's name; never another source's name."""
    packed = path.suffix.lower() in COMPRESSIONS
    name = re.sub(r"[^\w.-]+", "-", path.with_suffix("").stem if packed else path.stem)
    return f"{name}-file" if name in _RESERVED else name


def hash_of(path: Path) -> str:
    """``sha256:`` of a file's bytes; of a folder, of its files' names and hashes."""
    if not path.is_dir():
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    lines = [f"{file.relative_to(path).as_posix()} {hash_of(file)}\n" for file in files_of(path)]
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def usable(table: Table, faults: Mapping[int, str], bad_rows: str, path: Path) -> tuple[Rows, list[str]]:
    """The rows without a fault, ascending, and what was wrong with each of the others.

    Args:
        table: as read.
        faults: what is wrong with its rows.
        bad_rows: ``error`` or ``skip``.
        path: for the message.

    Raises:
        UserError: if there are faults and ``bad_rows`` is error, naming up to LISTED of them; if no row is
            left.
    """
    count = len(next(iter(table.columns.values())).values)
    places = next(iter(table.columns.values())).places
    bad = [f"{place}: {problem}" for place, problem in table.unreadable]
    bad += [f"{places[row]}: {faults[row]}" for row in sorted(faults)]
    if bad and bad_rows == "error":
        lines = [f"{path}, {line}" for line in bad[:LISTED]]
        if len(bad) > 1:
            more = f", of which {LISTED} are shown" if len(bad) > LISTED else ""
            lines.append(
                f"{len(bad):,} rows can't be used{more}: mend them, or set data.bad_rows to skip to leave "
                "them out"
            )
        raise UserError("\n".join(lines))
    if len(faults) == count:
        raise UserError(f"{path}: none of its {len(bad):,} rows can be used, the first because of {bad[0]}")
    return np.setdiff1d(np.arange(count), np.fromiter(faults, np.int64, len(faults))), bad


def text_faults(column: Column) -> Faults:
    """The rows that hold no text, or half of a character."""
    return {
        row: column.problem(row, problem)
        for row, value in enumerate(column.values)
        if value is not READ and (problem := text_problem(value)) is not None
    }


def label_faults(column: Column, numbers: Labels, classes: Classes) -> Faults:
    """The rows whose label is missing or unknown."""
    problems = {
        MISSING: "is no label: fill it in, or take the review out",
        UNKNOWN: f"is no label: data.labels names {', '.join(map(repr, classes.numbers))}",
    }
    return {
        row: column.problem(row, problems[int(numbers[row])])
        for row in np.flatnonzero((numbers == MISSING) | (numbers == UNKNOWN)).tolist()
    }


def split_faults(column: Column) -> Faults:
    """The rows that name no split."""
    return {
        row: column.problem(row, "is no split: use train, test and, if you like, validation")
        for row, value in enumerate(column.values)
        if _folded(value) not in SPLITS
    }


def splits_of_files(table: Table, path: Path) -> Column | None:
    """The split of each row by its file's name or folder, as in train.csv, test-0.parquet, validation/a.csv.

    Raises:
        UserError: if some files of the folder are named so and others are not.
    """
    if not path.is_dir():
        return None
    splits = {file: _split_named(file) for file in dict.fromkeys(table.files)}
    unnamed = [file for file, split in splits.items() if split is None]
    if len(unnamed) == len(splits):
        return None
    if unnamed:
        raise UserError(
            f"{path}: {next(file for file in splits if splits[file])} is named after a split, but "
            f"{unnamed[0]} is not: name all after train, validation or test, or none"
        )
    places = next(iter(table.columns.values())).places
    return Column(path, "the file's name", [splits[file] for file in table.files], places)


def parse_splits(column: Column, kept: Rows) -> dict[str, Rows]:
    """Of the rows ``kept``, the places among them of each split's, train and test among them.

    Raises:
        UserError: if train or test is missing.
    """
    found = np.array([str(_folded(column.values[row])) for row in kept])
    for needed in (TRAIN, TEST):
        if needed not in found:
            raise UserError(
                f"{column.path}: column {column.name!r} puts no review into {needed}: "
                "name train and test reviews, or set data.split_column to null to split at random"
            )
    return {split: np.flatnonzero(found == split) for split in SPLITS if split in found}


def require_two_of_each(labels: Labels, names: Sequence[str], path: Path) -> None:
    """Raises UserError if a class is too rare to be trained and tested on: it may be a slip of the pen."""
    for number, name in enumerate(names):
        count = int((labels == number).sum())
        if count < 2:
            raise UserError(
                f"{path}: the class {name!r} has {counted_rows(count)}, but needs 2 or more, to train and to "
                f"test on: add some, mend its name, or leave it out by data.labels, with {{{name}: null}} "
                "beside the other classes"
            )


def counted_rows(count: int) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def draw_test(labels: Labels, fraction: float, seed: int) -> dict[str, Rows]:
    """Train and test rows, drawn at random, stratified by label."""
    test = draw_stratified(labels, fraction, seed)
    return {TRAIN: np.setdiff1d(np.arange(len(labels)), test), TEST: test}


def _split_named(file: str) -> str | None:
    parts: Iterable[str] = Path(file.lower()).parts
    words = [re.split(r"[^a-z]+", part)[0] for part in parts]
    return next((word for word in words if word in SPLITS), None)


def _folded(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value
