"""Two classifiers on the same reviews: only those that one of them alone labels right tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest


@dataclass(frozen=True)
class Paired:
    """What McNemar's test says.

    Attributes:
        only_first: reviews that the first classifier alone labels right.
        only_second: reviews that the second alone labels right.
        p_value: how likely a split of those reviews at least as uneven is, were both equally good.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> Paired:
    """McNemar's test (1947) in its exact, two-sided form.

    Args:
        first: bool (num_reviews,), whether the first classifier labels each review right.
        second: the same of the second.
    """
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differ = only_first + only_second
    p_value = float(binomtest(only_first, differ, 0.5).pvalue) if differ else 1.0
    return Paired(only_first, only_second, p_value)
