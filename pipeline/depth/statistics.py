"""Intervals over seeds, the test of a mean difference, and its correction for being one of many."""

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


def have_spread(values: Sequence[float]) -> bool:
    """Whether there are two values or more, and they differ by more than rounding.

    Equal values say nothing of how far another seed's may lie: a test would give them p = 0, an interval the
    width 0, however few they are.
    """
    return len(values) > 1 and not np.allclose(values, values[0], rtol=1e-9, atol=1e-12)


def t_interval(values: Sequence[float]) -> Interval | None:
    """The mean of a sample and Student's interval for it; None where the values have no spread."""
    if not have_spread(values):
        return None
    bounds = stats.ttest_1samp(values, 0.0).confidence_interval(CONFIDENCE)
    return Interval(float(np.mean(values)), float(bounds.low), float(bounds.high))


def paired_p_value(differences: Sequence[float]) -> float:
    """Two-sided p of the paired t-test that the mean of ``differences`` is 0.

    Raises:
        ValueError: for differences without spread, which can't be tested.
    """
    if not have_spread(differences):
        raise ValueError(f"a paired test needs differences with a spread, but got {list(differences)}")
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): the p-values as if each were the only one, in the order given.

    The chance of even one false finding among them all is then at most the level that they are held to.
    """
    order, count = np.argsort(p_values), len(p_values)
    adjusted = np.empty(count)
    steps = np.minimum((count - np.arange(count)) * np.array(p_values)[order], 1.0)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted.tolist()
