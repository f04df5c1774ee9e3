"""Holds reviews that a version was asked about against those that it was made with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from pipeline.evaluation.calibration import Interval, wilson_interval
from pipeline.monitoring import drift
from pipeline.monitoring.drift import MOVED, SHIFTED, STABLE, MovedWord, Shift, TwoSampleTest
from pipeline.monitoring.table import SEED, Columns, TableReader, read_labels
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID, OOV_WORD
from pipeline.runtime.errors import UserError
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.profile import Profile

MOVED_WORDS = 20
_SEVERITY = (STABLE, MOVED, SHIFTED)
# Units of numbers since 1970, and the numbers that are too large for them.
_SINCE_1970: dict[Literal["s", "ms", "us", "ns"], float] = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": math.inf}


class Accuracy(NamedTuple):
    """The share of right labels among ``reviews``, with its 95 % interval; ``since`` names the period."""

    since: str
    reviews: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class DriftReport:
    """What came out.

    Attributes:
        reference: the version's profile.
        found: the table's.
        shifts: of each number.
        told_apart: the classifier two-sample test; None for too few reviews.
        tokens: what the version reads: words, characters or subwords.
        words: those of them whose shares differ most, with their text.
        accuracies: of all rows that have a true label, then by period; empty without labels.
        left_out: what was not looked at, in words, with how many rows each.
    """

    reference: Profile
    found: Profile
    shifts: list[Shift]
    told_apart: TwoSampleTest | None
    tokens: str
    words: list[tuple[str, MovedWord]]
    accuracies: list[Accuracy]
    left_out: dict[str, int]

    @property
    def accuracy_fell(self) -> bool:
        """Whether the accuracy's whole interval is below that of the test reviews."""
        return bool(self.accuracies) and self.accuracies[0].interval[1] < self.reference.accuracy

    @property
    def verdict(self) -> str:
        """The worst of all."""
        verdicts = [each.verdict for each in (*self.shifts, self.told_apart) if each]
        return max([*verdicts, SHIFTED if self.accuracy_fell else STABLE], key=_SEVERITY.index)


def compare(
    classifier: TextClassifier,
    version: str,
    reference: Profile,
    table: Path,
    columns: Columns,
    labels: Path | None = None,
) -> DriftReport:
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
    later = read_labels(labels, columns) if labels else None
    read = TableReader(classifier, version, columns, later)
    read.take(table)
    if columns.label and not read.right:
        where = f"is named in {labels} by its --key {columns.key}" if labels else "has a label there"
        raise UserError(f"--label-column {columns.label}: no row of {table} {where}")
    found = read.observer.profile()
    has_words = bool(found.word_counts.sum())
    words = drift.moved_words(reference.word_counts, found.word_counts, MOVED_WORDS) if has_words else []
    known = classifier.vocabulary.words
    left_out = {
        "rows without a text, of another version, or not to be read": read.passed_over,
        "rows that repeat an answer under the same id": read.repeated,
        f"labels of {labels} that name no row": len(later or ()) - len(read.named),
    }
    return DriftReport(
        reference,
        found,
        [drift.shift_of(name, values, found.numbers[name]) for name, values in reference.numbers.items()],
        drift.two_sample_test(reference.features(has_words), found.features(has_words), SEED),
        classifier.vocabulary.tokenizer.kind,
        [(OOV_WORD if word.word <= OOV_ID else known[word.word - INDEX_FROM - 1], word) for word in words],
        accuracies(read.right, read.times),
        {what: count for what, count in left_out.items() if count},
    )


def accuracies(right: Sequence[bool], times: Sequence[Any]) -> list[Accuracy]:
    """Of all, then by hour, day, week or month, whichever gives no more than about two months of points.

    >>> [(each.since, each.reviews, each.accuracy) for each in accuracies(
    ...     [True, False, True], ["2026-03-01", "2026-03-01", "2026-03-02"])]
    [('all', 3, 0.6666666666666666), ('2026-03-01', 2, 0.5), ('2026-03-02', 1, 1.0)]

    Args:
        right: whether each label was right.
        times: when each was asked for, as :func:`moments_of` takes it; empty if that isn't known.
    """
    if not len(right):
        return []
    rows = pd.Series(right, dtype=bool)
    named = [("all", rows)]
    if len(times):
        moments = moments_of(times)
        span = (moments.max() - moments.min()) / pd.Timedelta(days=1)
        unit = next((unit for unit, days in (("h", 1), ("D", 60), ("W", 400)) if span < days), "M")
        named += [
            (str(period.start_time)[: 16 if unit == "h" else 10], part)
            for period, part in rows.groupby(moments.dt.to_period(unit))
        ]
    return [
        Accuracy(since, len(part), float(part.mean()), wilson_interval(int(part.sum()), len(part)))
        for since, part in named
    ]


def moments_of(values: Sequence[Any]) -> pd.Series:
    """What a column of times means, in UTC; NaT where it holds none.

    Dates such as 03.02.2026 are all read in one order: with dots the day comes first, else what comes first
    is what some of the dates allow only. Numbers are days such as 20260213, or seconds, milli-, micro- or
    nanoseconds since 1970.

    Raises:
        UserError: for a value that is no time, and for dates that have two orders or could have both.
    """
    column = pd.Series(values, dtype=object).replace(r"^\s*$", None, regex=True)
    is_given, numbers = column.notna(), pd.to_numeric(column, errors="coerce")
    if is_given.any() and numbers[is_given].notna().all():
        if numbers[is_given].between(19000101, 21991231).all():
            return pd.to_datetime(numbers.astype("Int64").astype("string"), format="%Y%m%d")
        unit = next(unit for unit, most in _SINCE_1970.items() if numbers.max() < most)
        return pd.to_datetime(numbers, unit=unit)
    dates = column[is_given].astype(str).str.extract(r"^\s*(\d{1,2})([./-])(\d{1,2})[./-]\d{2,4}").dropna()
    first, second = (dates[place].astype(int) for place in (0, 2))
    is_day_first = bool((first > 12).any() or (dates[1] == ".").any())
    is_month_first = bool((second > 12).any())
    if len(dates) and is_day_first == is_month_first and (is_day_first or (first != second).any()):
        shown = ", ".join(map(repr, dict.fromkeys(column[dates.index[(first != second)]][:3])))
        why = "are written in two orders" if is_day_first else "may begin with the day or with the month"
        raise UserError(f"--time-column: dates such as {shown} {why}: write them as 2026-02-13")
    moments = pd.to_datetime(column, errors="coerce", utc=True, format="mixed", dayfirst=is_day_first)
    if (unread := column[is_given & moments.isna()]).any():
        raise UserError(f"--time-column: {unread.iloc[0]!r} is no time: write it as 2026-02-13 10:30")
    return moments.dt.tz_localize(None)
