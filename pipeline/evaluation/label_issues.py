"""Labels that look wrong: confident learning.

Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (Journal of
Artificial Intelligence Research, 2021), by the off-diagonal counts of the confident joint.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class LabelIssue(NamedTuple):
    """A review whose label is contradicted: its row, the label it has, a likelier one and its probability."""

    row: int
    given: int
    likely: int
    probability: float


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> list[LabelIssue]:
    """The reviews that are confidently of another label than they have, the surest first.

    A review is confidently of a label if the label's probability is as high as it is on average where the
    label is given; of several such labels it is of the likeliest.

    >>> find_label_issues(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]))
    [LabelIssue(row=1, given=0, likely=1, probability=0.8)]

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: by classifiers that were not fitted to the review, (num_reviews, num_labels).
    """
    rows, num_labels = np.arange(len(labels)), probabilities.shape[1]
    of_given = probabilities[rows, labels]
    counts = np.maximum(np.bincount(labels, minlength=num_labels), 1)
    confident = probabilities >= np.bincount(labels, of_given, num_labels) / counts
    likely = np.where(confident, probabilities, -1).argmax(1)
    lead = probabilities[rows, likely] - of_given
    found = np.flatnonzero(confident.any(1) & (likely != labels) & (lead > 0))
    return [
        LabelIssue(int(row), int(labels[row]), int(likely[row]), float(probabilities[row, likely[row]]))
        for row in found[np.argsort(-lead[found], kind="stable")]
    ]
