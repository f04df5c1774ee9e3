"""The baseline to beat: a bag of words and word pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from pipeline.reviews.vocabulary import PAD_ID


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
