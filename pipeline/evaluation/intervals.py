"""How far a test metric may be off because the test reviews are a sample: 95 % intervals.

By methods that hold for few reviews too. accuracy: the score interval (Wilson, 1927). f1: that of
TP / (TP + FP + FN), a share, of which F1 is a growing function (Takahashi et al., 2022). balanced_accuracy:
its recalls' score intervals, put together as independent ones (Zou & Donner, 2008). roc_auc: Newcombe's score
interval (2006, method 5) where a label has few reviews: resamples of few reviews can all be told apart, and
would promise 1 to 1. All else by resampling the reviews (Efron & Tibshirani, 1993), bias-corrected and
accelerated, but for ece: a resample, being noisier than the sample, has wider gaps in its bins, as the sample
has wider ones than the truth. So ece's is the basic interval, the percentiles mirrored at the sample's value,
which takes most of the excess off; it may end below that value.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from pipeline.evaluation.calibration import Interval, wilson_interval
from pipeline.evaluation.metrics import one_against_rest, roc_auc, weighted_metrics
from pipeline.evaluation.probabilities import THRESHOLD, decide
from pipeline.runtime.files import Row

RESAMPLES = 1000
FEW = 50  # reviews of a label
_GROUPS = 50  # of the jackknife
_CHUNK = 50  # resamples at a time: 50 x 25,000 float64 are 10 MB


def metric_intervals(
    labels: np.ndarray,
    probabilities: np.ndarray,
    seed: int,
    threshold: float = THRESHOLD,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """The intervals of ``classification_metrics``.

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: (num_reviews, num_labels).
        seed: of the resampling, which doesn't depend on the order of the reviews.
        threshold: of two labels, from this probability on the second one is given.
        resamples: how often.
    """
    order = np.argsort(probabilities[:, 1], kind="stable")
    labels, probabilities = labels[order], probabilities[order].astype(np.float64)
    weigh = partial(weighted_metrics, labels, probabilities, threshold=threshold)
    count, random = len(labels), np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        parts.append(weigh(random.multinomial(count, np.full(count, 1 / count), size).astype(np.float64)))
    resampled = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    groups = np.arange(min(count, _GROUPS))  # of reviews, each left out in turn
    sample, jackknife = (
        weigh(weights.astype(np.float64))
        for weights in (np.ones((1, count)), np.arange(count) % len(groups) != groups[:, None])
    )
    bounds = {name: _bca(values, sample[name][0], jackknife[name]) for name, values in resampled.items()}
    low, high = np.percentile(resampled["ece"], [2.5, 97.5])
    twice = 2 * float(sample["ece"][0])
    bounds["ece"] = (max(twice - float(high), 0.0), max(twice - float(low), 0.0))

    num_labels = probabilities.shape[1]
    few = 0 < np.bincount(labels, minlength=num_labels).min() < FEW
    closed = answer_intervals(labels, probabilities, threshold)
    if num_labels > 2 and not few:
        del closed["f1"]  # which is wider than it need be
    if few:
        own = [
            newcombe_interval(float(roc_auc(has, column, np.ones((1, count)))[0]), has)
            for has, column in one_against_rest(labels, probabilities)
        ]
        closed["roc_auc"] = _mean_interval(own)
    return bounds | closed


def answer_intervals(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> dict[str, Interval]:
    """Those that follow from the labels given: of accuracy, balanced_accuracy and f1.

    Of more than two labels f1's is the mean of the labels' own, which is never too narrow.
    """
    given = decide(probabilities, threshold)
    table = class_table(labels, given, probabilities.shape[1])
    f1 = [(float(row["f1_low"]), float(row["f1_high"])) for row in table]
    recalls, *ends = (
        np.array([row[key] for row in table], float) for key in ("recall", "recall_low", "recall_high")
    )
    below, above = (float(np.sqrt(((recalls - end) ** 2).sum()) / len(table)) for end in ends)
    return {
        "accuracy": wilson_interval(int((given == labels).sum()), len(labels)),
        "balanced_accuracy": (float(recalls.mean()) - below, float(recalls.mean()) + above),
        "f1": f1[1] if len(table) == 2 else _mean_interval(f1),
    }


def _mean_interval(intervals: Sequence[Interval]) -> Interval:
    """The means of the ends: of an average, where the intervals' scores err in the same way."""
    low, high = np.mean(intervals, axis=0)
    return float(low), float(high)


