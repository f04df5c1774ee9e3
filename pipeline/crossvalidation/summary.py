"""What the folds say together: means, and intervals that know that folds share their training reviews."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from pipeline.evaluation.binning import Interval, wilson_interval


class Mean(NamedTuple):
    """The mean of a score over the folds, its 95 % interval, and the p-value of the test that it is 0."""

    mean: float
    interval: Interval
    p_value: float


def mean_of(scores: Sequence[float], test_share: float) -> Mean:
    """The mean by the corrected resampled t-test.

    Nadeau & Bengio, "Inference for the Generalization Error" (Machine Learning, 2003): scores of folds depend
    on each other, since their training reviews overlap, so the variance of their mean is (1 / J + n2 / n1)
    times theirs, where n2 reviews are judged for n1 trained on.

    >>> [round(end, 4) for end in mean_of([0.7, 0.8, 0.9], test_share=0.25).interval]
    [0.4487, 1.1513]

    Args:
        scores: of each fold.
        test_share: of all reviews, those that a fold judges.
    """
    values = np.asarray(scores, np.float64)
    mean, count = float(values.mean()), len(values)
    variance = (1 / count + test_share / (1 - test_share)) * float(values.var(ddof=1))
    if variance == 0:
        return Mean(mean, (mean, mean), 1.0 if mean == 0 else 0.0)
    width = math.sqrt(variance)
    reach = float(student.ppf(0.975, count - 1)) * width
    return Mean(mean, (mean - reach, mean + reach), float(2 * student.sf(abs(mean) / width, count - 1)))


def accuracy_of(scores: Sequence[float], test_share: float, num_reviews: int) -> Mean:
    """That of a share: its interval is nowhere narrower than Wilson's of as many right out of all reviews.

    Folds that all reach 1.0 have no variance, and would promise that no other review is ever labelled wrong.
    """
    found = mean_of(scores, test_share)
    least = wilson_interval(round(found.mean * num_reviews), num_reviews)
    low, high = min(found.interval[0], least[0]), max(found.interval[1], least[1])
    return found._replace(interval=(max(low, 0.0), min(high, 1.0)))
