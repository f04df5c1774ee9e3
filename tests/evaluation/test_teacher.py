"""The teacher of soft labels: bags of n-grams, alone and with document vectors."""

import numpy as np
import pytest

from pipeline.evaluation.teacher import soft_labels
from pipeline.reviews.ragged import Ragged
from pipeline.training.vectors import learn_ngrams


def reviews(count: int, num_labels: int, seed: int) -> tuple[Ragged, np.ndarray]:
    """Reviews of 6 to 12 words, one of which in four tells the label."""
    random = np.random.default_rng(seed)
    labels, lengths = np.arange(count) % num_labels, random.integers(6, 13, count)
    words = random.integers(8, 20, lengths.sum())
    tokens = np.where(random.random(len(words)) < 0.25, 4 + np.repeat(labels, lengths), words)
    return Ragged(tokens, np.concatenate([[0], np.cumsum(lengths)])), labels


@pytest.mark.parametrize(("num_labels", "with_documents"), [(2, True), (3, True), (3, False)])
def test_it_labels_reviews_that_nobody_labelled(num_labels: int, with_documents: bool) -> None:
    train, validation = reviews(240, num_labels, 0), reviews(120, num_labels, 1)
    unlabelled, hidden = reviews(300, num_labels, 2)
    documents = learn_ngrams(*train, unlabelled, 8, 7).documents if with_documents else None
    soft, again = (soft_labels(*train, *validation, unlabelled, 7, documents) for _ in range(2))
    assert (soft.shape, soft.dtype) == ((300, num_labels), np.float32)
    np.testing.assert_allclose(soft.sum(1), 1, atol=1e-5)
    # A review of nine words is without a telling one in 8 of 100: then any label is as good.
    assert (soft.argmax(1) == hidden).mean() > 0.88
    np.testing.assert_array_equal(soft, again)


def test_ngrams_that_tell_labels_are_learnt_more_often() -> None:
    none = Ragged(np.zeros(0, np.int64), np.zeros(1, np.int64))
    learnt, again = (learn_ngrams(*reviews(240, 2, 0), none, 8, 7) for _ in range(2))
    np.testing.assert_array_equal(again.vectors, learnt.vectors)
    kept = dict(zip(learnt.words.tolist(), learnt.kept[: len(learnt.words)].tolist(), strict=True))
    assert kept[4] == kept[5] == 1  # they stand in reviews of one label alone
    assert max(kept[word] for word in range(8, 20)) < 0.8
    assert min(kept.values()) >= 0.02 - 1e-6
    # A document's vector is the sum of its n-grams' over the root of how often they are learnt.
    one = learnt.documents(Ragged(np.array([4, 99]), np.array([0, 2])))
    np.testing.assert_allclose(one[0], learnt.vectors[learnt.words.tolist().index(4)], rtol=1e-5)
