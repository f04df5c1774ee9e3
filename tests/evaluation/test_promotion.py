from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from pipeline.evaluation.paired import mcnemar
from pipeline.evaluation.promotion import Comparison, Predictions, Rule, compare
from two_labels import both


def predictions(rows: list[int], right: list[int]) -> Predictions:
    """Predictions on ``rows``, all labelled 1; those of ``right`` are labelled right."""
    return Predictions(
        np.array(rows), np.ones(len(rows), np.int8), both(np.where(np.isin(rows, right), 0.9, 0.1))
    )


def compared(challenger: Predictions, champion: Predictions, **rule: Any) -> Comparison:
    found = compare(challenger, champion, Rule(**{"margin": 0.0, "level": 0.05} | rule))
    assert found is not None
    return found


def differing(only_challenger: int, only_champion: int, **rule: Any) -> Comparison:
    """Each is right on its own reviews of a hundred; on the rest both are wrong."""
    rows, ends = list(range(100)), only_challenger + only_champion
    challenger = predictions(rows, right=rows[:only_challenger])
    return compared(challenger, predictions(rows, right=rows[only_challenger:ends]), **rule)


def test_both_labels_count_and_one_half_is_positive() -> None:
    given = Predictions(np.arange(4), np.array([1, 0, 1, 0]), both([0.5, 0.49, 0.2, 0.9]))
    assert given.on(np.array([3, 2, 1, 0])).right.tolist() == [False, False, True, True]


def test_models_are_compared_on_the_shared_reviews_alone() -> None:
    # Shared: 3, 4, 5, 6. The challenger alone is right on 3, 4 and 5; the champion alone on 6.
    challenger = predictions([6, 5, 4, 3, 100], right=[3, 4, 5])
    comparison = compared(challenger, predictions([3, 1, 4, 5, 6, 2], right=[6, 1, 2]))
    assert (comparison.reviews, comparison.score, comparison.champion_score) == (4, 0.75, 0.25)
    assert (comparison.only_challenger, comparison.only_champion) == (3, 1)
    # One-sided exact: of 2^4 splits of four reviews, 1 is 4 to 0 and 4 are 3 to 1.
    assert comparison.p_value == pytest.approx((1 + 4) / 16)
    assert not comparison.challenger_is_better
    for rows in ([2], []):
        assert compare(predictions(rows, right=rows), predictions([1], right=[1]), Rule(0.0, 0.05)) is None


@pytest.mark.parametrize(
    ("only_challenger", "only_champion", "better"),
    [(1, 0, False), (4, 0, False), (5, 0, True), (0, 5, False), (8, 2, False), (9, 1, True), (0, 0, False)],
)
def test_one_review_more_makes_no_champion(only_challenger: int, only_champion: int, better: bool) -> None:
    """Five to none has p = 1/32, four to none 1/16; nine to one 11/1024, eight to two 56/1024."""
    assert differing(only_challenger, only_champion).challenger_is_better is better


def test_the_least_gain_of_ten_to_none_is_the_exact_bound() -> None:
    """The lower bound p of ten in ten solves p^10 = 0.05; the gain is 2 p - 1 of the ten in a hundred."""
    bound = (2 * 0.05**0.1 - 1) * 10 / 100
    assert differing(10, 0).least_gain == pytest.approx(bound)
    assert differing(10, 0, margin=bound - 1e-6).challenger_is_better
    assert not differing(10, 0, margin=bound + 1e-6).challenger_is_better
    assert not differing(10, 0, level=0.0009).challenger_is_better  # p = 1/1024


@pytest.mark.parametrize("differ", [5, 20, 50])
def test_equal_models_are_crowned_no_more_often_than_the_level_says(differ: int) -> None:
    chances = binom(differ, 0.5).pmf(np.arange(differ + 1))
    crowned = [differing(mine, differ - mine).challenger_is_better for mine in range(differ + 1)]
    assert 0.02 < chances @ crowned <= 0.05


def test_the_reason_is_told_in_words() -> None:
    told = str(differing(9, 1))
    for part in (
        "it labels 9.0% of 100 held-back reviews right, the champion 1.0%",
        "9 only it does, 1 only the champion",
        "p = 0.011",
    ):
        assert part in told


@pytest.mark.parametrize(("right", "beats"), [(60, False), (69, False), (70, True)])
def test_the_commoner_label_is_what_must_be_beaten_and_surely(right: int, beats: bool) -> None:
    """Wilson's 95 % interval of 69 of 100 begins at 0.5937, of 70 at 0.6042 (Wilson, 1927)."""
    labels = np.repeat([1, 0], [60, 40])  # always 1: 60 of 100
    given = np.where(np.arange(100) < right, labels, 1 - labels)
    assert Predictions(np.arange(100), labels, both(given)).better_than_a_guess("accuracy") is beats
    labels, given = (np.where(each == 1, 2, each) for each in (labels, given))  # of three labels
    three = Predictions(np.arange(100), labels, np.eye(3)[given])
    assert three.better_than_a_guess("accuracy") is beats


