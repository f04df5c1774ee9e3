"""The teacher of soft labels: bags of n-grams, alone and with document vectors."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pipeline.evaluation.teacher import soft_labels
from pipeline.reviews.ragged import Ragged
from pipeline.training.vectors import learn_ngrams


def reviews(count: int, num_labels: int, seed: int) -> tuple[Ragged, np.ndarray]:
    """Reviews of 6 to 12 words, one of which in four tells the label."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % num_labels
    lengths = random.integers(6, 13, count)
    tokens = np.concatenate(
        [
            np.where(random.random(length) < 0.25, 4 + label, random.integers(8, 20, length))
            for length, label in zip(lengths, labels, strict=True)
        ]
    )
    return Ragged(tokens, np.concatenate([[0], np.cumsum(lengths)])), labels


@pytest.mark.parametrize("num_labels", [2, 3])
@pytest.mark.parametrize("with_documents", [False, True])
def test_it_labels_reviews_that_nobody_labelled(num_labels: int, with_documents: bool) -> None:
    train, validation = reviews(240, num_labels, 0), reviews(120, num_labels, 1)
    unlabelled, hidden = reviews(300, num_labels, 2)
    learnt = learn_ngrams(*train, unlabelled, 8, 7)
    asked = partial(
        soft_labels, *train, *validation, unlabelled, 7, learnt.documents if with_documents else None
    )
    soft = asked()
    assert soft.shape == (300, num_labels)
    assert soft.dtype == np.float32
    np.testing.assert_allclose(soft.sum(1), 1, atol=1e-5)
    # A review of nine words is without a telling one in 8 of 100: then any label is as good.
    assert (soft.argmax(1) == hidden).mean() > 0.88
    np.testing.assert_array_equal(soft, asked())


def test_ngrams_that_tell_labels_are_learnt_more_often() -> None:
    train, labels = reviews(240, 2, 0)
    learnt = learn_ngrams(train, labels, Ragged(np.zeros(0, np.int64), np.zeros(1, np.int64)), 8, 7)
    kept = dict(zip(learnt.words.tolist(), learnt.kept[: len(learnt.words)].tolist(), strict=True))
    assert kept[4] == kept[5] == 1  # they stand in reviews of one label alone
    assert max(kept[word] for word in range(8, 20)) < 0.8
    assert min(kept.values()) >= 0.02 - 1e-6
    again = learn_ngrams(train, labels, Ragged(np.zeros(0, np.int64), np.zeros(1, np.int64)), 8, 7)
    np.testing.assert_array_equal(again.vectors, learnt.vectors)
    # A document's vector is the sum of its n-grams' over the root of how often they are learnt.
    one = learnt.documents(Ragged(np.array([4, 99]), np.array([0, 2])))
    np.testing.assert_allclose(one[0], learnt.vectors[learnt.words.tolist().index(4)], rtol=1e-5)
