"""From which probability on a review is called positive."""

from __future__ import annotations

import numpy as np

THRESHOLD = 0.5


def choose_threshold(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold with the best accuracy on reviews that the model wasn't trained on.

    A threshold between two neighbouring probabilities stands halfway. Of equally good ones the nearest to
    ``THRESHOLD`` is taken, and of two as near the lower, so that the choice never depends on chance.

    >>> choose_threshold(np.array([0, 0, 1]), np.array([0.1, 0.7, 0.9]))
    0.8

    Args:
        labels: (num_reviews,), 0 or 1; of the validation reviews, never the test's.
        probabilities: (num_reviews,), of label 1.
    """
    order = np.argsort(probabilities)
    ascending, positive = probabilities[order].astype(np.float64), labels[order] == 1
    ends = np.concatenate([[0.0], np.unique(ascending), [1.0]])
    candidates = np.unique([THRESHOLD, *(ends[:-1] + ends[1:]) / 2])
    below = np.searchsorted(ascending, candidates, side="left")  # called negative
    positives_below = np.concatenate([[0], np.cumsum(positive)])[below]
    right = (below - positives_below) + (positive.sum() - positives_below)
    best = candidates[right == right.max()]
    return float(best[np.argmin(np.abs(best - THRESHOLD))])
