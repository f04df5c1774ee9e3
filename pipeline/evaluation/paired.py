"""Two classifiers on the same reviews: only those that one of them alone labels right tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from pipeline.evaluation.binning import Interval

Alternative = Literal["two-sided", "greater"]


@dataclass(frozen=True)
class Paired:
    """What McNemar's test says.

    Attributes:
        only_first: reviews that the first classifier alone labels right.
        only_second: reviews that the second alone labels right.
        p_value: how likely a split of those reviews at least as uneven is, were both equally good; of the
            alternative "greater": at least as much in the first one's favour.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray, alternative: Alternative = "two-sided") -> Paired:
    """McNemar's test (1947) in its exact form.

    Args:
        first: bool (num_reviews,), whether the first classifier labels each review right.
        second: the same of the second.
        alternative: "greater" asks whether the first is the better one.
    """
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differ = only_first + only_second
    p_value = float(binomtest(only_first, differ, 0.5, alternative).pvalue) if differ else 1.0
    return Paired(only_first, only_second, p_value)


def least_gain(only_first: int, only_second: int, reviews: int, level: float) -> float:
    """The accuracy that the first classifier gains on the second at the least, at confidence 1 - ``level``.

    The exact one-sided bound (Clopper & Pearson, 1934) of the first one's share of the reviews that tell the
    two apart, as a difference of accuracies. It is above 0 just where the exact one-sided McNemar test has a
    p-value below ``level``.

    >>> round(least_gain(only_first=30, only_second=10, reviews=1000, level=0.05), 4)
    0.009

    Args:
        only_first: reviews that the first alone labels right.
        only_second: reviews that the second alone labels right.
        reviews: all that both labelled.
        level: the chance to be wrong, above 0 and below 1.

    Returns:
        From -1 to 1; 0 where no review tells them apart.
    """
    return _gain_bounds(only_first, only_second, reviews, level, "greater")[0]


def gain_interval(only_first: int, only_second: int, reviews: int, level: float = 0.05) -> Interval:
    """Where the accuracy that the first classifier gains on the second lies, at confidence 1 - ``level``.

    The two-sided interval of :func:`least_gain`; its arguments are the same.
    """
    return _gain_bounds(only_first, only_second, reviews, level, "two-sided")


def _gain_bounds(
    only_first: int, only_second: int, reviews: int, level: float, alternative: Alternative
) -> Interval:
    differ = only_first + only_second
    if differ == 0:
        return 0.0, 0.0
    share = binomtest(only_first, differ, 0.5, alternative).proportion_ci(1 - level, "exact")
    low, high = (float((2 * bound - 1) * differ / reviews) for bound in (share.low, share.high))
    return low, high
