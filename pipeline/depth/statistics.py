"""Intervals over seeds, paired tests, and their correction for being many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and the bounds of its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def t_interval(values: Sequence[float]) -> Interval:
    """The mean of a sample and Student's interval for it.

    Raises:
        ValueError: for fewer than two values, which say nothing of their spread.
    """
    if len(values) < 2:
        raise ValueError(f"an interval needs two values or more, but got {len(values)}")
    mean = float(np.mean(values))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half)


def paired_p_value(differences: Sequence[float]) -> float:
    """Two-sided p of the paired t-test that the mean of ``differences`` is 0.

    Equal differences have no spread to be tested against: p is 0, or 1 where all of them are 0.

    Raises:
        ValueError: for fewer than two differences.
    """
    if len(differences) < 2:
        raise ValueError(f"a paired test needs two pairs or more, but got {len(differences)}")
    if np.ptp(differences) == 0:
        return float(differences[0] == 0)
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): the p-values as if each were the only one, in the order given.

    The chance of even one false finding among them all is then at most the level that they are held to.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
