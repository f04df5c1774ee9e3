"""Power laws of the error, and what twice the labels would give."""

import numpy as np
import pytest

from pipeline.evaluation import baselines, learning_curve
from pipeline.evaluation.learning_curve import fit_power_law, gain_interval, gain_of_twice
from pipeline.reviews.ragged import Ragged

SIZES = np.array([125.0, 250, 500, 1000, 2000])


def test_the_law_is_found_again_and_tells_of_twice_the_labels() -> None:
    errors = 3 * SIZES**-0.4 + 0.05
    law = fit_power_law(SIZES, errors)
    assert law.error(SIZES) == pytest.approx(errors, abs=1e-4)
    assert law.gain == pytest.approx(3 * 2000**-0.4 - 3 * 4000**-0.4, abs=1e-3)


def test_an_error_that_does_not_fall_promises_nothing() -> None:
    assert fit_power_law(SIZES, np.full(5, 0.3)).gain == pytest.approx(0, abs=1e-3)


SHARES = 1 / np.arange(1, 2001) / (1 / np.arange(1, 2001)).sum()  # of words, by Zipf's law


def one_word_reviews(count: int, shares: np.ndarray, seed: int) -> tuple[Ragged, np.ndarray]:
    """Reviews of one word each; even words are of label 0, odd ones of label 1."""
    tokens = np.random.default_rng(seed).choice(len(shares), count, p=shares)
    return Ragged(tokens + 4, np.arange(count + 1)), tokens % 2


def test_more_labels_help_a_bag_that_lacks_words_and_no_other() -> None:
    few, many = (
        gain_of_twice(*one_word_reviews(2000, shares, 0), *one_word_reviews(2000, shares, 1), 1, seed=0)
        for shares in (np.full(20, 0.05), SHARES)
    )
    assert few == pytest.approx(0, abs=0.002)
    # Words of fewer than two reviews (Poisson) are unknown, and half of them labelled wrong.
    unknown = [SHARES @ (np.exp(-size * SHARES) * (1 + size * SHARES)) for size in (2000, 4000)]
    assert many == pytest.approx((unknown[0] - unknown[1]) / 2, rel=0.5)  # no power law


def test_no_gain_is_told_where_a_curve_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, alone = one_word_reviews(20, np.full(2, 0.5), 0), Ragged(np.arange(4, 204), np.arange(201))
    assert gain_of_twice(*tiny, *tiny, 1, seed=0) is None
    assert gain_of_twice(alone, np.arange(200) % 2, *tiny, 1, seed=0) is None  # no two share a word
    enough = one_word_reviews(200, np.full(2, 0.5), 0)
    assert gain_of_twice(*enough, *enough, 1, seed=0) is not None
    monkeypatch.setattr(baselines, "MOST_TOKENS", 100)  # more would not help: not all of these are read
    assert gain_of_twice(*enough, *enough, 1, seed=0) is None


def test_the_interval_holds_the_gain_and_grows_with_the_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curve, "DRAWS", 40)
    errors = 3 * SIZES**-0.4 + 0.05
    near, far = (
        gain_interval(SIZES, np.array([errors - spread, errors, errors + spread]), seed=0)
        for spread in (0.001, 0.01)
    )
    assert near[0] < fit_power_law(SIZES, errors).gain < near[1]
    assert far[1] - far[0] > near[1] - near[0]
