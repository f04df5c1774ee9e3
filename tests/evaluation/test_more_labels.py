"""More than two labels: every figure against scikit-learn's, or worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.assessment import assess
from pipeline.evaluation.baselines import CLASSIFIERS, MODEL, Scored, score_rivals
from pipeline.evaluation.calibration import fit_calibration, wilson_interval
from pipeline.evaluation.intervals import class_table, metric_intervals
from pipeline.evaluation.metrics import classification_metrics
from pipeline.evaluation.probabilities import decide, right
from pipeline.evaluation.promotion import Predictions
from pipeline.reviews.ragged import Ragged

LABELS = np.array([0, 0, 1, 2, 2, 2])
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3], [0.1, 0.1, 0.8], [0.2, 0.3, 0.5], [0.5, 0.2, 0.3]]
)  # given: 0, 1, 1, 2, 2, 0


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    logits = random.normal(0, 1, (count, 3)) + 1.5 * np.eye(3)[labels]
    values = np.exp(logits)
    return labels, values / values.sum(1, keepdims=True)


def test_the_calibration_error_is_of_the_label_given() -> None:
    """Of four reviews given their label with 0.9, three have it; two given it with 0.5 have it not."""
    sure, doubtful = [0.9, 0.05, 0.05], [0.25, 0.5, 0.25]
    probabilities = np.array([sure] * 4 + [doubtful] * 2)
    labels = np.array([0, 0, 0, 1, 2, 0])
    expected = (4 * abs(0.75 - 0.9) + 2 * abs(0 - 0.5)) / 6
    assert classification_metrics(labels, probabilities)["ece"] == pytest.approx(expected)


def test_each_class_has_its_precision_and_recall() -> None:
    rows = class_table(LABELS, decide(PROBABILITIES), 3)
    assert [(row["reviews"], row["given"]) for row in rows] == [(2, 2), (1, 2), (3, 2)]
    assert [row["precision"] for row in rows] == [1 / 2, 1 / 2, 1]
    assert [row["recall"] for row in rows] == [1 / 2, 1, 2 / 3]
    assert [row["f1"] for row in rows] == pytest.approx([1 / 2, 2 / 3, 4 / 5])
    assert (rows[2]["recall_low"], rows[2]["recall_high"]) == wilson_interval(2, 3)


def test_intervals_of_few_reviews_promise_nothing() -> None:
    labels = np.array([0, 1, 2])
    intervals = metric_intervals(labels, np.eye(3)[labels] * 0.7 + 0.1, seed=0)
    for name in ("accuracy", "balanced_accuracy", "f1", "roc_auc"):
        low, high = intervals[name]
        assert low < 0.7, name
        assert high == pytest.approx(1), name
    # Each recall is 1 with the interval of 1 in 1; their mean is off by its root of a third at the most.
    alone = wilson_interval(1, 1)[0]
    assert intervals["balanced_accuracy"][0] == pytest.approx(1 - (1 - alone) / np.sqrt(3))


def test_an_assessment_has_curves_and_tests_alike_but_no_threshold() -> None:
    test = {"labels": LABELS, "token_ids": np.ones((6, 3), int) * 4, "lengths": np.arange(2, 8)}
    perfect = np.eye(3)[LABELS]
    rivals = [
        Scored(name, perfect, perfect if name != "majority class" else np.full((6, 3), 1 / 3))
        for name in list(CLASSIFIERS)[1:]
    ]
    found = assess(test, LABELS, Scored(MODEL, perfect, PROBABILITIES), rivals, seed=0)
    assert found.metrics["test_accuracy"] == 4 / 6
    assert (found.metrics["test_only_model_right"], found.metrics["test_only_baseline_right"]) == (0, 2)
    assert not any("threshold" in name for name in found.metrics)
    assert found.num_labels == 3
    # Label 1 against the others: its only review has 0.6, below the 0.7 of one of the five others.
    curve = [row for row in found.roc_by_class if row["label"] == 1]
    points = {(row["false_positive_rate"], row["true_positive_rate"]) for row in curve}
    assert {(0, 0), (0.2, 0), (0.2, 1), (1, 1)} <= points


def test_a_calibration_gives_too_sure_probabilities_back() -> None:
    labels, probabilities = drawn(4000, seed=3)
    sharpened = probabilities**3 / (probabilities**3).sum(1, keepdims=True)
    calibration = fit_calibration(labels, sharpened)
    assert classification_metrics(labels, calibration.apply(sharpened))["ece"] < 0.03
    assert classification_metrics(labels, sharpened)["ece"] > 0.08


def test_rivals_answer_with_a_probability_a_label() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    token_ids = np.column_stack([labels + 10, random.integers(4, 8, (60, 3))])
    padded = {name: {"token_ids": token_ids, "labels": labels} for name in ("train", "validation", "test")}
    whole = {name: Ragged.from_padded(token_ids) for name in padded}
    *baselines, majority = score_rivals(padded, whole, 1, seed=0)
    for rival in baselines:
        assert rival.test.shape == (60, 3)
        assert right(labels, rival.validation).all()
    assert majority.test[0] == pytest.approx([1 / 3] * 3)


def test_a_champion_must_beat_the_commonest_label() -> None:
    said, labels = np.tile(PROBABILITIES, (20, 1)), np.tile(LABELS, 20)
    assert Predictions(np.arange(120), labels, said).better_than_a_guess("accuracy")  # 4 of 6 against 3
    assert not Predictions(np.arange(120), labels, said[:, [1, 2, 0]]).better_than_a_guess("accuracy")
