"""Metrics and curves of a classifier; of two labels, computed by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
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

from pipeline.evaluation import multiclass
from pipeline.evaluation.calibration import expected_calibration_error
from pipeline.evaluation.probabilities import THRESHOLD, by_label

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
        :func:`pipeline.evaluation.multiclass.weighted_metrics`.
    """
    probabilities = probabilities.astype(np.float64)
    if probabilities.ndim > 1:
        once = multiclass.weighted_metrics(labels, probabilities, np.ones((1, len(labels))))
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
