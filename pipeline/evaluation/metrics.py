"""Metrics of a classifier, each one function of labels, probabilities and how often each review counts.

So a metric's value, its values of resampled reviews and of the jackknife are calls of one function. Of more
than two labels each is told from all others and the mean over the labels taken (macro), so that a rare one
counts as much as a common one.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.evaluation.probabilities import THRESHOLD, confidences, cross_entropy, decide
from pipeline.runtime.errors import UserError

ACCURACY, BALANCED_ACCURACY, F1, LOG_LOSS = "accuracy", "balanced_accuracy", "f1", "log_loss"
BINS = 10  # of probabilities, equally wide
Metrics = dict[str, float]


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> Metrics:
    """The values of :func:`weighted_metrics` where each review counts once."""
    once = weighted_metrics(labels, probabilities, np.ones((1, len(labels))), threshold)
    return {name: float(value) for name, (value,) in once.items()}


def weighted_metrics(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, threshold: float = THRESHOLD
) -> dict[str, np.ndarray]:
    """The metrics of reviews that each count ``weights`` times.

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: (num_reviews, num_labels).
        weights: (num_resamples, num_reviews).
        threshold: of two labels, from this probability on the second one is given.

    Returns:
        Each (num_resamples,): accuracy; balanced_accuracy, the mean recall of the labels that occur; f1, of
        the second of two labels, else the labels' mean; roc_auc, likewise, NaN where a label doesn't occur;
        log_loss (natural logarithm); brier, the squared distance, of the second of two labels, else of all;
        ece, the expected calibration error of ``confidences``: the distance between a bin's share of hits and
        its mean probability, each bin weighing as much as it has reviews.
    """
    probabilities = probabilities.astype(np.float64)
    sums = weights @ sums_of(ACCURACY, labels, probabilities, threshold)
    told = one_against_rest(labels, probabilities)
    losses = cross_entropy(labels, probabilities, np.finfo(np.float64).eps)
    distances = np.sum([(column - has) ** 2 for has, column in told], axis=0)
    hits, sure = confidences(labels, probabilities)
    gaps = np.eye(BINS)[bins_of(sure)] * (hits - sure)[:, None]
    total = weights.sum(1)
    return {
        **{name: score_of(name, sums) for name in (ACCURACY, BALANCED_ACCURACY, F1)},
        "roc_auc": np.mean([roc_auc(has, column, weights) for has, column in told], axis=0),
        LOG_LOSS: weights @ losses / total,
        "brier": weights @ distances / total,
        "ece": np.abs(weights @ gaps).sum(1) / total,
    }


def one_against_rest(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Whether each review has a label, and the label's probability: of two the second, which says it all."""
    first = 1 if probabilities.shape[1] == 2 else 0
    return [(labels == label, column) for label, column in enumerate(probabilities.T) if label >= first]


def roc_auc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of pairs of a positive and a negative review in the right order; a tie counts half.

    Of bool (num_reviews,) and floats (num_reviews,), each counted ``weights``, (num_resamples, num_reviews),
    times: float64 (num_resamples,), NaN where one side is empty.
    """
    order = np.argsort(scores, kind="stable")
    positive, ascending, weights = positive[order], scores[order], weights[:, order]
    negatives = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights * ~positive, axis=1)], axis=1)
    below = np.searchsorted(ascending, ascending, side="left")
    up_to = np.searchsorted(ascending, ascending, side="right")
    won = (weights * positive * (negatives[:, below] + negatives[:, up_to]) / 2).sum(1)
    with np.errstate(invalid="ignore"):
        return np.asarray(won / ((weights @ positive) * negatives[:, -1]))


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """The bin of ``BINS`` equally wide ones each probability is in: int (num_reviews,); 1.0's is the last."""
    return np.minimum((probabilities.astype(np.float64) * BINS).astype(int), BINS - 1)


# What networks, thresholds and champions are chosen by: a score that follows from sums over the reviews.


