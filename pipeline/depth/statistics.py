"""A mean over seeds with its interval and its test, and the correction of a test for being one of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """The mean of a sample; its other numbers are None where the values have no spread.

    Attributes:
        mean: NaN of no values.
        bounds: of Student's 95 % interval for the mean.
        p_value: of the two-sided t-test that the mean is 0; of differences, the paired t-test's.
    """

    mean: float
    bounds: tuple[float, float] | None = None
    p_value: float | None = None

    def __str__(self) -> str:
        """``+0.012 [+0.010, +0.015]``: a difference, with its interval where there is one."""
        interval = "" if self.bounds is None else " [{:+.3f}, {:+.3f}]".format(*self.bounds)
        return f"{self.mean:+.3f}{interval}"


def have_spread(values: Sequence[float]) -> bool:
    """Whether there are two values or more, and they differ by more than rounding.

    Equal values say nothing of how far another seed's may lie: a test would give them p = 0, an interval the
    width 0, however few they are.
    """
    return len(values) > 1 and not np.allclose(values, values[0], rtol=1e-9, atol=1e-12)


def estimate(values: Sequence[float]) -> Estimate:
    """What the values of the seeds say of their mean."""
    if not have_spread(values):
        return Estimate(float(np.mean(values)) if values else math.nan)
    test = stats.ttest_1samp(values, 0.0)
    low, high = test.confidence_interval(CONFIDENCE)
    return Estimate(float(np.mean(values)), (float(low), float(high)), float(test.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979): the p-values as if each were the only one, in the order given.

    The chance of even one false finding among them all is then at most the level that they are held to.
    """
    order, count = np.argsort(p_values), len(p_values)
    adjusted = np.empty(count)
    steps = np.minimum((count - np.arange(count)) * np.array(p_values)[order], 1.0)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted.tolist()
