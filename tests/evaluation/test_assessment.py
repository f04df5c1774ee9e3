from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.assessment import BASELINE, MODEL, assess

LABELS = np.array([0, 0, 1, 1, 1, 0])
TOKEN_IDS = np.array([[1, 4, 2], [1, 4, 4], [0, 1, 4], [1, 2, 2], [1, 4, 4], [1, 4, 2]])
TEST = {"labels": LABELS, "token_ids": TOKEN_IDS, "lengths": np.array([3, 9, 2, 3, 5, 8])}
PROBABILITIES = np.array([0.1, 0.6, 0.8, 0.7, 0.4, 0.2])
ALL_BUT_LAST = np.array([0.1, 0.2, 0.8, 0.7, 0.6, 0.9])


def test_the_model_and_the_baseline_are_told_apart() -> None:
    found = assess(TEST, PROBABILITIES, ALL_BUT_LAST, threshold=0.65, seed=0)
    metrics = found.metrics
    assert (metrics["test_accuracy"], metrics["baseline_test_accuracy"]) == (4 / 6, 5 / 6)
    # The model alone is right on review 5, the baseline alone on 1 and 4.
    assert (metrics["test_only_model_right"], metrics["test_only_baseline_right"]) == (1, 2)
    assert metrics["test_mcnemar_p_value"] == pytest.approx(1.0)
    assert list(found.scores) == [MODEL, BASELINE]


def test_the_chosen_threshold_is_applied_to_the_model() -> None:
    found = assess(TEST, PROBABILITIES, ALL_BUT_LAST, threshold=0.65, seed=0)
    assert found.metrics["threshold"] == 0.65
    assert found.metrics["test_accuracy_at_threshold"] == 5 / 6  # all but review 4
    assert found.metrics["test_f1_at_threshold"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    lows = [found.intervals[f"test_accuracy{suffix}"][0] for suffix in ("_at_threshold", "")]
    assert lows[0] > lows[1]  # one error instead of two


def test_every_metric_that_varies_with_the_reviews_has_an_interval() -> None:
    found = assess(TEST, PROBABILITIES, ALL_BUT_LAST, threshold=0.65, seed=0)
    bare = {"threshold", "test_only_model_right", "test_only_baseline_right", "test_mcnemar_p_value"}
    assert set(found.intervals) == set(found.metrics) - bare


def test_lengths_are_words_and_each_slice_has_its_own_classifier() -> None:
    found = assess(TEST, PROBABILITIES, ALL_BUT_LAST, threshold=0.65, seed=0)
    by_length = found.curves["accuracy_by_length"]
    assert by_length[MODEL][0]["from"] == 1  # lengths count START_ID
    assert by_length[MODEL][-1]["to"] == 8
    for name, accuracy in ((MODEL, 4 / 6), (BASELINE, 5 / 6)):
        for curve in ("accuracy_by_length", "accuracy_by_unknown_share"):
            rows = found.curves[curve][name]
            hits = sum(float(row["accuracy"]) * float(row["reviews"]) for row in rows)
            assert hits / 6 == pytest.approx(accuracy)
    shares = found.curves["accuracy_by_unknown_share"][MODEL]
    assert (shares[0]["from"], shares[-1]["to"]) == (0.0, 1.0)
