"""The user's own reviews: CSV, JSON Lines or Parquet."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from pipeline.params import DataParams
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.ragged import Labels, Reviews, Rows
from pipeline.reviews.sources.tables import Column, read_table
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION, draw_stratified, require_both_labels
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.errors import UserError

# Looked up by equality, so that True and 1.0 are 1.
_LABELS: dict[object, int] = {
    0: 0, "0": 0, "false": 0, "neg": 0, "negative": 0,
    1: 1, "1": 1, "true": 1, "pos": 1, "positive": 1,
}  # fmt: skip
_RESERVED = ("imdb", "snippets")


def load(params: DataParams, seed: int) -> Dataset:
    """The reviews of ``params.path``; the vocabulary comes from its training reviews.

    Args:
        params: ``path``, the three column names, and ``test_fraction`` for a file without a split column.
        seed: of the draw of the test reviews, which is stratified by label.

    Raises:
        UserError: naming file, column, line or row, and value, for anything that can't be used.
    """
    path = Path(params.path or "")
    columns = [params.text_column, params.label_column]
    table = read_table(path, columns + ([params.split_column] if params.split_column else []))
    texts = parse_texts(table[params.text_column])
    labels = parse_labels(table[params.label_column])
    if params.split_column:
        rows = parse_splits(table[params.split_column])
    else:
        rows = draw_test(labels, params.test_fraction, seed, path)
    for split in rows:
        try:
            require_both_labels(labels[rows[split]], split)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
    vocabulary = Vocabulary.from_texts(texts[row] for row in rows[TRAIN])
    return Dataset(
        name=dataset_name(path),
        source={"file": path.name, "hash": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"},
        splits={
            split: Reviews.from_lists(
                (vocabulary.encode(texts[row]) for row in rows[split]), labels[rows[split]]
            )
            for split in rows
        },
        vocabulary=vocabulary,
        citation=f"the user's own file {path.name}",
        licence="the user's own",
    )


def dataset_name(path: Path) -> str:
    """The file's stem, in characters fit for a registered model's name; never another source's name."""
    name = re.sub(r"[^\w.-]+", "-", path.stem)
    return f"{name}-file" if name in _RESERVED else name


def parse_texts(column: Column) -> list[str]:
    """The reviews' texts.

    Raises:
        UserError: at the first that is no text, or is empty.
    """
    for row, value in enumerate(column.values):
        if not isinstance(value, str) or not value.strip():
            raise column.error(row, "is not a review's text: fill it in, or take the review out")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise column.error(row, "holds half of a character (a lone surrogate): mend the text") from None
    return [str(value) for value in column.values]


def parse_labels(column: Column) -> Labels:
    """Labels as int8 (num_reviews,).

    Raises:
        UserError: at the first that is not 0 or 1, or a word for it.
    """
    labels = np.empty(len(column.values), np.int8)
    for row, value in enumerate(column.values):
        key = _fold(value)
        if key not in _LABELS:
            raise column.error(row, "is no label: use 0/1, false/true, neg/pos or negative/positive")
        labels[row] = _LABELS[key]
    return labels


def parse_splits(column: Column) -> dict[str, Rows]:
    """Rows of each split that the file names, train and test among them.

    Raises:
        UserError: at the first value that is no split's name, or if train or test is missing.
    """
    names = [_fold(value) for value in column.values]
    for row, name in enumerate(names):
        if name not in (TRAIN, VALIDATION, TEST):
            raise column.error(row, "is no split: use train, test and, if you like, validation")
    for needed in (TRAIN, TEST):
        if needed not in names:
            raise UserError(
                f"{column.path}: column {column.name!r} puts no review into {needed}: "
                "name train and test reviews, or set data.split_column to null to split at random"
            )
    found = np.array(names)
    return {split: np.flatnonzero(found == split) for split in (TRAIN, VALIDATION, TEST) if split in names}


def draw_test(labels: Labels, fraction: float, seed: int, path: Path) -> dict[str, Rows]:
    """Train and test rows, drawn at random, stratified by label.

    Raises:
        UserError: if a label is too rare to be on both sides.
    """
    try:
        test = draw_stratified(labels, fraction, seed)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    return {TRAIN: np.setdiff1d(np.arange(len(labels)), test), TEST: test}


def _fold(value: object) -> object:
    """Text in lower case without spaces around it; a number or truth value as it is; None for the rest."""
    if isinstance(value, str):
        return value.strip().lower()
    return value if isinstance(value, int | float) else None
