from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluation.assessment import accuracy_by
from pipeline.evaluation.calibration import shares_by_bin, wilson_interval
from pipeline.reviews.padding import unknown_share


def test_the_interval_is_that_of_the_literature() -> None:
    # Newcombe (Statistics in Medicine, 1998), table I, method 3.
    for hits, count, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
    ):
        assert wilson_interval(hits, count) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_the_interval_is_wilsons_formula() -> None:
    share, count, z = 0.8, 10, 1.959964
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    assert wilson_interval(8, 10) == pytest.approx((middle - half, middle + half))


def test_shares_worked_by_hand() -> None:
    hits = np.array([True, False, True, True, False])
    first, second = shares_by_bin(np.array([3, 0, 3, 0, 0]), "age", np.array([9, 1, 7, 2, 6]), "share", hits)
    low, high = wilson_interval(1, 3)
    assert first == {"age": 3, "from": 1, "to": 6, "share": 1 / 3, "low": low, "high": high, "reviews": 3}
    assert [second[key] for key in ("age", "from", "to", "share", "reviews")] == [8, 7, 9, 1, 2]


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
