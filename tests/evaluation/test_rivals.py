from __future__ import annotations

import numpy as np

from pipeline.evaluation.baselines import MAJORITY, NAIVE_BAYES, TFIDF, WHOLE, score_rivals
from pipeline.evaluation.ngrams import Ragged
from pipeline.reviews.ragged import flatten


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
