from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation import baselines
from pipeline.evaluation.baselines import MAJORITY, NAIVE_BAYES, TFIDF, WHOLE, score_rivals
from pipeline.reviews.ragged import Ragged, flatten


def test_each_rival_reads_what_its_name_says() -> None:
    """The last token says nothing; the one before it, which the padded rows lack, tells the label."""
    random = np.random.default_rng(0)
    padded, whole = {}, {}
    for split, positives in (("train", 30), ("validation", 10), ("test", 10)):
        labels = np.array([1] * positives + [0] * 10)
        last = random.integers(6, 8, len(labels))
        padded[split] = {"token_ids": last[:, None], "labels": labels}
        told = [[5 if label else 4, int(token)] for label, token in zip(labels, last, strict=True)]
        whole[split] = Ragged(*flatten(told))
    rivals = {rival.name: rival for rival in score_rivals(padded, whole, 2, seed=0)}
    assert list(rivals) == [NAIVE_BAYES, TFIDF, WHOLE, MAJORITY]
    labels = padded["test"]["labels"]
    assert np.array_equal(rivals[WHOLE].test[:, 1] >= 0.5, labels == 1)
    for name in (NAIVE_BAYES, TFIDF):
        # Two kinds of rows only, and so two probabilities.
        assert len(np.unique(rivals[name].test[:, 1])) == 2
    np.testing.assert_allclose(rivals[MAJORITY].test[:, 1], 30 / 40)
    np.testing.assert_allclose(rivals[MAJORITY].validation[:, 1], 30 / 40)


def test_of_more_reviews_than_fit_into_memory_some_are_taken_from_all_places_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The first half is of words that the second lacks: both halves must have been read.
    words = np.concatenate([np.tile([4, 5], 20), np.tile([6, 7], 20)])
    labels = np.tile([0, 1], 40)
    split = {"token_ids": words[:, None], "labels": labels}
    reviews = Ragged(words, np.arange(81))
    padded, whole = (
        dict.fromkeys(("train", "validation", "test"), split),
        dict.fromkeys(("train", "validation", "test"), reviews),
    )
    assert {rival.fitted_to for rival in score_rivals(padded, whole, 1, seed=0)} == {None}
    monkeypatch.setattr(baselines, "MOST_TOKENS", 41)
    *bags, majority = score_rivals(padded, whole, 1, seed=0)
    assert [bag.fitted_to for bag in bags] == [41] * 3
    for bag in bags:
        assert np.array_equal(bag.test[:, 1] >= 0.5, labels == 1)
    assert len(majority.test) == 80
    assert majority.fitted_to is None
