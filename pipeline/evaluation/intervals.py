"""How far a test metric may be off because the test reviews are a sample."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.binning import Interval
from pipeline.evaluation.calibration import BINS, bins_of, expected_calibration_error
from pipeline.evaluation.threshold import THRESHOLD

RESAMPLES = 1000
_CHUNK = 50  # resamples at a time: 50 x 25,000 float64 are 10 MB


def bootstrap_intervals(
    labels: np.ndarray,
    probabilities: np.ndarray,
    seed: int,
    threshold: float = THRESHOLD,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """95 % intervals by resampling the reviews with replacement (Efron & Tibshirani, 1993).

    They are percentile intervals but for ece: a resample, being noisier than the sample, has wider gaps in
    its bins, as the sample has wider ones than the truth. So ece's is the basic interval, the percentiles
    mirrored at the sample's value, which takes most of the excess off; it may end below that value.

    Args:
        labels: (num_reviews,), 0 or 1.
        probabilities: (num_reviews,), of label 1.
        seed: of the resampling.
        threshold: from this probability on, label 1 is predicted.
        resamples: how often.

    Returns:
        (low, high) for the metrics of ``weighted_metrics``.
    """
    random = np.random.default_rng(seed)
    order = np.argsort(probabilities, kind="stable")
    labels, probabilities = labels[order], probabilities[order].astype(np.float64)
    count = len(labels)
    values: dict[str, list[np.ndarray]] = {}
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size).astype(np.float64)
        for name, value in weighted_metrics(labels, probabilities, weights, threshold).items():
            values.setdefault(name, []).append(value)
    bounds = {name: np.nanpercentile(np.concatenate(parts), [2.5, 97.5]) for name, parts in values.items()}
    twice = 2 * expected_calibration_error(labels, probabilities)
    bounds["ece"] = (twice - bounds["ece"][::-1]).clip(0)
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, threshold: float = THRESHOLD
) -> dict[str, np.ndarray]:
    """The metrics of reviews that each count ``weights`` times.

    Args:
        labels: (num_reviews,), 0 or 1.
        probabilities: float64 (num_reviews,), ascending.
        weights: (num_resamples, num_reviews).
        threshold: from this probability on, label 1 is predicted.

    Returns:
        accuracy, f1, roc_auc, log_loss, brier and ece, each (num_resamples,); roc_auc is NaN where a
        resample holds one label only.
    """
    positive = labels == 1
    predicted = probabilities >= threshold
    total = weights.sum(1)
    true_positive = weights @ (positive & predicted)
    clipped = probabilities.clip(1e-15, 1 - 1e-15)
    losses = -np.where(positive, np.log(clipped), np.log1p(-clipped))
    gaps = np.eye(BINS)[bins_of(probabilities)] * (positive - probabilities)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = 2 * true_positive / (weights @ positive + weights @ predicted)
        return {
            "accuracy": weights @ (positive == predicted) / total,
            "f1": np.nan_to_num(f1),
            "roc_auc": _roc_auc(positive, probabilities, weights),
            "log_loss": weights @ losses / total,
            "brier": weights @ (probabilities - positive) ** 2 / total,
            "ece": np.abs(weights @ gaps).sum(1) / total,
        }


def _roc_auc(positive: np.ndarray, ascending: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of pairs of a positive and a negative review in the right order; a tie counts half."""
    negatives = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights * ~positive, axis=1)], axis=1)
    below = np.searchsorted(ascending, ascending, side="left")
    up_to = np.searchsorted(ascending, ascending, side="right")
    won = (weights * positive * (negatives[:, below] + negatives[:, up_to]) / 2).sum(1)
    return np.asarray(won / ((weights @ positive) * negatives[:, -1]))
