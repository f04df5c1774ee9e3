"""What networks, thresholds and champions are chosen by: a score that follows from sums over the reviews."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.probabilities import THRESHOLD, by_label, cross_entropy, decide
from pipeline.runtime.errors import UserError

ACCURACY, BALANCED_ACCURACY, F1, LOG_LOSS = "accuracy", "balanced_accuracy", "f1", "log_loss"


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


def sums_of(
    measure: str, labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> np.ndarray:
    """What each review adds to the sums that :func:`score_of` needs.

    Args:
        measure: a value of ``tune.objective``.
        labels: whole numbers from 0, (num_reviews,).
        probabilities: in the form of ``evaluation.probabilities``.
        threshold: of two labels, from this probability on the second one is given.

    Returns:
        Float64 (num_reviews, columns).
    """
    if measure == LOG_LOSS:
        return np.column_stack([cross_entropy(labels, probabilities), np.ones(len(labels))])
    kinds = np.eye(by_label(probabilities[:1]).shape[1])
    actual, given = kinds[labels], kinds[decide(probabilities, threshold)]
    return np.hstack([actual * given, actual, given])


def score_of(measure: str, sums: np.ndarray) -> np.ndarray:
    """The measure of reviews whose :func:`sums_of` add up to ``sums``, (..., columns): float64 (...).

    More is better: a log loss has its sign changed.
    """
    if measure == LOG_LOSS:
        return np.asarray(-sums[..., 0] / sums[..., 1])
    hits, members, answers = np.split(sums, 3, axis=-1)
    match measure:
        case "balanced_accuracy":
            return balanced_accuracy(hits, members)
        case "f1":
            return f1(hits, members, answers)
        case _:
            return np.asarray(hits.sum(-1) / members.sum(-1))


def measured(
    measure: str, labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> float:
    """The measure of a classifier; arguments as those of :func:`sums_of`.

    >>> labels, probabilities = np.array([0, 0, 0, 1]), np.array([0.1, 0.6, 0.2, 0.9])
    >>> [round(measured(each, labels, probabilities), 4) for each in ("balanced_accuracy", "f1")]
    [0.8333, 0.6667]
    """
    return float(score_of(measure, sums_of(measure, labels, probabilities, threshold).sum(0)))


def best_guess(measure: str, labels: np.ndarray, num_labels: int) -> float:
    """The best score of a classifier that gives every review the same label.

    >>> best_guess("accuracy", np.array([0, 0, 0, 1]), 2), best_guess("f1", np.array([0, 0, 0, 1]), 2)
    (0.75, 0.4)

    Args:
        measure: accuracy, balanced_accuracy or f1.
        labels: whole numbers from 0, (num_reviews,).
        num_labels: how many labels there are.
    """
    always = np.eye(num_labels)
    members = np.bincount(labels, minlength=num_labels)
    sums = [np.concatenate([each * members, members, each * len(labels)]) for each in always]
    return float(score_of(measure, np.array(sums)).max())


def weights_of(
    class_weights: str | tuple[float, ...] | dict[str, float], labels: np.ndarray, num_labels: int
) -> np.ndarray | None:
    """How much a review of each label counts: float64 (num_labels,), whose mean over the reviews is 1.

    Args:
        class_weights: ``train.class_weights``; ``balanced`` lets all labels count the same, as scikit-learn's
            does. Weights by name must be in the labels' order by now: see ``Params.of_labels``.
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
    if isinstance(class_weights, dict | str):
        raise TypeError(f"class_weights are {class_weights}: Params.of_labels gives them an order")
    if len(class_weights) != num_labels:
        raise UserError(
            f"train.class_weights has {len(class_weights)} numbers, but there are {num_labels} labels: "
            "give one a label, in the order in which `check` lists them"
        )
    weights = np.array(class_weights, np.float64)
    return np.asarray(weights * len(labels) / (weights @ members))