def sums_of(
    measure: str, labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> np.ndarray:
    """What each review adds to the sums that :func:`score_of` needs: float64 (num_reviews, columns).

    Of a log loss the loss and 1; of another ``tune.objective``, for each label, whether it is the review's
    and was given, is the review's, and was given. Arguments are those of :func:`weighted_metrics`.
    """
    if measure == LOG_LOSS:
        return np.column_stack([cross_entropy(labels, probabilities), np.ones(len(labels))])
    kinds = np.eye(probabilities.shape[1])
    actual, given = kinds[labels], kinds[decide(probabilities, threshold)]
    return np.hstack([actual * given, actual, given])


def score_of(measure: str, sums: np.ndarray) -> np.ndarray:
    """The measure of reviews whose :func:`sums_of` add up to ``sums``, (..., columns): float64 (...).

    More is better: a log loss has its sign changed. In F1 a label that neither occurs nor is given counts 0.
    """
    if measure == LOG_LOSS:
        return np.asarray(-sums[..., 0] / sums[..., 1])
    hits, members, answers = np.split(sums, 3, axis=-1)
    if measure == F1:
        each = 2 * hits / np.maximum(members + answers, 1e-12)
        return np.asarray(each[..., 1] if each.shape[-1] == 2 else each.mean(-1))
    if measure == BALANCED_ACCURACY:
        occurs = members > 0
        recalls = hits / np.where(occurs, members, 1)
        with np.errstate(invalid="ignore"):
            return np.asarray(recalls.sum(-1) / occurs.sum(-1))
    return np.asarray(hits.sum(-1) / members.sum(-1))


def best_guess(measure: str, labels: np.ndarray, num_labels: int) -> float:
    """The best score of a classifier that gives every review the same label.

    >>> best_guess("accuracy", np.array([0, 0, 0, 1]), 2), best_guess("f1", np.array([0, 0, 0, 1]), 2)
    (0.75, 0.4)

    Args:
        measure: accuracy, balanced_accuracy or f1.
        labels: whole numbers from 0, (num_reviews,).
        num_labels: how many labels there are.
    """
    members = np.bincount(labels, minlength=num_labels)
    sums = [np.concatenate([each * members, members, each * len(labels)]) for each in np.eye(num_labels)]
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


# Curves.


def roc_points(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The ROC curve: false_positive_rate, true_positive_rate; of more than two labels, of all together."""
    return _roc(*_together(labels, probabilities))


def precision_recall_points(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The precision-recall curve: recall, precision; of more than two labels, of all together."""
    precision, recall, _ = precision_recall_curve(*_together(labels, probabilities), drop_intermediate=True)
    return _thin(recall=recall, precision=precision)


def roc_by_label(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The ROC curve of each label against all others, one after the other, with its number as ``label``."""
    return [
        {"label": label, **point}
        for label, column in enumerate(probabilities.T)
        for point in _roc(labels == label, column)
    ]


def _together(labels: np.ndarray, probabilities: np.ndarray) -> list[np.ndarray]:
    """Each case of :func:`one_against_rest` (micro-average)."""
    return [np.concatenate(each) for each in zip(*one_against_rest(labels, probabilities), strict=True)]


def _roc(positive: np.ndarray, scores: np.ndarray) -> list[dict[str, float]]:
    false_positive, true_positive, _ = roc_curve(positive, scores)
    return _thin(false_positive_rate=false_positive, true_positive_rate=true_positive)


def _thin(most: int = 1000, **columns: np.ndarray) -> list[dict[str, float]]:
    """At most ``most`` points, evenly taken with both ends: a plot shows no more, and loads faster."""
    count = len(next(iter(columns.values())))
    rows = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return [{name: float(values[row]) for name, values in columns.items()} for row in rows]


# Of two labels: from which probability on a review is given the second.


def measure_of(objective: str) -> str:
    """What a threshold is chosen by where ``tune.objective`` is this: a log loss has none to choose."""
    return ACCURACY if objective == LOG_LOSS else objective


def choose_threshold(labels: np.ndarray, probabilities: np.ndarray, measure: str = ACCURACY) -> float:
    """The threshold with the best accuracy, or other measure, on reviews that the model wasn't trained on.

    A threshold between two neighbouring probabilities stands halfway. Of equally good ones the nearest to
    ``THRESHOLD`` is taken, and of two as near the lower, so that the choice never depends on chance.

    >>> choose_threshold(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.3, 0.7], [0.1, 0.9]]))
    0.8

    Args:
        labels: (num_reviews,), 0 or 1; of the validation reviews, never the test's.
        probabilities: (num_reviews, 2).
        measure: accuracy, balanced_accuracy or f1.
    """
    order = np.argsort(probabilities[:, 1])
    ascending, positive = probabilities[order, 1].astype(np.float64), labels[order] == 1
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
