from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluation.calibration import shares_by_bin, wilson_interval


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
    assert (first["age"], first["from"], first["to"], first["share"], first["reviews"]) == (3, 1, 6, 1 / 3, 3)
    assert (second["age"], second["from"], second["to"], second["share"], second["reviews"]) == (
        8,
        7,
        9,
        1,
        2,
    )
    assert (first["low"], first["high"]) == wilson_interval(1, 3)
