"""Metrics and curves of a classifier; of two labels, computed by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from pipeline.evaluation.calibration import BINS, Interval, bins_of, expected_calibration_error
from pipeline.evaluation.probabilities import THRESHOLD, by_label, confidences, cross_entropy, decide
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import Row

# Metrics of more than two labels, and intervals that hold where reviews of a label are few.
#
# Each label is told from all others, and the mean over the labels taken (macro), so that a rare one counts as
# much as a common one.


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


# The area under the ROC curve of weighted reviews, and its interval where reviews are few.


def weighted_auc(positive: np.ndarray, ascending: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of pairs of a positive and a negative review in the right order; a tie counts half.

    Args:
        positive: bool (num_reviews,).
        ascending: scores (num_reviews,), in ascending order.
        weights: (num_resamples, num_reviews), how often each review counts.

    Returns:
        float64 (num_resamples,); NaN where one side is empty.
    """
    negatives = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights * ~positive, axis=1)], axis=1)
    below = np.searchsorted(ascending, ascending, side="left")
    up_to = np.searchsorted(ascending, ascending, side="right")
    won = (weights * positive * (negatives[:, below] + negatives[:, up_to]) / 2).sum(1)
    return np.asarray(won / ((weights @ positive) * negatives[:, -1]))


def newcombe_interval(auc: float, positives: int, negatives: int) -> Interval:
    """The AUCs from which ``auc`` is no more than 1.96 standard errors, as they would be there, away.

    Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic" (2006),
    method 5.
    """
    half = (positives + negatives) / 2 - 1

    def excess(value: float) -> float:
        spread = 1 + half * (1 - value) / (2 - value) + half * value / (1 + value)
        variance = value * (1 - value) * spread / (positives * negatives)
        return float((auc - value) ** 2 - norm.ppf(0.975) ** 2 * variance)

    # 0 and 1 are roots of their own where the sample's AUC is that; the other one is wanted.
    low = brentq(excess, 0, min(auc, 1 - 1e-9)) if auc > 0 else 0.0
    high = brentq(excess, max(auc, 1e-9), 1) if auc < 1 else 1.0
    return float(low), float(high)


# What networks, thresholds and champions are chosen by: a score that follows from sums over the reviews.

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


Metrics = dict[str, float]
Value = TypeVar("Value")


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> Metrics:
    """The metrics of a classifier.

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: (num_reviews,), of label 1; of more than two labels, (num_reviews, num_labels).
        threshold: from this probability on, label 1 is predicted; of more than two labels, the likeliest is.

    Returns:
        accuracy, balanced_accuracy, f1, roc_auc, log_loss (natural logarithm), brier and ece (expected
        calibration error); of more than two labels, those of
        :func:`pipeline.evaluation.metrics.weighted_metrics`.
    """
    probabilities = probabilities.astype(np.float64)
    if probabilities.ndim > 1:
        once = weighted_metrics(labels, probabilities, np.ones((1, len(labels))))
        return {name: float(value[0]) for name, value in once.items()}
    predicted = probabilities >= threshold
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
        "f1": float(f1_score(labels, predicted, zero_division=0.0)),
        "roc_auc": float(roc_auc_score(labels, probabilities)),
        "log_loss": float(log_loss(labels, probabilities, labels=[0, 1])),
        "brier": float(brier_score_loss(labels, probabilities)),
        "ece": expected_calibration_error(labels, probabilities),
    }


def prefixed(values: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """The same values under ``prefix`` + name."""
    return {f"{prefix}{name}": value for name, value in values.items()}


def roc_points(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The ROC curve: false_positive_rate, true_positive_rate; of more than two labels, of all together."""
    false_positive, true_positive, _ = roc_curve(*_cases(labels, probabilities))
    return _thinned(false_positive_rate=false_positive, true_positive_rate=true_positive)


def precision_recall_points(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The precision-recall curve: recall, precision; of more than two labels, of all together."""
    cases = _cases(labels, probabilities)
    precision, recall, _ = precision_recall_curve(*cases, drop_intermediate=True)
    return _thinned(recall=recall, precision=precision)


def roc_by_label(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The ROC curve of each label against all others, one after the other, with its number as ``label``."""
    return [
        {"label": label, **point}
        for label, column in enumerate(by_label(probabilities).T)
        for point in roc_points(labels == label, column)
    ]


def _cases(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is told apart: reviews of label 1; of more labels, each label of each review (micro-average)."""
    if probabilities.ndim == 1:
        return labels, probabilities
    return np.eye(probabilities.shape[1], dtype=np.int8)[labels].ravel(), probabilities.ravel()


def _thinned(most: int = 1000, **columns: np.ndarray) -> list[dict[str, float]]:
    """At most ``most`` points, evenly taken with both ends: a plot shows no more, and loads faster."""
    count = len(next(iter(columns.values())))
    rows = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return [{name: float(values[row]) for name, values in columns.items()} for row in rows]


# From which probability on a review is called positive.


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
