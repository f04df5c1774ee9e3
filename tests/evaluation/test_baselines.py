from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation.baselines import (
    NAIVE_BAYES,
    NAMES,
    TFIDF,
    LogCountRatio,
    fit_baselines,
)
from pipeline.evaluation.ngrams import find_ngrams
from pipeline.reviews.ragged import Ragged, flatten

ORDERED = Ragged(*flatten([[4, 5], [5, 4]] * 20))  # only the order tells the label
LABELS = np.array([1, 0] * 20)


@pytest.mark.parametrize("name", NAMES)
def test_pairs_are_read_only_if_asked(name: str) -> None:
    words, pairs = (fit_baselines(ORDERED, LABELS, longest, names=[name])[name] for longest in (1, 2))
    np.testing.assert_allclose(words.predict_proba(ORDERED), 0.5, atol=1e-3)
    assert pairs.predict_proba(ORDERED).argmax(1).tolist() == LABELS.tolist()


def test_the_log_count_ratio_is_wang_and_mannings() -> None:
    """Token 4 stands in 2 positive reviews and 1 negative, token 5 in 1 and 2; repeats count once."""
    reviews = Ragged(*flatten([[4, 4, 4], [4, 5], [5], [4, 5, 5]]))
    _, counts = find_ngrams(reviews, 1)
    weights = LogCountRatio().fit(counts, np.array([1, 1, 0, 0]))
    p, q = np.array([3, 2]) / 5, np.array([2, 3]) / 5  # each count plus one
    np.testing.assert_allclose(weights.ratio_, np.log(p / q))
    np.testing.assert_allclose(
        weights.transform(counts).toarray(), np.array([[1, 0], [1, 1], [0, 1], [1, 1]]) * np.log(p / q)
    )


def test_naive_bayes_is_the_regression_on_the_weighed_presence_at_c_of_a_tenth() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    reviews = Ragged(*flatten([random.integers(4 + 3 * label, 16 + label, 12).tolist() for label in labels]))
    _, counts = find_ngrams(reviews, 2)
    present = (counts.toarray() > 0).astype(float)
    p, q = (1 + present[labels == label].sum(0) for label in (1, 0))
    weighed = present * np.log((p / p.sum()) / (q / q.sum()))
    # A column of ones among the features: the solver shrinks the intercept as it does every weight.
    weighed = np.column_stack([weighed, np.ones(200)])
    exact = LogisticRegression(C=0.1, fit_intercept=False, tol=1e-8, max_iter=10_000).fit(weighed, labels)
    found = fit_baselines(reviews, labels)[NAIVE_BAYES].predict_proba(reviews)
    np.testing.assert_allclose(found, exact.predict_proba(weighed), atol=1e-4)


def test_the_same_seed_gives_the_same_probabilities() -> None:
    random = np.random.default_rng(1)
    reviews = Ragged(*flatten([random.integers(4, 60, 30).tolist() for _ in range(300)]))
    labels = random.integers(0, 2, 300)
    first, again = (fit_baselines(reviews, labels, 2, seed=3) for _ in range(2))
    assert list(first) == [NAIVE_BAYES, TFIDF]
    for name, fitted in first.items():
        assert np.array_equal(fitted.predict_proba(reviews), again[name].predict_proba(reviews))


def test_three_labels_have_a_probability_each() -> None:
    reviews = Ragged(*flatten([[4, 5, 9], [6, 9], [7, 8, 9]] * 10))
    labels = np.array([0, 1, 2] * 10)
    for name, fitted in fit_baselines(reviews, labels).items():
        probabilities = fitted.predict_proba(reviews)
        assert probabilities.shape == (30, 3), name
        np.testing.assert_allclose(probabilities.sum(1), 1)
        assert probabilities.argmax(1).tolist() == labels.tolist(), name


def test_no_review_and_reviews_without_a_known_token_can_be_predicted() -> None:
    for fitted in fit_baselines(ORDERED, LABELS).values():
        assert fitted.predict_proba(Ragged(*flatten([]))).shape == (0, 2)
        np.testing.assert_allclose(fitted.predict_proba(Ragged(*flatten([[], [77]]))), 0.5, atol=0.01)


def test_one_label_only_is_refused() -> None:
    with pytest.raises(ValueError, match="two labels or more, but got 2 of one"):
        fit_baselines(Ragged(*flatten([[4], [4]])), np.array([1, 1]))


def test_a_baseline_needs_neither_tensorflow_nor_mlflow() -> None:
    heavy = "{'tensorflow', 'keras', 'mlflow'}"
    code = f"import pipeline.evaluation.baselines, sys; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
