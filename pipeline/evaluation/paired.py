"""Two classifiers on the same reviews.

By accuracy only those reviews tell them apart that one of them alone labels right. Other scores follow from
sums over the reviews (``metrics.sums_of``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import binomtest

from pipeline.evaluation.calibration import Interval

Alternative = Literal["two-sided", "greater"]
Score = Callable[[np.ndarray], np.ndarray]  # of sums over reviews, (..., columns): (...)
_SWAPS, _RESAMPLES = 9_999, 2_000
_AT_A_TIME = 4_000_000  # numbers of a chunk of swaps or resamples


class Paired(NamedTuple):
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
    """McNemar's test (1947) in its exact form, of whether each labels each review right, bool (num_reviews,).

    The alternative "greater" asks whether the first is the better one.
    """
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    differ = only_first + only_second
    p_value = float(binomtest(only_first, differ, 0.5, alternative).pvalue) if differ else 1.0
    return Paired(only_first, only_second, p_value)


def gain_interval(
    paired: Paired, reviews: int, level: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """Where the accuracy that the first classifier gains on the second lies, at confidence 1 - ``level``.

    The exact interval (Clopper & Pearson, 1934) of the first one's share of the reviews that tell the two
    apart, as a difference of accuracies, from -1 to 1; 0 where no review tells them apart. Of the alternative
    "greater" its lower end is above 0 just where ``mcnemar``'s p-value is below ``level``.

    >>> low, _ = gain_interval(Paired(only_first=30, only_second=10, p_value=0.001), 1000, 0.05, "greater")
    >>> round(low, 4)
    0.009

    Args:
        paired: of :func:`mcnemar`.
        reviews: all that both labelled.
        level: the chance to be wrong, above 0 and below 1.
        alternative: "greater" asks how much the first one gains at the least.
    """
    differ = paired.only_first + paired.only_second
    if differ == 0:
        return 0.0, 0.0
    share = binomtest(paired.only_first, differ, 0.5, alternative).proportion_ci(1 - level, "exact")
    low, high = (float((2 * bound - 1) * differ / reviews) for bound in (share.low, share.high))
    return low, high


def randomization_p_value(first: np.ndarray, second: np.ndarray, score: Score, seed: int = 0) -> float:
    """How likely the first classifier's lead is, or a greater one, were both equally good.

    Were they, each review's two answers could as well be the other one's: so they are swapped at random
    (approximate randomization; Yeh, "More accurate tests for the statistical significance of result
    differences", COLING 2000, for F1). It holds for few reviews too.

    ``first`` and ``second`` are what each review adds, (num_reviews, columns), to the sums of ``score``.
    """
    random = np.random.default_rng(seed)
    lead = float(score(first.sum(0)) - score(second.sum(0)))
    telling = (first != second).any(1)
    difference = second[telling] - first[telling]
    as_great = 0
    for count in _chunks(_SWAPS, max(len(difference), 1)):
        moved = random.integers(0, 2, (count, len(difference))) @ difference
        leads = score(first.sum(0) + moved) - score(second.sum(0) - moved)
        as_great += int(np.sum(leads >= lead - 1e-12))
    return (as_great + 1) / (_SWAPS + 1)


def bootstrap_gain(first: np.ndarray, second: np.ndarray, score: Score, level: float, seed: int = 0) -> float:
    """The score that the first classifier gains on the second at the least, at confidence 1 - ``level``.

    The percentile of resampled reviews (Efron & Tibshirani, 1993); arguments are those of
    :func:`randomization_p_value`.
    """
    random, gains = np.random.default_rng(seed), []
    for count in _chunks(_RESAMPLES, len(first)):
        weights = random.multinomial(len(first), np.full(len(first), 1 / len(first)), count)
        gains.append(score(weights @ first) - score(weights @ second))
    return float(np.quantile(np.concatenate(gains), level))


def _chunks(total: int, width: int) -> Iterator[int]:
    """Sizes that add up to ``total``, so that each times ``width`` fits in memory."""
    size = max(_AT_A_TIME // width, 1)
    yield from (min(size, total - start) for start in range(0, total, size))
