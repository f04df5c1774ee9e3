"""The area under the ROC curve of weighted reviews, and its interval where reviews are few."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from pipeline.evaluation.binning import Interval


def weighted_auc(positive: np.ndarray, ascending: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of pairs of a positive and a negative review in the right order; a tie counts half.

    Args:
        positive: bool (num_reviews,).
        ascending: scores (num_reviews,), in ascending order.
        weights: (num_resamples, num_reviews), how often each review counts.

    Returns:
        float64 (num_resamples,); NaN where one side is empty.
    """
    negatives = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights * ~positive, axis=1)], axis=1)
    below = np.searchsorted(ascending, ascending, side="left")
    up_to = np.searchsorted(ascending, ascending, side="right")
    won = (weights * positive * (negatives[:, below] + negatives[:, up_to]) / 2).sum(1)
    return np.asarray(won / ((weights @ positive) * negatives[:, -1]))


def newcombe_interval(auc: float, positives: int, negatives: int) -> Interval:
    """The AUCs from which ``auc`` is no more than 1.96 standard errors, as they would be there, away.

    Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic" (2006),
    method 5.
    """
    half = (positives + negatives) / 2 - 1

    def excess(value: float) -> float:
        spread = 1 + half * (1 - value) / (2 - value) + half * value / (1 + value)
        variance = value * (1 - value) * spread / (positives * negatives)
        return float((auc - value) ** 2 - norm.ppf(0.975) ** 2 * variance)

    # 0 and 1 are roots of their own where the sample's AUC is that; the other one is wanted.
    low = brentq(excess, 0, min(auc, 1 - 1e-9)) if auc > 0 else 0.0
    high = brentq(excess, max(auc, 1e-9), 1) if auc < 1 else 1.0
    return float(low), float(high)
