"""Holds reviews that a version was asked about against those that it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.evaluation.binning import Interval, wilson_interval
from pipeline.evaluation.drift import (
    MOVED,
    SHIFTED,
    STABLE,
    MovedWord,
    Shift,
    Telling,
    moved_words,
    shift_of,
    two_sample_test,
)
from pipeline.evaluation.probabilities import from_columns
from pipeline.reviews.sources.dialects import kind_of
from pipeline.reviews.sources.records import read_records
from pipeline.reviews.sources.tables import files_of
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID, OOV_WORD
from pipeline.runtime.errors import UserError
from pipeline.serving.batching import batches
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.profile import LENGTH, PROBABILITY, UNKNOWN, Observer, Profile
from pipeline.serving.table_writers import Row
from pipeline.serving.tables import BATCH, LABEL, OTHER_LABEL

SEED = 0  # of the samples and of the classifier's halves: the same table has the same verdict
MOVED_WORDS = 20
_NUMBERS = (LENGTH, UNKNOWN, PROBABILITY)
_SEVERITY = (STABLE, MOVED, SHIFTED)


class Columns(NamedTuple):
    """The columns of a table that are looked at.

    Attributes:
        text: the texts; a table without them must have length, unknown_share and probability.
        label: the true labels, where they are known; rows without one aren't judged.
        time: when a row was asked about.
    """

    text: str = "text"
    label: str | None = None
    time: str | None = None


class Accuracy(NamedTuple):
    """The share of right labels among ``reviews``, with its 95 % interval; ``since`` names the period."""

    since: str
    reviews: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        reference: the version's profile.
        found: the table's.
        shifts: of each number.
        telling: the classifier two-sample test; None for too few reviews.
        words: those whose shares differ most, with their text.
        expected_accuracy: on the test reviews.
        accuracies: of all rows that have a true label, then by period; empty without labels.
        passed_over: rows that were not looked at.
    """

    reference: Profile
    found: Profile
    shifts: list[Shift]
    telling: Telling | None
    words: list[tuple[str, MovedWord]]
    expected_accuracy: float
    accuracies: list[Accuracy]
    passed_over: int

    @property
    def accuracy_fell(self) -> bool:
        """Whether the accuracy's whole interval is below that of the test reviews."""
        return bool(self.accuracies) and self.accuracies[0].interval[1] < self.expected_accuracy

    @property
    def verdict(self) -> str:
        """The worst of all."""
        verdicts = [shift.verdict for shift in self.shifts]
        verdicts += [self.telling.verdict] if self.telling else []
        verdicts += [SHIFTED] if self.accuracy_fell else []
        return max(verdicts, key=_SEVERITY.index)


def compare(classifier: TextClassifier, reference: Profile, table: Path, columns: Columns) -> Comparison:
    """Reads a table, scored or not, and compares it.

    Args:
        classifier: the version's; it scores what has no probability yet.
        reference: the version's profile.
        table: a file that :func:`read_records` reads, or a folder of them.
        columns: those that are looked at.

    Raises:
        UserError: if the table can't be read, lacks a column, or holds no review.
    """
    read = _Reader(classifier, columns)
    for file in files_of(table, "TABLE"):
        read.take(file)
    if columns.label and not read.right:
        raise UserError(f"--label-column {columns.label}: no row of {table} has a label there")
    found = read.observer.profile()
    has_words = bool(found.word_counts.sum())
    telling = two_sample_test(reference.features(has_words), found.features(has_words), SEED)
    words = moved_words(reference.word_counts, found.word_counts, MOVED_WORDS) if has_words else []
    return Comparison(
        reference,
        found,
        [shift_of(name, values, found.numbers[name]) for name, values in reference.numbers.items()],
        telling,
        [(_word(classifier, moved.word), moved) for moved in words],
        reference.accuracy,
        accuracies(read.right, read.times),
        read.passed_over,
    )


def accuracies(right: Sequence[bool], times: Sequence[Any]) -> list[Accuracy]:
    """Of all, then by hour, day, week or month, whichever gives no more than about two months of points.

    >>> [(each.since, each.reviews, each.accuracy) for each in accuracies(
    ...     [True, False, True], ["2026-03-01", "2026-03-01", "2026-03-02"])]
    [('all', 3, 0.6666666666666666), ('2026-03-01', 2, 0.5), ('2026-03-02', 1, 1.0)]

    Args:
        right: whether each label was right.
        times: when each was asked for, in any form that pandas reads; empty if that isn't known.
    """
    if not len(right):
        return []
    rows = pd.Series(right, dtype=bool)
    named = [("all", rows)]
    if len(times):
        moments = pd.to_datetime(pd.Series(times), errors="coerce", utc=True, format="mixed").dt.tz_localize(
            None
        )
        span = (moments.max() - moments.min()) / pd.Timedelta(days=1)
        unit = next((unit for unit, days in (("h", 1), ("D", 60), ("W", 400)) if span < days), "M")
        periods = moments.dt.to_period(unit)
        named += [
            (str(period.start_time)[: 16 if unit == "h" else 10], part)
            for period, part in rows.groupby(periods)
        ]
    return [
        Accuracy(since, len(part), float(part.mean()), wilson_interval(int(part.sum()), len(part)))
        for since, part in named
    ]


