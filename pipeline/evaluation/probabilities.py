"""Probabilities in the one form that they have everywhere, and what follows from them.

Float (num_reviews, num_labels), each row's sum 1, with two labels too. What two labels alone have (a
threshold, one of them that is told of) is decided here and in ``metrics``, and nowhere else.
"""

from __future__ import annotations

import numpy as np

THRESHOLD = 0.5  # of two labels: from this probability on the second one is given
SMALLEST = 1e-7  # float32 has no probability nearer to 1


def from_outputs(outputs: np.ndarray) -> np.ndarray:
    """What a network says as probabilities: float64 (num_reviews, num_labels).

    >>> from_outputs(np.array([[0.75]]))
    array([[0.25, 0.75]])

    Args:
        outputs: (num_reviews, 1) of a sigmoid, the probability of label 1; of a softmax a column a label.
    """
    outputs = outputs.astype(np.float64)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def decide(probabilities: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """The label given to each review: int64 (num_reviews,).

    Of two labels the second from ``threshold`` on; of more the likeliest, of equals the first.

    >>> decide(np.array([[0.6, 0.4], [0.5, 0.5]])), decide(np.array([[0.4, 0.5, 0.1]]))
    (array([0, 1]), array([1]))
    """
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] >= threshold).astype(np.int64)
    return probabilities.argmax(axis=1)


def right(labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Whether each review is given its label: bool (num_reviews,)."""
    return np.asarray(decide(probabilities, threshold) == labels)


def main_probability(probabilities: np.ndarray) -> np.ndarray:
    """The one that there is room for, (num_reviews,): of label 1; of more than two labels, the likeliest."""
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities.max(axis=1)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray, smallest: float = SMALLEST) -> np.ndarray:
    """Minus the logarithm of the probability that each review's label was given: float64 (num_reviews,)."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(given.clip(smallest, 1 - smallest))


def log_odds(probabilities: np.ndarray, label: int) -> np.ndarray:
    """The log-odds of ``label`` against all others: float64 (num_reviews,)."""
    both = probabilities[:, label], np.delete(probabilities, label, axis=1).sum(1)
    own, others = (np.log(each.astype(np.float64).clip(SMALLEST, 1 - SMALLEST)) for each in both)
    return np.asarray(own - others)


def confidences(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a calibration is judged by: whether something was so, bool, and how sure of it a classifier was.

    Of two labels, that a review has label 1; of more, that it has the label that it was given (Guo et al.,
    "On Calibration of Modern Neural Networks", ICML 2017). Both are (num_reviews,).
    """
    hits = labels == 1 if probabilities.shape[1] == 2 else right(labels, probabilities)
    return hits, main_probability(probabilities)


def targets_of(labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Labels as a network learns them.

    Args:
        labels: whole numbers from 0, (num_reviews,), or soft labels: probabilities.
        num_labels: 2 or more.

    Returns:
        Of two labels how much of the second, (num_reviews,), a sigmoid's target; of more (num_reviews,
        num_labels), float32 of whole numbers.
    """
    if labels.ndim == 2:
        return labels[:, 1] if num_labels == 2 else labels
    return labels if num_labels == 2 else np.eye(num_labels, dtype=np.float32)[labels.astype(np.int64)]


def number_of_labels(labels: np.ndarray) -> int:
    """How many there are of ``labels``, (num_reviews,), among which the last one occurs; at least 2."""
    return max(int(labels.max(initial=1)) + 1, 2)
