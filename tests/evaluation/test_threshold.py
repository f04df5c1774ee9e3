from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from pipeline.evaluation.metrics import choose_threshold
from two_labels import both


@pytest.mark.parametrize(
    ("labels", "probabilities", "chosen"),
    [
        # Between 0.6 and 0.8 all four are right; anywhere else at most three.
        ([1, 0, 1, 0], [0.9, 0.6, 0.8, 0.1], 0.7),
        # Every threshold from 0.1 to 0.8 labels all right; halfway would be 0.45.
        ([0, 1], [0.1, 0.8], 0.5),
        # Right at 0.15 (0.1 | 0.2 0.6 0.9): 3 of 4; at 0.75 (... 0.6 | 0.9): 3 of 4; at 0.4 and 0.5: 2 of 4.
        ([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.9], 0.75),
        # Either side of the two in the middle, three of four are right; between them, at 0.5, two.
        ([0, 1, 0, 1], [0.25, 0.4375, 0.5625, 0.75], (0.25 + 0.4375) / 2),
        # Labels of one kind move it past every probability.
        ([1, 1], [0.25, 0.75], 0.125),
        ([0, 0], [0.25, 0.75], 0.875),
    ],
)
def test_the_best_threshold_stands_halfway_and_of_equal_ones_the_nearest_to_one_half_then_the_lower(
    labels: list[int], probabilities: list[float], chosen: float
) -> None:
    found = choose_threshold(np.array(labels), both(np.array(probabilities, np.float32)))
    assert found == pytest.approx(chosen)


def test_it_can_be_chosen_for_balanced_accuracy_or_f1() -> None:
    """One in five is positive. From 0.35 on, recalls are 1 and 3/4 and F1 2/3; accuracy is that of 0.5."""
    labels, probabilities = np.array([0, 0, 0, 0, 1]), both(np.array([0.1, 0.2, 0.3, 0.45, 0.4]))
    for measure, chosen in (("accuracy", 0.5), ("balanced_accuracy", 0.35), ("f1", 0.35)):
        assert choose_threshold(labels, probabilities, measure) == pytest.approx(chosen), measure


@pytest.mark.parametrize(
    ("measure", "judge"),
    [("accuracy", accuracy_score), ("balanced_accuracy", balanced_accuracy_score), ("f1", f1_score)],
)
def test_the_choice_is_that_of_trying_every_threshold(measure: str, judge: Callable) -> None:
    random = np.random.default_rng(1)
    labels = (random.random(80) < 0.2).astype(int)
    probabilities = (random.integers(1, 20, 80) + 4 * labels).clip(max=19) / 20
    chosen = choose_threshold(labels, both(probabilities), measure)
    best = max(judge(labels, probabilities >= step / 40) for step in range(1, 40))
    assert judge(labels, probabilities >= chosen) == best