@dataclass
class _Reader:
    """Takes the rows of a table in batches.

    Attributes:
        right: of each row with a true label, whether the given one was right.
        times: of the same rows, if a column of times is named.
        passed_over: rows without a text and without its numbers, and records that can't be read.
    """

    classifier: TextClassifier
    columns: Columns
    right: list[bool] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    passed_over: int = 0

    def __post_init__(self) -> None:
        self.observer = Observer(self.classifier.layout["vocab_size"], SEED)

    def take(self, file: Path) -> None:
        """Takes a file's rows."""
        # A CSV is recognised by its columns. A line of JSON may lack a label that isn't known yet.
        names = [name for name in self.columns if name] if kind_of(file) in (".csv", ".tsv") else []
        records = read_records(
            file,
            names,
            file_option="TABLE",
            column_options="--text-column, --label-column or --time-column",
            refuse=self._refuse,
        )
        for batch in batches((row for _, row in records), BATCH):
            texts = [row for row in batch if isinstance(row.get(self.columns.text), str)]
            known = texts or [row for row in batch if _has(row, _NUMBERS)]
            if not known and self.columns.text not in batch[0]:
                raise UserError(
                    f"{file} has neither a column {self.columns.text!r} (--text-column) nor the columns "
                    f"{', '.join(_NUMBERS)}, only {', '.join(map(repr, batch[0]))}"
                )
            self.passed_over += len(batch) - len(known)
            if texts:
                self._judge(texts, self._take_texts(texts))
            elif known:
                numbers = _numbers_of(known, _NUMBERS)
                self.observer.add(numbers)
                self._judge(known, self._decided(numbers[PROBABILITY]))

    def _take_texts(self, rows: list[Row]) -> Sequence[str | None]:
        """Returns the labels that follow from the probabilities."""
        texts = [row[self.columns.text] for row in rows]
        encoded = [np.array(self.classifier.vocabulary.encode(text), np.int32) for text in texts]
        if all(_has(row, (UNKNOWN, PROBABILITY)) for row in rows):
            numbers = _numbers_of(rows, (UNKNOWN, PROBABILITY))
            decided = self._decided(numbers[PROBABILITY])
        else:
            scores = self.classifier.score(texts)
            numbers = {UNKNOWN: scores.unknown_shares, PROBABILITY: scores.probabilities}
            decided = self.classifier.decided(from_columns(scores.by_label))
        self.observer.add({LENGTH: np.array([len(ids) for ids in encoded]), **numbers}, encoded)
        return decided

    def _decided(self, probabilities: np.ndarray) -> Sequence[str | None]:
        """The labels; of more than two the likeliest's probability doesn't tell which label that is."""
        if len(self.classifier.labels) > 2:
            return [None] * len(probabilities)
        return self.classifier.decided(probabilities)

    def _judge(self, rows: list[Row], of_probabilities: Sequence[str | None]) -> None:
        """The label that was given is the table's, where it has it, else follows from the probability."""
        if not self.columns.label:
            return
        for row, decided in zip(rows, of_probabilities, strict=True):
            true = row.get(self.columns.label)
            if true in (None, "") or true != true:  # noqa: PLR0124 - only NaN differs from itself
                continue
            if str(true) not in self.classifier.labels:
                known = ", ".join(self.classifier.labels)
                raise UserError(
                    f"--label-column {self.columns.label}: {true!r} is none of the version's labels, {known}"
                )
            given = row.get(OTHER_LABEL) or (row.get(LABEL) if self.columns.label != LABEL else None)
            if given is None and decided is None:
                raise UserError(
                    f"a row has a probability, but no column {LABEL!r} or {OTHER_LABEL!r} says of which label"
                )
            self.right.append(str(true) == (given or decided))
            if self.columns.time:
                self.times.append(row.get(self.columns.time))

    def _refuse(self, _place: str, _problem: str, _record: Any) -> None:
        self.passed_over += 1


def _has(row: Row, names: Sequence[str]) -> bool:
    return all(row.get(name) not in (None, "") for name in names)


def _numbers_of(rows: Sequence[Row], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Raises UserError for what is no number."""
    try:
        return {name: np.array([float(row[name]) for row in rows]) for name in names}
    except (TypeError, ValueError) as error:
        raise UserError(f"the columns {', '.join(names)} must hold numbers: {error}") from None


def _word(classifier: TextClassifier, token_id: int) -> str:
    return OOV_WORD if token_id <= OOV_ID else classifier.vocabulary.words[token_id - INDEX_FROM - 1]
