from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.paired import mcnemar


def test_only_the_reviews_that_one_alone_has_right_count() -> None:
    first = np.array([True] * 6 + [True] * 5 + [False] * 1 + [False] * 3)
    second = np.array([True] * 6 + [False] * 5 + [True] * 1 + [False] * 3)
    paired = mcnemar(first, second)
    assert (paired.only_first, paired.only_second) == (5, 1)
    # Of the 64 ways to split six reviews, 1 + 6 are 5 to 1 or more uneven on each side.
    assert paired.p_value == pytest.approx(2 * (1 + 6) / 64)


def test_two_that_never_differ_are_no_evidence() -> None:
    same = np.array([True, False])
    assert mcnemar(same, same).p_value == 1
