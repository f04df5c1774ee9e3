import math

import numpy as np
import pytest

from pipeline.evaluation.metrics import classification_metrics, precision_recall_points, roc_points
from two_labels import both

LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = both([0.1, 0.6, 0.5, 0.9, 0.2])


def test_metrics_of_five_reviews_worked_by_hand() -> None:
    """0.5 predicts positive: hits are reviews 0, 2 and 3. Of 6 pairs (negative, positive), 4 are in order."""
    metrics = classification_metrics(LABELS, PROBABILITIES)
    assert metrics["accuracy"] == 3 / 5
    assert metrics["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert metrics["roc_auc"] == pytest.approx(4 / 6)
    losses = [-math.log(0.9), -math.log(0.4), -math.log(0.5), -math.log(0.9), -math.log(0.2)]
    assert metrics["log_loss"] == pytest.approx(sum(losses) / 5)
    assert metrics["brier"] == pytest.approx((0.01 + 0.36 + 0.25 + 0.01 + 0.64) / 5)
    # Each review is alone in its bin: 0.1 and 0.6 above 0; 0.5, 0.9 and 0.2 below 1.
    assert metrics["ece"] == pytest.approx((0.1 + 0.6 + 0.5 + 0.1 + 0.8) / 5)


def test_another_threshold_changes_what_labels_decide_alone() -> None:
    """0.2 predicts positive: wrong on review 1 only."""
    metrics, usual = (classification_metrics(LABELS, PROBABILITIES, at) for at in (0.2, 0.5))
    assert metrics["accuracy"] == 4 / 5
    assert metrics["f1"] == pytest.approx(2 * 3 / (2 * 3 + 1))
    assert metrics["balanced_accuracy"] == (3 / 3 + 1 / 2) / 2
    changed = {name for name in metrics if metrics[name] != usual[name]}
    assert changed == {"accuracy", "balanced_accuracy", "f1"}


def test_roc_points_worked_by_hand() -> None:
    points = roc_points(np.array([0, 1, 0, 1]), both([0.1, 0.4, 0.35, 0.8]))
    rates = [(point["false_positive_rate"], point["true_positive_rate"]) for point in points]
    assert rates[0] == (0.0, 0.0)
    assert rates[-1] == (1.0, 1.0)
    assert (0.0, 1.0) in rates  # both positives score above both negatives


def test_precision_recall_ends_at_full_recall_with_the_positive_share() -> None:
    points = precision_recall_points(LABELS, PROBABILITIES)
    assert {"recall": 1.0, "precision": 3 / 5} in points
    assert points[-1] == {"recall": 0.0, "precision": 1.0}


def test_long_curves_are_thinned_with_both_ends_kept() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 20_000)
    points = roc_points(labels, both(generator.random(20_000)))
    assert len(points) == 1000
    assert points[0] == {"false_positive_rate": 0.0, "true_positive_rate": 0.0}
    assert points[-1] == {"false_positive_rate": 1.0, "true_positive_rate": 1.0}
