"""How far a test metric may be off because the test reviews are a sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from pipeline.evaluation import metrics
from pipeline.evaluation.calibration import BINS, Interval, bins_of, wilson_interval
from pipeline.evaluation.metrics import newcombe_interval, weighted_auc
from pipeline.evaluation.probabilities import THRESHOLD, by_label, decide
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
    """95 % intervals, by methods that hold for few reviews too.

    accuracy: the score interval (Wilson, 1927). f1: that of TP / (TP + FP + FN), a share, of which F1 is a
    growing function (Takahashi et al., 2022). balanced_accuracy: its recalls' score intervals, put together
    (:func:`pipeline.evaluation.metrics.balanced_accuracy_interval`). roc_auc: Newcombe's score interval
    (2006, method 5) where a label has fewer than ``FEW`` reviews: resamples of few reviews can all be told
    apart, and would promise 1 to 1. All else by resampling the reviews (Efron & Tibshirani, 1993),
    bias-corrected and accelerated, but for ece: a resample, being noisier than the sample, has wider gaps in
    its bins, as the sample has wider ones than the truth. So ece's is the basic interval, the percentiles
    mirrored at the sample's value, which takes most of the excess off; it may end below that value.

    Of more than two labels, :func:`pipeline.evaluation.metrics.few_intervals` says what is not
    resampled.

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: (num_reviews,), of label 1; of more than two labels, (num_reviews, num_labels).
        seed: of the resampling.
        threshold: from this probability on, label 1 is predicted.
        resamples: how often.

    Returns:
        (low, high) for the metrics of ``weighted_metrics``.
    """
    probabilities = probabilities.astype(np.float64)
    if probabilities.ndim == 1:
        order = np.argsort(probabilities, kind="stable")
        labels, probabilities = labels[order], probabilities[order]

    def weigh(weights: np.ndarray) -> dict[str, np.ndarray]:
        return weighted_metrics(labels, probabilities, weights, threshold)

    resampled = _resample(weigh, len(labels), seed, resamples)
    sample, groups = weigh(np.ones((1, len(labels)))), weigh(_without_a_group(len(labels)))
    bounds = {name: _bca(values, sample[name][0], groups[name]) for name, values in resampled.items()}
    low, high = np.percentile(resampled["ece"], [2.5, 97.5])
    twice = 2 * float(sample["ece"][0])
    bounds["ece"] = (max(twice - float(high), 0.0), max(twice - float(low), 0.0))
    closed = answer_intervals(labels, probabilities, threshold)
    if probabilities.ndim > 1:
        return bounds | metrics.few_intervals(labels, probabilities, closed, FEW)
    bounds |= closed
    positive = int((labels == 1).sum())
    fewest = min(positive, len(labels) - positive)
    if 0 < fewest < FEW:
        bounds["roc_auc"] = newcombe_interval(float(sample["roc_auc"][0]), positive, len(labels) - positive)
    return bounds


def answer_intervals(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> dict[str, Interval]:
    """Those of ``metric_intervals`` that need no resampling: of accuracy, balanced_accuracy and f1.

    Of more than two labels f1's is the mean of the labels' own, which is never too narrow.
    """
    given, num_labels = decide(probabilities, threshold), by_label(probabilities[:1]).shape[1]
    table = class_table(labels, given, num_labels)
    of_f1 = [(float(row["f1_low"]), float(row["f1_high"])) for row in table]
    return {
        "accuracy": wilson_interval(int((given == labels).sum()), len(labels)),
        "balanced_accuracy": metrics.balanced_accuracy_interval(table),
        "f1": of_f1[1] if num_labels == 2 else metrics.mean_interval(of_f1),
    }


def _resample(
    weigh: Callable[[np.ndarray], dict[str, np.ndarray]], count: int, seed: int, resamples: int
) -> dict[str, np.ndarray]:
    """The metrics of reviews drawn with replacement, each (resamples,)."""
    random = np.random.default_rng(seed)
    values: dict[str, list[np.ndarray]] = {}
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size).astype(np.float64)
        for name, value in weigh(weights).items():
            values.setdefault(name, []).append(value)
    return {name: np.concatenate(parts) for name, parts in values.items()}


def _without_a_group(count: int) -> np.ndarray:
    """Weights that leave each of at most ``_GROUPS`` groups of reviews out in turn; for the jackknife."""
    groups = min(count, _GROUPS)
    return (np.arange(count)[None, :] % groups != np.arange(groups)[:, None]).astype(np.float64)


def _bca(resampled: np.ndarray, sample: float, left_out: np.ndarray) -> Interval:
    """The bias-corrected and accelerated interval (Efron, 1987); undefined values are left out.

    Args:
        resampled: the metric of each resample.
        sample: that of the reviews themselves.
        left_out: without each group of reviews.
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


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, threshold: float = THRESHOLD
) -> dict[str, np.ndarray]:
    """The metrics of reviews that each count ``weights`` times; of more than two labels, those of
    :func:`pipeline.evaluation.metrics.weighted_metrics`.

    Args:
        labels: (num_reviews,), 0 or 1.
        probabilities: float64 (num_reviews,), ascending.
        weights: (num_resamples, num_reviews).
        threshold: from this probability on, label 1 is predicted.

    Returns:
        accuracy, balanced_accuracy, f1, roc_auc, log_loss, brier and ece, each (num_resamples,);
        balanced_accuracy and roc_auc are NaN where a resample holds one label only.
    """
    if probabilities.ndim > 1:
        return metrics.weighted_metrics(labels, probabilities, weights)
    positive = labels == 1
    predicted = probabilities >= threshold
    total = weights.sum(1)
    true_positive, true_negative = weights @ (positive & predicted), weights @ (~positive & ~predicted)
    clipped = probabilities.clip(1e-15, 1 - 1e-15)
    losses = -np.where(positive, np.log(clipped), np.log1p(-clipped))
    gaps = np.eye(BINS)[bins_of(probabilities)] * (positive - probabilities)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = true_positive / (weights @ positive), true_negative / (weights @ ~positive)
        f1 = 2 * true_positive / (weights @ positive + weights @ predicted)
        return {
            "accuracy": weights @ (positive == predicted) / total,
            "balanced_accuracy": np.mean(recalls, axis=0),
            "f1": np.nan_to_num(f1),
            "roc_auc": weighted_auc(positive, probabilities, weights),
            "log_loss": weights @ losses / total,
            "brier": weights @ (probabilities - positive) ** 2 / total,
            "ece": np.abs(weights @ gaps).sum(1) / total,
        }