def rare(found: int, false_alarms: int = 0, threshold: float = 0.5) -> Predictions:
    """Of 100 reviews the first ten have label 1; ``found`` of them, and some of the others, are given it."""
    rows = np.arange(100)
    given = (rows < found) | (rows >= 100 - false_alarms)
    return Predictions(
        rows, (rows < 10).astype(int), both(np.where(given, threshold, threshold / 2)), threshold
    )


def test_a_champion_of_a_rare_label_is_compared_by_what_both_were_chosen_for() -> None:
    """By accuracy the one that finds no rare label is as good; by balanced accuracy it is 0.5 to 0.9.

    Of the 2^8 ways to swap the eight answers in which they differ, one gives as great a lead.
    """
    found = compared(rare(8), rare(0), objective="balanced_accuracy")
    assert (found.score, found.champion_score) == (0.9, 0.5)
    assert found.p_value == pytest.approx(1 / 256, abs=0.002)
    assert found.challenger_is_better
    assert found.least_gain == pytest.approx(0.29, abs=0.05)  # 0.8 less 1.64 standard errors, halved
    assert not compared(rare(0), rare(8), objective="balanced_accuracy").challenger_is_better
    assert "its balanced accuracy on 100 held-back reviews is 0.9000, the champion's 0.5000" in str(found)
    # Each is judged by the labels that it gives when served.
    assert compared(rare(8, threshold=0.1), rare(1), objective="balanced_accuracy").score == 0.9


def test_the_chance_of_a_lead_in_f1_is_that_over_all_ways_to_swap_the_answers() -> None:
    """Counted here one by one, where eight of twelve answers differ."""
    labels = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    mine = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0])
    theirs = np.array([1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 0])

    def lead(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        scores = [2 * (given @ labels) / (given.sum(-1) + labels.sum()) for given in (first, second)]
        return np.asarray(scores[0] - scores[1])

    swap = np.zeros((256, 12), bool)
    swap[:, mine != theirs] = list(product([False, True], repeat=8))
    leads = lead(np.where(swap, theirs, mine), np.where(swap, mine, theirs))
    first, second = (Predictions(np.arange(12), labels, both(given)) for given in (mine, theirs))
    found = compared(first, second, objective="f1")
    assert found.p_value == pytest.approx(np.mean(leads >= lead(mine, theirs) - 1e-12), abs=0.012)


def test_four_rare_reviews_more_are_no_proof() -> None:
    """Of 2^4 ways to swap, one gives as great a lead; resampled reviews alone would be sure."""
    found = compared(rare(4), rare(0), objective="f1")
    assert found.least_gain > 0
    assert found.p_value == pytest.approx(1 / 16, abs=0.01)
    assert not found.challenger_is_better


def test_a_log_loss_is_compared_by_the_probabilities() -> None:
    labels = np.tile([0, 1], 50)
    sure, unsure = (
        Predictions(np.arange(100), labels, both(np.where(labels == 1, p, 1 - p))) for p in (0.9, 0.6)
    )
    found = compared(sure, unsure, objective="log_loss")
    assert (found.score, found.champion_score) == pytest.approx((np.log(0.9), np.log(0.6)))
    assert found.least_gain == pytest.approx(np.log(0.9) - np.log(0.6))
    assert f"its log loss on 100 held-back reviews is {-np.log(0.9):.4f}" in str(found)
    assert found.challenger_is_better


def test_what_a_mere_guess_scores_depends_on_the_measure() -> None:
    """With 40 false alarms accuracy is below the 90 of always 0, but balanced accuracy above a half: 0.78."""
    useful = rare(10, false_alarms=40)
    assert not useful.better_than_a_guess("accuracy")
    assert useful.better_than_a_guess("balanced_accuracy")
    assert not rare(0).better_than_a_guess("balanced_accuracy")
    assert useful.better_than_a_guess("f1")  # 2 * 10 / (10 + 50) = 0.33 with 0.19 at least; always 1 has 0.18
    assert not rare(10, false_alarms=60).better_than_a_guess("f1")


def test_only_the_reviews_that_one_alone_has_right_count() -> None:
    first, second = (np.repeat([True, mine, not mine, False], [6, 5, 1, 3]) for mine in (True, False))
    # Of the 64 ways to split six reviews, 1 + 6 are 5 to 1 or more uneven on each side.
    assert mcnemar(first, second) == (5, 1, pytest.approx(2 * (1 + 6) / 64))
    assert mcnemar(first, first).p_value == 1
