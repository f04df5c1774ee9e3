from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.intervals import bootstrap_intervals, weighted_metrics
from pipeline.evaluation.metrics import classification_metrics


def reviews(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count).astype(np.int8)
    # Rounded, so that there are ties, between the labels too.
    probabilities = (0.35 * labels + random.uniform(0.05, 0.6, count)).round(1)
    return labels, probabilities


def test_weighted_metrics_are_scikit_learns_on_the_repeated_reviews() -> None:
    labels, probabilities = reviews(40, seed=0)
    order = np.argsort(probabilities, kind="stable")
    labels, probabilities = labels[order], probabilities[order]
    weights = np.random.default_rng(1).integers(0, 4, (3, 40)).astype(np.float64)
    computed = weighted_metrics(labels, probabilities, weights)
    for row, counts in enumerate(weights.astype(int)):
        expected = classification_metrics(np.repeat(labels, counts), np.repeat(probabilities, counts))
        assert {name: values[row] for name, values in computed.items()} == pytest.approx(expected)


def test_an_accuracys_interval_is_that_of_the_binomial() -> None:
    labels = np.ones(400, np.int8)
    labels[:200] = 0
    probabilities = np.where(np.arange(400) % 5 == 0, 1 - labels, labels).astype(np.float64)  # 80 % right
    low, high = bootstrap_intervals(labels, probabilities.clip(0.1, 0.9), seed=3)["accuracy"]
    # 1.96 standard errors of sqrt(0.8 * 0.2 / 400) = 0.02
    assert low == pytest.approx(0.8 - 0.0392, abs=0.006)
    assert high == pytest.approx(0.8 + 0.0392, abs=0.006)


def test_a_seed_gives_the_same_intervals_around_every_metric() -> None:
    labels, probabilities = reviews(300, seed=5)
    intervals = bootstrap_intervals(labels, probabilities, seed=1)
    assert intervals == bootstrap_intervals(labels, probabilities, seed=1)
    assert intervals != bootstrap_intervals(labels, probabilities, seed=2)
    for name, value in classification_metrics(labels, probabilities).items():
        low, high = intervals[name]
        assert low < value < high


def test_resamples_of_one_label_do_not_spoil_the_others() -> None:
    intervals = bootstrap_intervals(np.array([0, 1]), np.array([0.2, 0.8]), seed=0)
    assert intervals["roc_auc"] == (1.0, 1.0)


def test_the_calibration_errors_interval_has_the_resamples_excess_taken_off() -> None:
    """A resample of these two is off by 0 or 0.5, the two together by 0: twice 0 less 0.5 is cut off at 0."""
    intervals = bootstrap_intervals(np.array([0, 1]), np.array([0.5, 0.5]), seed=0)
    assert intervals["ece"] == (0.0, 0.0)


def test_an_uncalibrated_models_error_lies_in_its_interval() -> None:
    random = np.random.default_rng(0)
    probabilities = random.random(2000)
    labels = (random.random(2000) < 0.8 * probabilities).astype(np.int8)  # 0.1 too sure on average
    low, high = bootstrap_intervals(labels, probabilities, seed=1)["ece"]
    assert low < 0.1 < high


def test_another_threshold_moves_accuracy_and_f1_alone() -> None:
    labels, probabilities = reviews(300, seed=5)
    usual, other = (bootstrap_intervals(labels, probabilities, 1, at) for at in (0.5, 0.8))
    assert {name for name in usual if usual[name] != other[name]} == {"accuracy", "f1"}
