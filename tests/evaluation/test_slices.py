from __future__ import annotations

import numpy as np

from pipeline.evaluation.assessment import accuracy_by
from pipeline.reviews.padding import unknown_share


def test_unknown_words_are_counted_among_the_words_read() -> None:
    token_ids = np.array(
        [[0, 0, 1, 2, 9], [2, 2, 2, 5, 6], [0, 0, 0, 0, 1]]
    )  # 0 pads, 1 starts, 2 is unknown
    assert unknown_share(token_ids).tolist() == [1 / 2, 3 / 5, 1.0]


def test_accuracy_in_bins_of_as_many_reviews() -> None:
    lengths = np.array([8, 1, 7, 2, 6, 3, 5, 4])
    right = lengths != 6
    rows = accuracy_by("length", lengths, right, bins=2)
    assert [(row["from"], row["to"], row["reviews"]) for row in rows] == [(1, 4, 4), (5, 8, 4)]
    assert [(row["length"], row["accuracy"]) for row in rows] == [(2.5, 1.0), (6.5, 3 / 4)]


def test_equal_values_are_never_parted() -> None:
    shares = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.5])
    right = np.array([True, False, True, False, False, True])
    rows = accuracy_by("unknown_share", shares, right, bins=4)
    found = [(row["from"], row["to"], row["reviews"], row["accuracy"]) for row in rows]
    assert found == [(0.0, 0.0, 5, 2 / 5), (0.5, 0.5, 1, 1.0)]
