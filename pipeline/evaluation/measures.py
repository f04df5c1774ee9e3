"""What networks and thresholds are chosen by, from how many reviews of each label were given which."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.probabilities import by_label, decide
from pipeline.evaluation.threshold import BALANCED_ACCURACY, F1
from pipeline.runtime.errors import UserError

ACCURACY = "accuracy"


def balanced_accuracy(hits: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The mean recall of the labels that occur.

    Args:
        hits: (..., num_labels), reviews of each label that were given it.
        members: (..., num_labels), reviews of each label.

    Returns:
        Float64 (...); NaN where there is no review.
    """
    occurs = members > 0
    recalls = hits / np.where(occurs, members, 1)
    with np.errstate(invalid="ignore"):
        return np.asarray((recalls * occurs).sum(-1) / occurs.sum(-1))


def f1(hits: np.ndarray, members: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """F1 of the second of two labels; of more labels, the mean of theirs (macro).

    Args:
        hits: (..., num_labels), reviews of each label that were given it.
        members: (..., num_labels), reviews of each label.
        answers: (..., num_labels), reviews that each label was given to.

    Returns:
        Float64 (...); a label that neither occurs nor is given counts 0.
    """
    each = 2 * hits / np.maximum(members + answers, 1e-12)
    return np.asarray(each[..., 1] if each.shape[-1] == 2 else each.mean(-1))


def measured(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Balanced accuracy and F1 of the labels given at the threshold 0.5, or of the likeliest of several.

    >>> measured(np.array([0, 0, 0, 1]), np.array([0.1, 0.6, 0.2, 0.9]))
    {'balanced_accuracy': 0.8333333333333333, 'f1': 0.6666666666666666}

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: in the form of ``evaluation.probabilities``.
    """
    num_labels, given = by_label(probabilities[:1]).shape[1], decide(probabilities)
    hits, members, answers = (
        np.bincount(each, minlength=num_labels) for each in (labels[labels == given], labels, given)
    )
    return {
        BALANCED_ACCURACY: float(balanced_accuracy(hits, members)),
        F1: float(f1(hits, members, answers)),
    }


def weights_of(
    class_weights: str | tuple[float, ...], labels: np.ndarray, num_labels: int
) -> np.ndarray | None:
    """How much a review of each label counts: float64 (num_labels,), whose mean over the reviews is 1.

    Args:
        class_weights: ``train.class_weights``; ``balanced`` lets all labels count the same, as scikit-learn's
            does.
        labels: of the training reviews.
        num_labels: how many labels there are.

    Returns:
        None for ``none``.

    Raises:
        ValueError: if there are not as many weights as labels.
    """
    if class_weights == "none":
        return None
    members = np.bincount(labels.astype(np.int64), minlength=num_labels)
    if class_weights == "balanced":
        return np.asarray(len(labels) / (num_labels * np.maximum(members, 1)))
    if len(class_weights) != num_labels:
        raise UserError(
            f"train.class_weights has {len(class_weights)} numbers, but there are {num_labels} labels: "
            "give one a label, in the order in which `check` lists them"
        )
    weights = np.array(class_weights, np.float64)
    return np.asarray(weights * len(labels) / (weights @ members))
