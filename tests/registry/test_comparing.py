"""Two runs beside each other: the difference is that on the reviews that both kept."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.promotion import Predictions
from pipeline.registry.comparing import Difference, difference


def kept(rows: list[int], labels: list[int], probabilities: list[float]) -> Predictions:
    return Predictions(np.array(rows), np.array(labels), np.array(probabilities))


def test_only_shared_reviews_count_and_only_those_that_one_alone_has_right_tell_apart() -> None:
    first = kept([5, 3, 9, 7, 1], [1, 0, 1, 1, 0], [0.9, 0.1, 0.8, 0.7, 0.9])
    second = kept([7, 9, 3, 2, 5], [1, 1, 0, 1, 1], [0.2, 0.6, 0.4, 0.1, 0.1])
    # Shared 3, 5, 7, 9: the first has all right, the second 3 and 9. Two tell apart, both for the first:
    # the exact interval of 2 of 2 is [0.025 ** (1 / 2), 1].
    found = difference(first, second)
    assert found is not None
    assert (found.accuracy, found.reviews) == (0.5, 4)
    assert found.low == pytest.approx((2 * np.sqrt(0.025) - 1) * 2 / 4)
    assert found.high == pytest.approx(0.5)
    swapped = difference(second, first)
    assert swapped is not None
    assert (swapped.accuracy, swapped.low, swapped.high) == (-0.5, -0.5, -found.low)


def test_runs_that_agree_or_share_nothing() -> None:
    run = kept([1, 2], [0, 1], [0.2, 0.6])
    assert difference(run, run) == Difference(0.0, 0.0, 0.0, 2)
    assert difference(run, kept([3], [1], [0.9])) is None