# What a classifier does with each class: precision, recall and F1, each with its interval.


def share_interval(hits: int, count: int) -> Interval:
    """Wilson's interval; from 0 to 1 where nothing was counted."""
    return wilson_interval(hits, count) if count else (0.0, 1.0)


def f1_interval(hits: int, either: int) -> Interval:
    """The interval of 2 p / (1 + p), which grows with the share p of ``hits`` among ``either``.

    Takahashi et al., "Confidence interval for micro-averaged F1 and macro-averaged F1 scores" (2022).

    Args:
        hits: reviews that are of the class and were given to it.
        either: reviews that are, or were.
    """
    low, high = (2 * bound / (1 + bound) for bound in share_interval(hits, either))
    return low, high


def class_table(labels: np.ndarray, given: np.ndarray, num_labels: int) -> list[Row]:
    """A row a label.

    >>> row = class_table(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), 2)[0]
    >>> row["reviews"], row["given"], row["precision"], row["recall"], round(row["f1"], 4)
    (1, 2, 0.5, 1.0, 0.6667)

    Args:
        labels: whole numbers from 0, (num_reviews,).
        given: what a classifier said, likewise.
        num_labels: how many labels there are.

    Returns:
        label; reviews that have it, and that were given it; precision, recall and f1 (0 where nothing was
        counted), and the ends of their 95 % intervals: precision_low, precision_high, ...
    """
    rows: list[Row] = []
    for label in range(num_labels):
        is_label, is_given = labels == label, given == label
        actual, answered = int(is_label.sum()), int(is_given.sum())
        hits = int((is_label & is_given).sum())
        row: dict[str, int | float] = {"label": label, "reviews": actual, "given": answered}
        for name, value, (low, high) in (
            ("precision", hits / max(answered, 1), share_interval(hits, answered)),
            ("recall", hits / max(actual, 1), share_interval(hits, actual)),
            ("f1", 2 * hits / max(actual + answered, 1), f1_interval(hits, actual + answered - hits)),
        ):
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return rows
