"""What a short trial reads."""

from __future__ import annotations

import numpy as np

from pipeline.training.task import some_reviews


def test_some_reviews_are_drawn_at_random_and_no_label_is_lost() -> None:
    labels = np.repeat([0, 1, 2], [600, 399, 1])
    rows = some_reviews(labels, 200, seed=3)
    assert len(rows) == len(set(rows.tolist())) in (200, 201)
    assert 999 in rows  # the only review of its label
    assert 90 <= (labels[rows] == 0).sum() <= 150  # 120 of 200 in the mean
    assert rows.tolist() == some_reviews(labels, 200, seed=3).tolist()
    assert rows.tolist() != some_reviews(labels, 200, seed=4).tolist()
