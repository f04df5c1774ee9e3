"""Metrics of more than two labels, and intervals that hold where reviews of a label are few.

Each label is told from all others, and the mean over the labels taken (macro), so that a rare one counts as
much as a common one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.evaluation.auc import newcombe_interval, weighted_auc
from pipeline.evaluation.binning import Interval
from pipeline.evaluation.calibration import BINS, bins_of
from pipeline.evaluation.measures import balanced_accuracy, f1
from pipeline.evaluation.probabilities import confidences, decide
from pipeline.runtime.files import Row


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics of reviews that each count ``weights`` times.

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: float64 (num_reviews, num_labels).
        weights: (num_resamples, num_reviews).

    Returns:
        Each (num_resamples,): accuracy; balanced_accuracy, the mean recall of the labels that occur; f1, the
        labels' mean; roc_auc, the mean of each label against all others, NaN where one doesn't occur;
        log_loss; brier, the squared distance of all probabilities, from 0 to 2; ece, of the label given.
    """
    kinds = np.eye(probabilities.shape[1])
    actual, given = kinds[labels], kinds[decide(probabilities)]
    total = weights.sum(1)
    hits, members, answers = weights @ (actual * given), weights @ actual, weights @ given
    losses = -np.log((probabilities * actual).sum(1).clip(1e-15, 1 - 1e-15))
    right, sure = confidences(labels, probabilities)
    gaps = np.eye(BINS)[bins_of(sure)] * (right - sure)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": hits.sum(1) / total,
            "balanced_accuracy": balanced_accuracy(hits, members),
            "f1": f1(hits, members, answers),
            "roc_auc": np.mean([*aucs_by_label(labels, probabilities, weights)], axis=0),
            "log_loss": weights @ losses / total,
            "brier": weights @ ((probabilities - actual) ** 2).sum(1) / total,
            "ece": np.abs(weights @ gaps).sum(1) / total,
        }


def aucs_by_label(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """The ROC AUC of each label against all others: num_labels of float64 (num_resamples,)."""
    aucs = []
    for label, column in enumerate(probabilities.T):
        order = np.argsort(column, kind="stable")
        aucs.append(weighted_auc(labels[order] == label, column[order], weights[:, order]))
    return aucs


def few_intervals(
    labels: np.ndarray, probabilities: np.ndarray, closed: Mapping[str, Interval], few: int
) -> dict[str, Interval]:
    """Intervals that need no resampling, which of few reviews promises too much.

    Those of accuracy and balanced_accuracy in ``closed``; where a label has fewer than ``few`` reviews, f1's
    too, and as roc_auc's the mean of the labels' own, which is never too narrow.
    """
    always = {name: closed[name] for name in ("accuracy", "balanced_accuracy")}
    members = np.bincount(labels, minlength=probabilities.shape[1])
    if members.min() >= few or members.min() == 0:
        return always
    aucs = aucs_by_label(labels, probabilities, np.ones((1, len(labels))))
    own = [
        newcombe_interval(float(auc[0]), int(count), len(labels) - int(count))
        for auc, count in zip(aucs, members, strict=True)
    ]
    return {**closed, "roc_auc": mean_interval(own)}


def balanced_accuracy_interval(table: Sequence[Row]) -> Interval:
    """The labels' recalls are of different reviews, so their Wilson intervals are put together as independent
    ones (Zou & Donner, 2008).

    Args:
        table: of ``class_table``.
    """
    recalls, lows, highs = (
        np.array([row[key] for row in table], float) for key in ("recall", "recall_low", "recall_high")
    )
    below, above = (np.sqrt(((recalls - ends) ** 2).sum()) / len(table) for ends in (lows, highs))
    middle = recalls.mean()
    return float(middle - below), float(middle + above)


def mean_interval(intervals: Sequence[Interval]) -> Interval:
    """The means of the ends: of an average, where the intervals' scores err in the same way."""
    low, high = np.mean(intervals, axis=0)
    return float(low), float(high)
