import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation import baselines
from pipeline.evaluation.baselines import (
    MAJORITY,
    NAIVE_BAYES,
    NAMES,
    TFIDF,
    WHOLE,
    LogCountRatio,
    fit_baselines,
    out_of_fold,
    score_rivals,
)
from pipeline.evaluation.ngrams import find_ngrams
from pipeline.reviews.ragged import Ragged, flatten

ORDERED = Ragged(*flatten([[4, 5], [5, 4]] * 20))  # only the order tells the label
LABELS = np.array([1, 0] * 20)
SPLITS = ("train", "validation", "test")


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
    ratio = np.log(np.array([3, 2]) / np.array([2, 3]))  # each count plus one; both sums are 5
    np.testing.assert_allclose(weights.ratio_, ratio)
    present = np.array([[1, 0], [1, 1], [0, 1], [1, 1]])
    np.testing.assert_allclose(weights.transform(counts).toarray(), present * ratio)


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


@pytest.mark.parametrize("name", NAMES)
def test_three_labels_have_a_probability_each(name: str) -> None:
    reviews, labels = Ragged(*flatten([[4, 5, 9], [6, 9], [7, 8, 9]] * 10)), np.array([0, 1, 2] * 10)
    probabilities = fit_baselines(reviews, labels, names=[name])[name].predict_proba(reviews)
    assert probabilities.shape == (30, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert probabilities.argmax(1).tolist() == labels.tolist()


def test_no_review_and_reviews_without_a_known_token_can_be_predicted() -> None:
    for fitted in fit_baselines(ORDERED, LABELS).values():
        assert fitted.predict_proba(Ragged(*flatten([]))).shape == (0, 2)
        np.testing.assert_allclose(fitted.predict_proba(Ragged(*flatten([[], [77]]))), 0.5, atol=0.01)


def test_one_label_only_is_refused() -> None:
    with pytest.raises(ValueError, match="two labels or more, but got 2 of one"):
        fit_baselines(Ragged(*flatten([[4], [4]])), np.array([1, 1]))


def test_each_rival_reads_what_its_name_says() -> None:
    """The last token says nothing; the one before it, which the padded rows lack, tells the label."""
    random = np.random.default_rng(0)
    padded, whole = {}, {}
    for split, positives in zip(SPLITS, (30, 10, 10), strict=True):
        labels = np.array([1] * positives + [0] * 10)
        last = random.integers(6, 8, len(labels))
        padded[split] = {"token_ids": last[:, None], "labels": labels}
        whole[split] = Ragged(*flatten(np.column_stack([4 + labels, last]).tolist()))
    rivals = {rival.name: rival for rival in score_rivals(padded, whole, 2, seed=0)}
    assert list(rivals) == [NAIVE_BAYES, TFIDF, WHOLE, MAJORITY]
    assert np.array_equal(rivals[WHOLE].test[:, 1] >= 0.5, padded["test"]["labels"] == 1)
    for name in NAMES:
        # Two kinds of rows only, and so two probabilities.
        assert len(np.unique(rivals[name].test[:, 1])) == 2
    np.testing.assert_allclose(rivals[MAJORITY].test[:, 1], 30 / 40)
    np.testing.assert_allclose(rivals[MAJORITY].validation[:, 1], 30 / 40)


def test_of_more_reviews_than_fit_into_memory_some_are_taken_from_all_places_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The first half is of words that the second lacks: both halves must have been read.
    words, labels = np.repeat([[4, 5], [6, 7]], 20, axis=0).ravel(), np.tile([0, 1], 40)
    padded = {split: {"token_ids": words[:, None], "labels": labels} for split in SPLITS}
    whole = dict.fromkeys(SPLITS, Ragged(words, np.arange(81)))
    assert {rival.fitted_to for rival in score_rivals(padded, whole, 1, seed=0)} == {None}
    monkeypatch.setattr(baselines, "MOST_TOKENS", 41)
    *bags, majority = score_rivals(padded, whole, 1, seed=0)
    assert [bag.fitted_to for bag in bags] == [41] * 3
    for bag in bags:
        assert np.array_equal(bag.test[:, 1] >= 0.5, labels == 1)
    assert (len(majority.test), majority.fitted_to) == (80, None)
    said = out_of_fold(Ragged(words, np.arange(81)), labels, longest=1)
    assert np.array_equal(said.argmax(1), labels), "of the others too"
