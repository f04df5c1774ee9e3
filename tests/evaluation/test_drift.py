"""How far reviews have moved: values worked out by hand, and what is called a shift."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from pipeline.monitoring.drift import moved_words, shift_of, stability_parts, two_sample_test


def test_the_stability_index_is_the_sum_over_shares_and_an_empty_bin_is_half_a_review() -> None:
    parts = stability_parts(np.array([50, 30, 20]), np.array([40, 40, 20]))
    np.testing.assert_allclose(parts, [-0.1 * np.log(0.8), 0.1 * np.log(4 / 3), 0.0])
    parts = stability_parts(np.array([10, 0]), np.array([5, 5]))
    np.testing.assert_allclose(parts, [0.5 * np.log(2), 0.45 * np.log(10)])


def test_the_distance_and_its_chance_are_those_of_kolmogorov_and_smirnov() -> None:
    shift = shift_of("length", np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6]))
    assert (shift.expected, shift.found, shift.ks) == (2.5, 4.5, 0.5)
    # Of the 70 orders of four and four, 16 never lead by two: those whose distance is below 1/2.
    assert shift.p_value == pytest.approx(54 / 70)


def test_bins_are_tenths_of_the_reference_and_equal_values_share_one() -> None:
    reference, found = np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [40, 60])
    assert shift_of("unknown_share", reference, found).psi == pytest.approx(0.4 * np.log(2) + 0.4 * np.log(3))


@pytest.mark.parametrize(
    ("moved_by", "count", "verdict"),
    [
        (0.0, 4000, "stable"),
        (0.1, 4000, "stable"),
        (0.4, 4000, "moved"),
        (1.0, 4000, "shifted"),
        (0.5, 8, "stable"),
    ],
)
def test_a_shift_is_sure_and_large(moved_by: float, count: int, verdict: str) -> None:
    random = np.random.default_rng(1)
    reference, found = random.normal(0, 1, 4000), random.normal(moved_by, 1, count)
    assert shift_of("length", reference, found).verdict == verdict


@pytest.mark.parametrize(
    ("odds", "low", "high", "verdict"),
    [(0.5, 0.4, 0.6, "stable"), (0.62, 0.55, 0.7, "shifted"), (1.0, 0.9, 1.0, "shifted")],
)
def test_a_classifier_tells_apart_as_well_as_the_best_rule_does(
    odds: float, low: float, high: float, verdict: str
) -> None:
    """One feature that new reviews have with probability `odds`, old ones with 1 - `odds`, among noise."""
    random = np.random.default_rng(0)
    old, new = (
        csr_matrix(
            np.column_stack([random.random((600, 1)) < odd, random.random((600, 5)) < 0.5]).astype(float)
        )
        for odd in (1 - odds, odds)
    )
    telling = two_sample_test(old, new[:500], seed=0)
    assert telling is not None
    assert low <= telling.accuracy <= high
    assert (telling.verdict, telling.reviews) == (verdict, 500)
    assert two_sample_test(old[:10], new, seed=0) is None


def test_words_that_moved_are_ranked_and_those_of_chance_or_of_no_weight_left_out() -> None:
    # The last word's share is five standard errors larger, and its part of the index 0.0008.
    expected, found = np.array([50000, 40000, 9900, 98, 2]), np.array([50000, 30000, 19870, 100, 30])
    words = moved_words(expected, found, count=5)
    assert [word.word for word in words] == [2, 1]
    assert words[0].found == pytest.approx(0.1987)
    assert words[0].psi == pytest.approx((0.1987 - 0.099) * np.log(0.1987 / 0.099))
