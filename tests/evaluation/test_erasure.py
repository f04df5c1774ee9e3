from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.explanation import contributions
from two_labels import both

WEIGHTS = np.zeros(10)
WEIGHTS[[5, 6, 7]] = 1.5, -0.5, 0.25  # of the words with these ids; the unknown word's is 0


def bag_of_words(token_ids: np.ndarray) -> np.ndarray:
    """A classifier whose log-odds are the sum of its words' weights."""
    return both(1 / (1 + np.exp(-WEIGHTS[token_ids].sum(1))))


def test_a_words_contribution_is_what_its_removal_takes_from_the_log_odds() -> None:
    """Of a bag of words that is the word's own weight; padding (0), start (1) and unknown (2) have none."""
    token_ids = np.array([[0, 1, 5, 2, 6], [7, 7, 5, 6, 6]])
    first, second = contributions(bag_of_words, token_ids)
    assert first == pytest.approx([1.5, 0.0, -0.5])
    assert second == pytest.approx([0.25, 0.25, 1.5, -0.5, -0.5])


def test_all_reviews_are_predicted_in_one_call_and_none_in_no_call() -> None:
    calls = []

    def count(token_ids: np.ndarray) -> np.ndarray:
        calls.append(len(token_ids))
        return bag_of_words(token_ids)

    contributions(count, np.array([[0, 5, 6], [0, 0, 7]]))
    assert calls == [3 + 2]  # a row for each word, and each review whole
    assert contributions(count, np.zeros((0, 3), int)) == []
    assert len(calls) == 1


def test_a_certain_answer_has_finite_contributions() -> None:
    (found,) = contributions(lambda token_ids: both((token_ids == 5).any(1)), np.array([[5, 6]]))
    assert found == pytest.approx([2 * np.log((1 - 1e-7) / 1e-7), 0.0], rel=1e-6)
