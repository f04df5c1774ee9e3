from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from pipeline.evaluation.metrics import choose_threshold
from two_labels import both


def choose(labels: list[int], probabilities: list[float]) -> float:
    return choose_threshold(np.array(labels), both(np.array(probabilities, np.float32)))


def test_the_threshold_with_the_best_accuracy_stands_halfway() -> None:
    # Between 0.6 and 0.8 all four are right; anywhere else at most three.
    assert choose([1, 0, 1, 0], [0.9, 0.6, 0.8, 0.1]) == pytest.approx(0.7)


def test_one_half_stays_where_nothing_is_better() -> None:
    # Every threshold from 0.1 to 0.8 labels all right; halfway would be 0.45.
    assert choose([0, 1], [0.1, 0.8]) == 0.5


def test_of_equally_good_thresholds_the_nearest_to_one_half_is_taken() -> None:
    # Right at 0.15 (0.1 | 0.2 0.6 0.9): 3 of 4; at 0.75 (... 0.6 | 0.9): 3 of 4; at 0.4 and 0.5: 2 of 4.
    assert choose([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.75)


def test_of_two_as_near_the_lower_is_taken() -> None:
    # Either side of the two in the middle, three of four are right; between them, at 0.5, two.
    assert choose([0, 1, 0, 1], [0.25, 0.4375, 0.5625, 0.75]) == (0.25 + 0.4375) / 2


def test_labels_of_one_kind_move_it_past_every_probability() -> None:
    assert choose([1, 1], [0.25, 0.75]) == 0.125
    assert choose([0, 0], [0.25, 0.75]) == 0.875


def test_the_choice_is_that_of_trying_every_threshold() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 60)
    probabilities = random.integers(1, 20, 60) / 20
    chosen = choose_threshold(labels, both(probabilities))

    def accuracy(threshold: float) -> float:
        return float(np.mean((probabilities >= threshold) == labels))

    assert accuracy(chosen) == max(accuracy(step / 40) for step in range(1, 40))


def test_it_can_be_chosen_for_balanced_accuracy_or_f1() -> None:
    """One in five is positive. From 0.35 on, recalls are 1 and 3/4 and F1 2/3; accuracy is that of 0.5."""
    labels, probabilities = np.array([0, 0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.45, 0.4])
    assert choose_threshold(labels, both(probabilities)) == 0.5
    assert choose_threshold(labels, both(probabilities), "balanced_accuracy") == pytest.approx(0.35)
    assert choose_threshold(labels, both(probabilities), "f1") == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("measure", "judge"), [("balanced_accuracy", balanced_accuracy_score), ("f1", f1_score)]
)
def test_any_measures_choice_is_that_of_trying_every_threshold(measure: str, judge: Callable) -> None:
    random = np.random.default_rng(1)
    labels = (random.random(80) < 0.2).astype(int)
    probabilities = (random.integers(1, 20, 80) + 4 * labels).clip(max=19) / 20
    chosen = choose_threshold(labels, both(probabilities), measure)
    best = max(judge(labels, probabilities >= step / 40) for step in range(1, 40))
    assert judge(labels, probabilities >= chosen) == best
