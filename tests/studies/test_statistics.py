import numpy as np
import pytest
from scipy import stats

from studies.depth.claims import SeedMean, estimate, have_spread, holm


def test_the_interval_is_the_one_in_the_tables() -> None:
    """t(0.975, 2 degrees of freedom) is 4.303 in any table; the mean's standard error here is 1/sqrt(3)."""
    mean, bounds, _ = estimate([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert bounds == pytest.approx((2.0 - 4.303 / 3**0.5, 2.0 + 4.303 / 3**0.5), rel=1e-3)


@pytest.mark.parametrize("values", [[1.0], [0.25, 0.25, 0.25], [0.1 + 0.2, 0.3, 0.3]])
def test_values_without_spread_have_no_interval_and_no_test(values: list[float]) -> None:
    """0.1 + 0.2 differs from 0.3 by rounding only; a test of such differences would say p = 0."""
    assert not have_spread(values)
    assert estimate(values) == SeedMean(pytest.approx(values[0]), None, None)
    assert np.isnan(estimate([]).mean)


def test_the_paired_test_is_scipys_of_the_two_samples() -> None:
    random = np.random.default_rng(0)
    before, after = random.normal(size=(2, 9))
    assert estimate(after - before).p_value == pytest.approx(stats.ttest_rel(after, before).pvalue)


def test_holm_by_hand() -> None:
    """Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not fall below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
