"""From which probability on a review is called positive."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.measures import ACCURACY, BALANCED_ACCURACY, F1, LOG_LOSS, score_of
from pipeline.evaluation.probabilities import THRESHOLD


def measure_of(objective: str) -> str:
    """What a threshold is chosen by where ``tune.objective`` is this: a log loss has none to choose."""
    return ACCURACY if objective == LOG_LOSS else objective


def served_threshold(measure: str, chosen: float) -> float:
    """Where a served model draws the line: at ``chosen`` if it was chosen for anything but accuracy.

    Of calibrated probabilities 0.5 is the best threshold for accuracy, and one that was chosen by few reviews
    is worse. For balanced accuracy and F1 the best one depends on how common the labels are.
    """
    return chosen if measure in (BALANCED_ACCURACY, F1) else THRESHOLD


def choose_threshold(labels: np.ndarray, probabilities: np.ndarray, measure: str = ACCURACY) -> float:
    """The threshold with the best accuracy, or other measure, on reviews that the model wasn't trained on.

    A threshold between two neighbouring probabilities stands halfway. Of equally good ones the nearest to
    ``THRESHOLD`` is taken, and of two as near the lower, so that the choice never depends on chance.

    >>> choose_threshold(np.array([0, 0, 1]), np.array([0.1, 0.7, 0.9]))
    0.8

    Args:
        labels: (num_reviews,), 0 or 1; of the validation reviews, never the test's.
        probabilities: (num_reviews,), of label 1.
        measure: accuracy, balanced_accuracy or f1.
    """
    order = np.argsort(probabilities)
    ascending, positive = probabilities[order].astype(np.float64), labels[order] == 1
    ends = np.concatenate([[0.0], np.unique(ascending), [1.0]])
    candidates = np.unique([THRESHOLD, *(ends[:-1] + ends[1:]) / 2])
    below = np.searchsorted(ascending, candidates, side="left")  # given label 0
    hits_1 = positive.sum() - np.concatenate([[0], np.cumsum(positive)])[below]
    hits_0 = below - (positive.sum() - hits_1)
    members = np.bincount(positive, minlength=2)
    given = len(labels) - below
    sums = [hits_0, hits_1, *(np.full(len(candidates), count) for count in members), below, given]
    reached = score_of(measure, np.column_stack(sums))
    best = candidates[reached == reached.max()]
    return float(best[np.argmin(np.abs(best - THRESHOLD))])
