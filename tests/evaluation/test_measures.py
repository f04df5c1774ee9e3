"""What networks are chosen by, against scikit-learn's, and what a review counts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

from pipeline.evaluation.metrics import classification_metrics, score_of, sums_of, weights_of
from two_labels import both


@pytest.mark.parametrize("num_labels", [2, 4])
def test_balanced_accuracy_and_f1_are_scikit_learns(num_labels: int) -> None:
    random = np.random.default_rng(0)
    labels = random.choice(num_labels, 60, p=np.arange(num_labels, 0, -1) / sum(range(num_labels + 1)))
    probabilities = random.dirichlet(np.ones(num_labels), 60)
    given = probabilities.argmax(1)
    expected = {
        "accuracy": (labels == given).mean(),
        "balanced_accuracy": balanced_accuracy_score(labels, given),
        "f1": f1_score(labels, given, average="binary" if num_labels == 2 else "macro"),
        "log_loss": -log_loss(labels, probabilities),
    }
    found = {name: float(score_of(name, sums_of(name, labels, probabilities).sum(0))) for name in expected}
    assert found == pytest.approx(expected)


def test_a_label_that_never_occurs_is_left_out_of_the_mean_recall() -> None:
    found = classification_metrics(np.array([0, 0]), both([0.1, 0.9]))
    assert found["balanced_accuracy"] == 0.5


def test_balanced_weights_are_scikit_learns_and_given_ones_keep_the_mean() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert weights_of("balanced", labels, 3) == pytest.approx(expected)
    assert weights_of("none", labels, 3) is None
    # 6 of weight 1, 3 of 2 and 1 of 8 are 20 in ten reviews: each is halved.
    assert weights_of((1.0, 2.0, 8.0), labels, 3) == pytest.approx([0.5, 1.0, 4.0])
    with pytest.raises(ValueError, match="class_weights has 2 numbers, but there are 3 labels"):
        weights_of((1.0, 2.0), labels, 3)
