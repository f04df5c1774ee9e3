from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.intervals import metric_intervals
from pipeline.evaluation.metrics import classification_metrics
from two_labels import both


def reviews(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count).astype(np.int8)
    # Rounded, so that there are ties, between the labels too.
    probabilities = (0.35 * labels + random.uniform(0.05, 0.6, count)).round(1)
    return labels, both(probabilities)


def test_an_accuracys_interval_is_wilsons_and_f1s_that_of_the_share_of_hits() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0])
    found = metric_intervals(labels, both([0.9, 0.8, 0.2, 0.7, 0.1, 0.3]), seed=0)
    assert found["accuracy"] == wilson_interval(4, 6)
    share = wilson_interval(2, 4)  # 2 hits, 1 missed, 1 false: F1 = 4 / 6 = 2 p / (1 + p), p = 1/2
    assert found["f1"] == pytest.approx([2 * end / (1 + end) for end in share])


def test_two_reviews_told_apart_promise_nothing() -> None:
    intervals = metric_intervals(np.array([0, 1]), both([0.2, 0.8]), seed=0)
    for name in ("accuracy", "f1", "roc_auc"):
        low, high = intervals[name]
        assert low < 0.4, name
        assert high == pytest.approx(1), name


def test_an_auc_of_few_reviews_has_newcombes_interval() -> None:
    """With one review a side the variance at A is A (1 - A); perfect order is 1.96 of its root from 1."""
    low, _ = metric_intervals(np.array([0, 1]), both([0.2, 0.8]), seed=0)["roc_auc"]
    # (1 - A)^2 = 3.84 A (1 - A), so A = 1 / 4.84
    assert low == pytest.approx(1 / (1 + norm.ppf(0.975) ** 2))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """40 reviews each time; the truth is that of a million reviews."""
    labels, probabilities = reviews(1_000_000, seed=9)
    truth = classification_metrics(labels, probabilities)
    held = dict.fromkeys(("accuracy", "f1", "roc_auc", "log_loss", "brier"), 0)
    for run in range(200):
        part = slice(40 * run, 40 * run + 40)
        found = metric_intervals(labels[part], probabilities[part], seed=run, resamples=400)
        for name in held:
            low, high = found[name]
            held[name] += low <= truth[name] <= high
    for name, count in held.items():
        assert 0.9 <= count / 200 <= 0.995, (name, count)


def test_a_mean_has_the_bca_interval_of_scipy() -> None:
    labels, probabilities = reviews(300, seed=4)
    found = metric_intervals(labels, probabilities, seed=0, resamples=4000)["brier"]
    errors = (probabilities[:, 1] - labels) ** 2
    expected = bootstrap((errors,), np.mean, n_resamples=4000, method="BCa", rng=1).confidence_interval
    assert found == pytest.approx(tuple(expected), rel=0.02)


def test_a_seed_gives_the_same_intervals_around_every_metric() -> None:
    labels, probabilities = reviews(300, seed=5)
    intervals = metric_intervals(labels, probabilities, seed=1)
    assert intervals == metric_intervals(labels, probabilities, seed=1)
    assert intervals != metric_intervals(labels, probabilities, seed=2)
    for name, value in classification_metrics(labels, probabilities).items():
        low, high = intervals[name]
        assert low < value < high


def test_the_calibration_errors_interval_has_the_resamples_excess_taken_off() -> None:
    """A resample of these two is off by 0 or 0.5, the two together by 0: twice 0 less 0.5 is cut off at 0."""
    intervals = metric_intervals(np.array([0, 1]), both([0.5, 0.5]), seed=0)
    assert intervals["ece"] == (0.0, 0.0)


def test_an_uncalibrated_models_error_lies_in_its_interval() -> None:
    random = np.random.default_rng(0)
    probabilities = random.random(2000)
    labels = (random.random(2000) < 0.8 * probabilities).astype(np.int8)  # 0.1 too sure on average
    low, high = metric_intervals(labels, both(probabilities), seed=1)["ece"]
    assert low < 0.1 < high


def test_another_threshold_moves_what_labels_decide_alone() -> None:
    labels, probabilities = reviews(300, seed=5)
    usual, other = (metric_intervals(labels, probabilities, 1, at) for at in (0.5, 0.8))
    assert {name for name in usual if usual[name] != other[name]} == {"accuracy", "balanced_accuracy", "f1"}
