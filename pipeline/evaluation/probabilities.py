"""Probabilities of labels in the one form that they have everywhere, and what follows from them.

For two labels: float (num_reviews,), of label 1, the second one. For more: float (num_reviews, num_labels),
each row's sum 1. What doesn't depend on the number of labels calls these functions instead of looking.
"""

from __future__ import annotations

import numpy as np

THRESHOLD = 0.5  # of two labels: from this probability on the second one is given
_SMALLEST = 1e-7  # float32 has no probability nearer to 1


def from_columns(columns: np.ndarray) -> np.ndarray:
    """The one form of what a network or scikit-learn gives: (num_reviews, 1), or a column a label.

    >>> from_columns(np.array([[0.25, 0.75]])), from_columns(np.array([[0.5, 0.25, 0.25]]))
    (array([0.75]), array([[0.5 , 0.25, 0.25]]))
    """
    return columns[:, -1] if columns.shape[1] <= 2 else columns


def by_label(probabilities: np.ndarray) -> np.ndarray:
    """A column a label: float (num_reviews, num_labels).

    >>> by_label(np.array([0.75]))
    array([[0.25, 0.75]])
    """
    return np.column_stack([1 - probabilities, probabilities]) if probabilities.ndim == 1 else probabilities


def decide(probabilities: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """The label given to each review: int64 (num_reviews,).

    Of two labels the second from ``threshold`` on; of more the likeliest, of equals the first.

    >>> decide(np.array([0.4, 0.5])), decide(np.array([[0.4, 0.5, 0.1]]))
    (array([0, 1]), array([1]))
    """
    if probabilities.ndim == 1:
        return (probabilities >= threshold).astype(np.int64)
    return probabilities.argmax(axis=1)


def right(labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Whether each review is given its label: bool (num_reviews,)."""
    return np.asarray(decide(probabilities, threshold) == labels)


def shown(probabilities: np.ndarray) -> np.ndarray:
    """The one that is shown where there is room for one: of label 1; of more labels, of the likeliest.

    Returns:
        (num_reviews,).
    """
    return probabilities if probabilities.ndim == 1 else probabilities.max(axis=1)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the probability that each review's label was given: float64 (num_reviews,)."""
    clipped = probabilities.astype(np.float64).clip(_SMALLEST, 1 - _SMALLEST)
    if probabilities.ndim == 1:
        return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
    return -np.log(clipped[np.arange(len(labels)), labels])


def log_odds(probabilities: np.ndarray, label: int) -> np.ndarray:
    """The log-odds of ``label`` against all others: float64 (num_reviews,)."""
    columns = probabilities.astype(np.float64).clip(_SMALLEST, 1 - _SMALLEST)
    if columns.ndim > 1:
        columns = columns[:, label]
    sign = -1.0 if probabilities.ndim == 1 and label == 0 else 1.0
    return np.asarray(sign * (np.log(columns) - np.log1p(-columns)))


def confidences(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a calibration is judged by: how sure a classifier was of something, and whether it was so.

    Of two labels, that a review has label 1; of more, that it has the label that it was given (Guo et al.,
    "On Calibration of Modern Neural Networks", ICML 2017).

    Returns:
        hits, bool (num_reviews,), and probabilities, (num_reviews,).
    """
    if probabilities.ndim == 1:
        return labels == 1, probabilities
    return right(labels, probabilities), probabilities.max(axis=1)


def targets_of(labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Labels as the probabilities that a network learns: themselves for two, one-hot float32 rows for more.

    Args:
        labels: whole numbers (num_reviews,), or soft labels, which stay as they are.
        num_labels: 2 or more.
    """
    if num_labels == 2 or labels.ndim == 2:
        return labels
    return np.eye(num_labels, dtype=np.float32)[labels.astype(np.int64)]


def number_of_labels(labels: np.ndarray) -> int:
    """How many labels there are, of targets or of labels among which the last one occurs; at least 2."""
    return labels.shape[1] if labels.ndim == 2 else max(int(labels.max(initial=1)) + 1, 2)
