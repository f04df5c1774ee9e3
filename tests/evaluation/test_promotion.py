from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.promotion import Comparison, Predictions, Rule, compare

RULE = Rule(margin=0.0, level=0.05)


def predictions(rows: list[int], right: list[int]) -> Predictions:
    """Predictions on ``rows``, all labelled 1; those of ``right`` are labelled right."""
    probabilities = np.array([0.9 if row in right else 0.1 for row in rows])
    return Predictions(np.array(rows), np.ones(len(rows), np.int8), probabilities)


def compared(only_challenger: int, only_champion: int, count: int = 100, rule: Rule = RULE) -> Comparison:
    """Each is right on its own reviews; on the rest both are wrong."""
    rows, both = list(range(count)), only_challenger + only_champion
    challenger = predictions(rows, right=rows[:only_challenger])
    found = compare(challenger, predictions(rows, right=rows[only_challenger:both]), rule)
    assert found is not None
    return found


def test_both_labels_count_and_one_half_is_positive() -> None:
    given = Predictions(np.arange(4), np.array([1, 0, 1, 0]), np.array([0.5, 0.49, 0.2, 0.9]))
    assert given.right_on(np.array([3, 2, 1, 0])).tolist() == [False, False, True, True]


def test_models_are_compared_on_the_shared_reviews_alone() -> None:
    # Shared: 3, 4, 5, 6. The challenger alone is right on 3, 4 and 5; the champion alone on 6.
    comparison = compare(
        predictions([6, 5, 4, 3, 100], right=[3, 4, 5]),
        predictions([3, 1, 4, 5, 6, 2], right=[6, 1, 2]),
        RULE,
    )
    assert comparison is not None
    assert (comparison.reviews, comparison.accuracy, comparison.champion_accuracy) == (4, 0.75, 0.25)
    assert (comparison.only_challenger, comparison.only_champion) == (3, 1)
    # One-sided exact: of 2^4 splits of four reviews, 1 is 4 to 0 and 4 are 3 to 1.
    assert comparison.p_value == pytest.approx((1 + 4) / 16)
    assert not comparison.challenger_is_better


@pytest.mark.parametrize(
    ("only_challenger", "only_champion", "better"),
    [(1, 0, False), (4, 0, False), (5, 0, True), (0, 5, False), (8, 2, False), (9, 1, True), (0, 0, False)],
)
def test_one_review_more_makes_no_champion(only_challenger: int, only_champion: int, better: bool) -> None:
    """Five to none has p = 1/32, four to none 1/16; nine to one 11/1024, eight to two 56/1024."""
    assert compared(only_challenger, only_champion).challenger_is_better is better


def test_the_least_gain_of_ten_to_none_is_the_exact_bound() -> None:
    """The lower bound p of ten in ten solves p^10 = 0.05; the gain is 2 p - 1 of the ten in a hundred."""
    found = compared(10, 0)
    bound = (2 * 0.05**0.1 - 1) * 10 / 100
    assert found.least_gain == pytest.approx(bound)
    assert compared(10, 0, rule=Rule(bound - 1e-6, 0.05)).challenger_is_better
    assert not compared(10, 0, rule=Rule(bound + 1e-6, 0.05)).challenger_is_better
    assert not compared(10, 0, rule=Rule(0.0, 0.0009)).challenger_is_better  # p = 1/1024


def test_equal_models_are_crowned_no_more_often_than_the_level_says() -> None:
    random = np.random.default_rng(0)
    crowned = 0
    for _ in range(1000):
        differ = int(random.binomial(300, 0.1))
        mine = int(random.binomial(differ, 0.5))
        crowned += compared(mine, differ - mine, 300).challenger_is_better
    assert crowned / 1000 < 0.06


def test_the_reason_is_told_in_words() -> None:
    told = str(compared(9, 1))
    for part in (
        "0.0900 to 0.0100 on 100 held-back reviews",
        "9 that it alone",
        "1 that the champion",
        "p = 0.0107",
    ):
        assert part in told


def test_without_a_shared_review_there_is_no_comparison() -> None:
    nothing = Predictions(np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0))
    assert compare(predictions([1], right=[1]), predictions([2], right=[2]), RULE) is None
    assert compare(nothing, predictions([2], right=[2]), RULE) is None


@pytest.mark.parametrize(("right", "beats"), [(60, False), (69, False), (70, True)])
def test_the_commoner_label_is_what_must_be_beaten_and_surely(right: int, beats: bool) -> None:
    """Wilson's 95 % interval of 69 of 100 begins at 0.5937, of 70 at 0.6042 (Wilson, 1927)."""
    labels = np.repeat(np.array([1, 0], np.int8), [60, 40])  # always 1: 60 of 100
    said = np.where(np.arange(100) < right, labels, 1 - labels).astype(float)
    assert Predictions(np.arange(100), labels, said).beat_the_commoner_label is beats
