from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import f1_score

from pipeline.evaluation.paired import mcnemar
from pipeline.evaluation.promotion import Comparison, Predictions, Rule, compare
from two_labels import both

RULE = Rule(margin=0.0, level=0.05)


def predictions(rows: list[int], right: list[int]) -> Predictions:
    """Predictions on ``rows``, all labelled 1; those of ``right`` are labelled right."""
    probabilities = both([0.9 if row in right else 0.1 for row in rows])
    return Predictions(np.array(rows), np.ones(len(rows), np.int8), probabilities)


def compared(only_challenger: int, only_champion: int, count: int = 100, rule: Rule = RULE) -> Comparison:
    """Each is right on its own reviews; on the rest both are wrong."""
    rows, both = list(range(count)), only_challenger + only_champion
    challenger = predictions(rows, right=rows[:only_challenger])
    found = compare(challenger, predictions(rows, right=rows[only_challenger:both]), rule)
    assert found is not None
    return found


def test_both_labels_count_and_one_half_is_positive() -> None:
    given = Predictions(np.arange(4), np.array([1, 0, 1, 0]), both([0.5, 0.49, 0.2, 0.9]))
    assert given.on(np.array([3, 2, 1, 0])).right.tolist() == [False, False, True, True]


def test_models_are_compared_on_the_shared_reviews_alone() -> None:
    # Shared: 3, 4, 5, 6. The challenger alone is right on 3, 4 and 5; the champion alone on 6.
    comparison = compare(
        predictions([6, 5, 4, 3, 100], right=[3, 4, 5]),
        predictions([3, 1, 4, 5, 6, 2], right=[6, 1, 2]),
        RULE,
    )
    assert comparison is not None
    assert (comparison.reviews, comparison.score, comparison.champion_score) == (4, 0.75, 0.25)
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
        "it labels 9.0% of 100 held-back reviews right, the champion 1.0%",
        "9 only it does, 1 only the champion",
        "p = 0.011",
    ):
        assert part in told


def test_without_a_shared_review_there_is_no_comparison() -> None:
    nothing = Predictions(np.zeros(0, np.int64), np.zeros(0, np.int8), both([]))
    assert compare(predictions([1], right=[1]), predictions([2], right=[2]), RULE) is None
    assert compare(nothing, predictions([2], right=[2]), RULE) is None


@pytest.mark.parametrize(("right", "beats"), [(60, False), (69, False), (70, True)])
def test_the_commoner_label_is_what_must_be_beaten_and_surely(right: int, beats: bool) -> None:
    """Wilson's 95 % interval of 69 of 100 begins at 0.5937, of 70 at 0.6042 (Wilson, 1927)."""
    labels = np.repeat(np.array([1, 0], np.int8), [60, 40])  # always 1: 60 of 100
    said = both(np.where(np.arange(100) < right, labels, 1 - labels))
    assert Predictions(np.arange(100), labels, said).better_than_a_guess("accuracy") is beats


def rare(found: list[int], false_alarms: int = 0, threshold: float = 0.5) -> Predictions:
    """Of 100 reviews the first ten have label 1; ``found`` of them, and some of the others, are given it."""
    labels = np.repeat(np.array([1, 0], np.int8), [10, 90])
    given = np.isin(np.arange(100), found) | (np.arange(100) >= 100 - false_alarms)
    return Predictions(np.arange(100), labels, both(np.where(given, threshold, threshold / 2)), threshold)


def test_a_champion_of_a_rare_label_is_compared_by_what_both_were_chosen_for() -> None:
    """By accuracy the one that finds no rare label is as good; by balanced accuracy it is 0.5 to 0.9.

    Of the 2^8 ways to swap the eight answers in which they differ, one gives as great a lead.
    """
    finder, blind = rare(list(range(8))), rare([])
    rule = Rule(0.0, 0.05, "balanced_accuracy")
    found = compare(finder, blind, rule)
    assert found is not None
    assert (found.score, found.champion_score) == (0.9, 0.5)
    assert found.p_value == pytest.approx(1 / 256, abs=0.002)
    assert found.challenger_is_better
    assert found.least_gain == pytest.approx(0.29, abs=0.05)  # 0.8 less 1.64 standard errors, halved
    backwards = compare(blind, finder, rule)
    assert backwards is not None and not backwards.challenger_is_better
    assert "its balanced accuracy on 100 held-back reviews is 0.9000, the champion's 0.5000" in str(found)


def test_the_chance_of_a_lead_in_f1_is_that_over_all_ways_to_swap_the_answers() -> None:
    """Counted here one by one, with scikit-learn's F1, where eight of twelve answers differ."""
    labels = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], np.int8)
    mine = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0])
    theirs = np.array([1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0])
    lead = f1_score(labels, mine) - f1_score(labels, theirs)
    leads = [
        f1_score(labels, np.where(swap, theirs, mine)) - f1_score(labels, np.where(swap, mine, theirs))
        for differing in product([False, True], repeat=int((mine != theirs).sum()))
        for swap in [np.isin(np.arange(12), np.flatnonzero(mine != theirs)[list(differing)])]
    ]
    first, second = (Predictions(np.arange(12), labels, both(given)) for given in (mine, theirs))
    found = compare(first, second, Rule(0.0, 0.05, "f1"))
    assert found is not None
    assert found.p_value == pytest.approx(np.mean(np.array(leads) >= lead - 1e-12), abs=0.012)


def test_four_rare_reviews_more_are_no_proof() -> None:
    """Of 2^4 ways to swap, one gives as great a lead; resampled reviews alone would be sure."""
    found = compare(rare([0, 1, 2, 3]), rare([]), Rule(0.0, 0.05, "f1"))
    assert found is not None
    assert found.least_gain > 0
    assert found.p_value == pytest.approx(1 / 16, abs=0.01)
    assert not found.challenger_is_better


def test_a_log_loss_is_compared_by_the_probabilities() -> None:
    labels = np.tile(np.array([0, 1], np.int8), 50)
    sure, unsure = (
        Predictions(np.arange(100), labels, both(np.where(labels == 1, p, 1 - p))) for p in (0.9, 0.6)
    )
    found = compare(sure, unsure, Rule(0.0, 0.05, "log_loss"))
    assert found is not None
    assert (found.score, found.champion_score) == pytest.approx((np.log(0.9), np.log(0.6)))
    assert found.least_gain == pytest.approx(np.log(0.9) - np.log(0.6))
    assert f"its log loss on 100 held-back reviews is {-np.log(0.9):.4f}" in str(found)
    assert found.challenger_is_better


def test_each_is_judged_by_the_labels_that_it_gives_when_served() -> None:
    found = compare(rare(list(range(8)), threshold=0.1), rare([0]), Rule(0.0, 0.05, "balanced_accuracy"))
    assert found is not None
    assert found.score == 0.9


def test_what_a_mere_guess_scores_depends_on_the_measure() -> None:
    """With 40 false alarms accuracy is below the 90 of always 0, but balanced accuracy above a half: 0.78."""
    useful, blind = rare(list(range(10)), false_alarms=40), rare([])
    assert not useful.better_than_a_guess("accuracy")
    assert useful.better_than_a_guess("balanced_accuracy")
    assert not blind.better_than_a_guess("balanced_accuracy")
    assert useful.better_than_a_guess("f1")  # 2 * 10 / (10 + 50) = 0.33 with 0.19 at least; always 1 has 0.18
    assert not rare(list(range(10)), false_alarms=60).better_than_a_guess("f1")


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