def _bca(resampled: np.ndarray, sample: float, left_out: np.ndarray) -> Interval:
    """The bias-corrected and accelerated interval (Efron, 1987); undefined values are left out.

    Of the metric of each resample, of the reviews themselves, and without each group of reviews.
    """
    resampled, left_out = (values[np.isfinite(values)] for values in (resampled, left_out))
    if len(resampled) == 0 or np.ptp(resampled) == 0:
        return float(sample), float(sample)
    below = np.mean(resampled < sample) + np.mean(resampled == sample) / 2
    bias = norm.ppf(np.clip(below, 1 / len(resampled), 1 - 1 / len(resampled)))
    influence = left_out.mean() - left_out
    spread = (influence**2).sum() ** 1.5
    acceleration = (influence**3).sum() / (6 * spread) if spread else 0.0
    ends = bias + norm.ppf([0.025, 0.975])
    low, high = np.quantile(resampled, norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)


def newcombe_interval(auc: float, positive: np.ndarray) -> Interval:
    """The AUCs from which ``auc`` is no more than 1.96 standard errors, as they would be there, away.

    Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic" (2006),
    method 5.

    Args:
        auc: of the reviews.
        positive: bool (num_reviews,), some of both.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    half = (positives + negatives) / 2 - 1

    def excess(value: float) -> float:
        spread = 1 + half * (1 - value) / (2 - value) + half * value / (1 + value)
        variance = value * (1 - value) * spread / (positives * negatives)
        return float((auc - value) ** 2 - norm.ppf(0.975) ** 2 * variance)

    # 0 and 1 are roots of their own where the sample's AUC is that; the other one is wanted.
    low = brentq(excess, 0, min(auc, 1 - 1e-9)) if auc > 0 else 0.0
    high = brentq(excess, max(auc, 1e-9), 1) if auc < 1 else 1.0
    return float(low), float(high)


def class_table(labels: np.ndarray, given: np.ndarray, num_labels: int) -> list[Row]:
    """What a classifier does with each label: its precision, recall and F1 with their intervals.

    >>> row = class_table(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), 2)[0]
    >>> row["reviews"], row["given"], row["precision"], row["recall"], round(row["f1"], 4)
    (1, 2, 0.5, 1.0, 0.6667)

    Args:
        labels: whole numbers from 0, (num_reviews,).
        given: what a classifier said, likewise.
        num_labels: how many labels there are.

    Returns:
        A row a label: label; reviews that have it, and that were given it; precision, recall and f1 (0 where
        nothing was counted), and their 95 % intervals: precision_low, precision_high, ...
    """
    rows: list[Row] = []
    for label in range(num_labels):
        is_label, is_given = labels == label, given == label
        actual, answered = int(is_label.sum()), int(is_given.sum())
        hits = int((is_label & is_given).sum())
        # F1 is 2 p / (1 + p) of the share p of hits among the reviews that are of the class or given to it.
        of_either = wilson_interval(hits, actual + answered - hits)
        row: dict[str, int | float] = {"label": label, "reviews": actual, "given": answered}
        for name, value, (low, high) in (
            ("precision", hits / max(answered, 1), wilson_interval(hits, answered)),
            ("recall", hits / max(actual, 1), wilson_interval(hits, actual)),
            ("f1", 2 * hits / max(actual + answered, 1), tuple(2 * p / (1 + p) for p in of_either)),
        ):
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return rows
