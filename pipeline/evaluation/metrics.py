"""Metrics and curves of a binary classifier, computed by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from pipeline.evaluation.calibration import expected_calibration_error
from pipeline.evaluation.threshold import THRESHOLD

Metrics = dict[str, float]
Value = TypeVar("Value")


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = THRESHOLD
) -> Metrics:
    """The metrics of a binary classifier.

    Args:
        labels: (num_reviews,), 0 or 1.
        probabilities: (num_reviews,), the probability of label 1.
        threshold: from this probability on, label 1 is predicted.

    Returns:
        accuracy, f1, roc_auc, log_loss (natural logarithm), brier and ece (expected calibration error).
    """
    probabilities = probabilities.astype(np.float64)
    predicted = probabilities >= threshold
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
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
    """The ROC curve: false_positive_rate, true_positive_rate."""
    false_positive, true_positive, _ = roc_curve(labels, probabilities)
    return _thinned(false_positive_rate=false_positive, true_positive_rate=true_positive)


def precision_recall_points(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """The precision-recall curve: recall, precision."""
    precision, recall, _ = precision_recall_curve(labels, probabilities, drop_intermediate=True)
    return _thinned(recall=recall, precision=precision)


def _thinned(most: int = 1000, **columns: np.ndarray) -> list[dict[str, float]]:
    """At most ``most`` points, evenly taken with both ends: a plot shows no more, and loads faster."""
    count = len(next(iter(columns.values())))
    rows = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return [{name: float(values[row]) for name, values in columns.items()} for row in rows]
