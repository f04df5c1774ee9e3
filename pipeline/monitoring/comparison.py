"""Holds reviews that a version was asked about against those that it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.evaluation.calibration import Interval, wilson_interval
from pipeline.monitoring.drift import (
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
from pipeline.monitoring.table import SEED, Columns, TableReader, labels_by_key
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID, OOV_WORD
from pipeline.runtime.errors import UserError
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.profile import Profile

MOVED_WORDS = 20
_SEVERITY = (STABLE, MOVED, SHIFTED)


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
        tokens: what the version reads: words, characters or subwords.
        words: those of them whose shares differ most, with their text.
        expected_accuracy: on the test reviews.
        accuracies: of all rows that have a true label, then by period; empty without labels.
        passed_over: rows that were not looked at.
    """

    reference: Profile
    found: Profile
    shifts: list[Shift]
    telling: Telling | None
    tokens: str
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


def compare(
    classifier: TextClassifier,
    version: str,
    reference: Profile,
    table: Path,
    columns: Columns,
    labels: Path | None = None,
) -> Comparison:
    """Reads a table, scored or not, and compares it.

    Args:
        classifier: the version's; it scores what has no probability yet.
        version: its name, as a served model's log has it: models:/NAME/VERSION.
        reference: the version's profile.
        table: a file that :class:`pipeline.reviews.sources.records.Reader` reads, or a folder of such.
        columns: those that are looked at.
        labels: such a file or folder of true labels, found by ``columns.key``; None if ``table`` holds them.

    Raises:
        UserError: if a table can't be read, lacks a column, or holds no review or no label that is asked for.
    """
    later = labels_by_key(labels, columns) if labels else None
    read = TableReader(classifier, version, columns, later)
    read.take(table)
    if columns.label and not read.right:
        where = f"is named in {labels} by its --key {columns.key}" if labels else "has a label there"
        raise UserError(f"--label-column {columns.label}: no row of {table} {where}")
    found = read.observer.profile()
    has_words = bool(found.word_counts.sum())
    telling = two_sample_test(reference.features(has_words), found.features(has_words), SEED)
    words = moved_words(reference.word_counts, found.word_counts, MOVED_WORDS) if has_words else []
    return Comparison(
        reference,
        found,
        [shift_of(name, values, found.numbers[name]) for name, values in reference.numbers.items()],
        telling,
        classifier.vocabulary.tokenizer.kind,
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


def _word(classifier: TextClassifier, token_id: int) -> str:
    return OOV_WORD if token_id <= OOV_ID else classifier.vocabulary.words[token_id - INDEX_FROM - 1]
