from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.promotion import Predictions, compare


def predictions(rows: list[int], right: list[int]) -> Predictions:
    """Predictions on ``rows``, all labelled 1; those of ``right`` are labelled right."""
    probabilities = np.array([0.9 if row in right else 0.1 for row in rows])
    return Predictions(np.array(rows), np.ones(len(rows), np.int8), probabilities)


def test_accuracy_counts_both_labels_and_one_half_as_positive() -> None:
    given = Predictions(np.arange(4), np.array([1, 0, 1, 0]), np.array([0.5, 0.49, 0.2, 0.9]))
    assert given.accuracy() == 0.5


def test_models_are_compared_on_the_shared_reviews_alone() -> None:
    # Shared: 3, 4, 5, 6. The challenger alone is right on 3, 4 and 5; the champion alone on 6.
    comparison = compare(
        predictions([6, 5, 4, 3, 100], right=[3, 4, 5]), predictions([3, 1, 4, 5, 6, 2], right=[6, 1, 2])
    )
    assert comparison is not None
    assert (comparison.reviews, comparison.accuracy, comparison.champion_accuracy) == (4, 0.75, 0.25)
    assert (comparison.only_challenger, comparison.only_champion) == (3, 1)
    # Two-sided exact: of 2^4 splits of four reviews, 2 are 4 to 0 and 8 are 3 to 1 or 1 to 3.
    assert comparison.p_value == pytest.approx((2 + 8) / 16)
    assert comparison.challenger_is_better


def test_the_p_value_is_that_of_the_binomial_tail() -> None:
    rows = list(range(30))
    comparison = compare(predictions(rows, right=rows[:20]), predictions(rows, right=rows[9:]))
    assert comparison is not None
    # Only the challenger: 0 to 8 (9 reviews); only the champion: 20 to 29 (10). All splits are as uneven.
    assert (comparison.only_challenger, comparison.only_champion) == (9, 10)
    assert comparison.p_value == pytest.approx(1.0)
    assert not comparison.challenger_is_better
    one_sided = compare(predictions(rows, right=rows), predictions(rows, right=rows[10:]))
    assert one_sided is not None
    assert one_sided.p_value == pytest.approx(2 / 2**10)


def test_equal_models_are_no_reason_to_change() -> None:
    same = predictions([1, 2], right=[1])
    comparison = compare(same, same)
    assert comparison is not None
    assert comparison.p_value == 1
    assert not comparison.challenger_is_better


def test_without_a_shared_review_there_is_no_comparison() -> None:
    assert compare(predictions([1], right=[1]), predictions([2], right=[2])) is None
