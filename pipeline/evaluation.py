"""What a classifier's probabilities are worth: metrics, curves, and the baseline to beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline

from pipeline.reviews.vocabulary import PAD_ID

THRESHOLD = 0.5
Metrics = dict[str, float]


def classification_metrics(labels: np.ndarray, probabilities: np.ndarray) -> Metrics:
    """The metrics of a binary classifier, computed by scikit-learn.

    Args:
        labels: (num_reviews,), 0 or 1.
        probabilities: (num_reviews,), the probability of label 1; 0.5 and above predicts 1.

    Returns:
        accuracy, f1, roc_auc, log_loss (natural logarithm) and brier.
    """
    predicted = probabilities >= THRESHOLD
    probabilities = probabilities.astype(np.float64)
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1": float(f1_score(labels, predicted, zero_division=0.0)),
        "roc_auc": float(roc_auc_score(labels, probabilities)),
        "log_loss": float(log_loss(labels, probabilities, labels=[0, 1])),
        "brier": float(brier_score_loss(labels, probabilities)),
    }


def prefixed(metrics: Metrics, prefix: str) -> Metrics:
    """The same metrics under ``prefix`` + name."""
    return {f"{prefix}{name}": value for name, value in metrics.items()}


def fit_baseline(token_ids: np.ndarray, labels: np.ndarray, ngrams: int, seed: int) -> Pipeline:
    """TF-IDF of 1 to ``ngrams`` tokens in a row and logistic regression, on the network's own input.

    Args:
        token_ids: int (num_reviews, max_length), padded with ``PAD_ID``, which is no word.
        labels: (num_reviews,), 0 or 1.
        ngrams: the longest run of tokens that is a feature.
        seed: of the solver.
    """
    analyzer = _token_ngrams(ngrams)
    model = make_pipeline(
        TfidfVectorizer(analyzer=analyzer, min_df=2, sublinear_tf=True, dtype=np.float32),
        LogisticRegression(C=10.0, max_iter=1000, random_state=seed),
    )
    return model.fit(list(token_ids), labels)


def baseline_probabilities(baseline: Pipeline, token_ids: np.ndarray) -> np.ndarray:
    """Probability of label 1, float64 (num_reviews,)."""
    return np.asarray(baseline.predict_proba(list(token_ids))[:, 1])


def _token_ngrams(longest: int) -> Callable[[np.ndarray], list[tuple[int, ...]]]:
    def analyze(row: np.ndarray) -> list[tuple[int, ...]]:
        ids = row[row != PAD_ID].tolist()
        return [
            tuple(ids[start : start + length])
            for length in range(1, longest + 1)
            for start in range(len(ids) - length + 1)
        ]

    return analyze


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
