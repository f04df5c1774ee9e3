"""Whether of the reviews given a probability of 0.8, eight in ten are positive; and making it so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

from pipeline.evaluation.metrics import bins_of
from pipeline.evaluation.probabilities import SMALLEST, confidences, cross_entropy
from pipeline.runtime.files import Row

# Shares of reviews in bins, each with its interval.

Interval = tuple[float, float]


def wilson_interval(hits: int, count: int) -> Interval:
    """The 95 % score interval of a share (Wilson, 1927): right for few reviews and for shares of 0 and 1.

    From 0 to 1 where ``count``, all reviews, is 0.
    """
    if count == 0:
        return 0.0, 1.0
    interval = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def shares_by_bin(
    bins: np.ndarray, value_name: str, values: np.ndarray, share_name: str, hits: np.ndarray
) -> list[Row]:
    """The share of hits in each bin that holds a review.

    Args:
        bins: int (num_reviews,), the bin of each review.
        value_name: the column of the mean of ``values``; from and to are the least and the greatest.
        values: (num_reviews,), what the reviews were binned by.
        share_name: the column of the share of ``hits``; low and high are its Wilson interval.
        hits: bool (num_reviews,).

    Returns:
        A row a bin, by its number: these columns, and reviews.
    """
    rows: list[Row] = []
    for number in np.unique(bins):
        inside = bins == number
        count, found = int(inside.sum()), int(hits[inside].sum())
        low, high = wilson_interval(found, count)
        rows.append(
            {
                value_name: float(values[inside].mean(dtype=np.float64)),
                "from": float(values[inside].min()),
                "to": float(values[inside].max()),
                share_name: found / count,
                "low": low,
                "high": high,
                "reviews": count,
            }
        )
    return rows


FOLDS = 5
SCALES = (0.01, 100.0)  # positive, so that a review never changes places with a surer one


@dataclass(frozen=True, eq=False)
class Calibration:
    """Platt's scaling of a classifier's logits: ``scale * logit + shift``.

    It is the same as an output layer whose weights and bias are multiplied by ``scale``, and ``shift`` added
    to the bias, so that a network can carry it without a further part.

    Attributes:
        scale: below 1 for a classifier that was too sure.
        shift: float64 (num_labels,), whose first is 0.
    """

    scale: float
    shift: np.ndarray

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """The calibrated probabilities: float64 (num_reviews, num_labels)."""
        return np.asarray(softmax(self.scale * _logits(probabilities) + self.shift, axis=1))


def worthwhile_calibration(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> Calibration:
    """:func:`fit_calibration`'s, or none where reviews that it isn't fitted to are no better off with it.

    Fitted to four fifths of the reviews it must give the others no greater a log loss than they have without.
    Few reviews that are all told apart have a smaller one without: there, labels that count as less than
    certain would take back what is right.
    """
    found = fit_calibration(labels, probabilities, weights)
    folds = np.empty(len(labels), np.int64)  # each with about its share of every label
    folds[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % FOLDS
    after = np.empty(probabilities.shape)
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        after[held] = fit_calibration(labels[rest], probabilities[rest], weights).apply(probabilities[held])
    counts = np.ones(len(labels)) if weights is None else weights[labels]
    worse = counts @ cross_entropy(labels, after) > counts @ cross_entropy(labels, probabilities)
    return Calibration(1.0, np.zeros_like(found.shift)) if worse else found


def fit_calibration(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> Calibration:
    """The scale and shift under which the labels are likeliest.

    Platt, "Probabilistic Outputs for Support Vector Machines" (1999); with a shift for each label it is his
    method for a softmax. As he does, a label counts as a little less than certain, (n + 1) / (n + 2) for one
    that n reviews have, and the rest is shared by the others: so reviews that are all told apart, or few,
    don't ask for probabilities of 0 and 1.

    >>> sure = np.array([[0.98, 0.02], [0.02, 0.98]] * 50)
    >>> fit_calibration(np.array([0, 1, 0, 1, 0, 1, 0, 1, 1, 0] * 10), sure).apply(sure[:1]).round(2)
    array([[0.79, 0.21]])

    Args:
        labels: whole numbers (num_reviews,), from 0; of reviews that the classifier wasn't trained on, never
            those that it will be judged on.
        probabilities: (num_reviews, num_labels).
        weights: (num_labels,), how much a review of each label counts; None: alike.

    Raises:
        ValueError: if the lengths differ, or there is no review.
    """
    if len(labels) != len(probabilities) or len(labels) == 0:
        raise ValueError(
            f"calibration needs a probability for each review, but got {len(labels)} labels "
            f"and {len(probabilities)} probabilities"
        )
    logits = _logits(probabilities)
    count, kinds = logits.shape
    members = np.bincount(labels, minlength=kinds)[labels][:, None]
    own, other = (members + 1) / (members + 2), 1 / (members + 2) / (kinds - 1)
    targets = np.where(np.eye(kinds, dtype=bool)[labels], own, other)
    times = 1.0 if weights is None else weights[labels][:, None]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = values[0] * logits + np.append(0.0, values[1:])
        error = times * (softmax(scaled, 1) - targets) / count
        gradient = np.append((error * logits).sum(), error[:, 1:].sum(0))
        return float(-(times * targets * log_softmax(scaled, 1)).sum() / count), gradient

    start = np.append(1.0, np.zeros(kinds - 1))
    bounds = [SCALES, *[(None, None)] * (kinds - 1)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14}).x
    return Calibration(float(found[0]), np.append(0.0, found[1:]))


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Logits up to a number that all labels share: float64 (num_reviews, num_labels)."""
    return np.log(probabilities.astype(np.float64).clip(SMALLEST, 1 - SMALLEST))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[Row]:
    """The reliability diagram: ``shares_by_bin`` with the columns probability and positive_share.

    Of more than two labels: of the label given, and the share of reviews that have it.
    """
    hits, sure = confidences(labels, probabilities)
    return shares_by_bin(bins_of(sure), "probability", sure, "positive_share", hits)
