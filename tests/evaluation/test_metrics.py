"""Every figure against scikit-learn's, or worked out by hand, of two labels and of more."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.utils.class_weight import compute_class_weight

from pipeline.evaluation.metrics import (
    choose_threshold,
    classification_metrics,
    precision_recall_points,
    roc_points,
    score_of,
    sums_of,
    weighted_metrics,
    weights_of,
)
from two_labels import both

LABELS = np.array([0, 0, 1, 1, 1])
PROBABILITIES = both([0.1, 0.6, 0.5, 0.9, 0.2])


def drawn(count: int, num_labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, the first the commonest, and probabilities with ties."""
    random = np.random.default_rng(seed)
    common = np.arange(num_labels, 0, -1) / sum(range(num_labels + 1))
    labels = random.choice(num_labels, count, p=common)
    logits = random.normal(0, 1, (count, num_labels)).round(1) + 1.5 * np.eye(num_labels)[labels]
    return labels, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


@pytest.mark.parametrize("num_labels", [2, 3, 4])
def test_the_metrics_are_scikit_learns(num_labels: int) -> None:
    labels, probabilities = drawn(60, num_labels, seed=0)
    two, sure = num_labels == 2, probabilities.max(1)
    given = probabilities[:, 1] >= 0.5 if two else probabilities.argmax(1)
    hits = given == labels
    expected = {
        "accuracy": hits.mean(),
        "balanced_accuracy": balanced_accuracy_score(labels, given),
        "f1": f1_score(labels, given, average="binary" if two else "macro"),
        "roc_auc": roc_auc_score(labels, probabilities[:, 1] if two else probabilities, multi_class="ovr"),
        "log_loss": log_loss(labels, probabilities),
        "brier": ((probabilities - np.eye(num_labels)[labels]) ** 2).sum(1).mean() / (2 if two else 1),
    }
    found = classification_metrics(labels, probabilities)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    hits, sure = (labels == 1, probabilities[:, 1]) if two else (hits, sure)
    bins = [np.floor(10 * sure) == each for each in range(11)]
    gaps = [abs(hits[inside].sum() - sure[inside].sum()) / 60 for inside in bins]
    assert found["ece"] == pytest.approx(sum(gaps))
    for name, sign in (("accuracy", 1), ("balanced_accuracy", 1), ("f1", 1), ("log_loss", -1)):
        score = score_of(name, sums_of(name, labels, probabilities).sum(0))
        assert float(score) == pytest.approx(sign * expected[name]), name


@pytest.mark.parametrize("num_labels", [2, 3])
def test_weights_count_reviews_several_times(num_labels: int) -> None:
    labels, probabilities = drawn(40, num_labels, seed=1)
    weights = np.random.default_rng(2).integers(0, 4, (3, 40))
    computed = weighted_metrics(labels, probabilities, weights.astype(float))
    for row, counts in enumerate(weights):
        expected = classification_metrics(np.repeat(labels, counts), np.repeat(probabilities, counts, axis=0))
        assert {name: values[row] for name, values in computed.items()} == pytest.approx(expected)


def test_another_threshold_changes_what_labels_decide_alone() -> None:
    """0.2 predicts positive: wrong on review 1 only."""
    metrics, usual = (classification_metrics(LABELS, PROBABILITIES, at) for at in (0.2, 0.5))
    assert metrics["accuracy"] == 4 / 5
    assert metrics["f1"] == pytest.approx(2 * 3 / (2 * 3 + 1))
    assert metrics["balanced_accuracy"] == (3 / 3 + 1 / 2) / 2
    changed = {name for name in metrics if metrics[name] != usual[name]}
    assert {"accuracy", "balanced_accuracy", "f1"} <= changed  # what the labels given decide
    assert not {"roc_auc", "log_loss", "brier", "ece"} & changed


def test_a_label_that_never_occurs_is_left_out_of_the_mean_recall() -> None:
    assert classification_metrics(np.array([0, 0]), both([0.1, 0.9]))["balanced_accuracy"] == 0.5


def test_balanced_weights_are_scikit_learns_and_given_ones_keep_the_mean() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert weights_of("balanced", labels, 3) == pytest.approx(expected)
    assert weights_of("none", labels, 3) is None
    # 6 of weight 1, 3 of 2 and 1 of 8 are 20 in ten reviews: each is halved.
    assert weights_of((1.0, 2.0, 8.0), labels, 3) == pytest.approx([0.5, 1.0, 4.0])
    with pytest.raises(ValueError, match="class_weights has 2 numbers, but there are 3 labels"):
        weights_of((1.0, 2.0), labels, 3)


def test_curves_worked_by_hand() -> None:
    points = roc_points(np.array([0, 1, 0, 1]), both([0.1, 0.4, 0.35, 0.8]))
    rates = [(point["false_positive_rate"], point["true_positive_rate"]) for point in points]
    assert (rates[0], rates[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert (0.0, 1.0) in rates  # both positives score above both negatives
    curve = precision_recall_points(LABELS, PROBABILITIES)
    assert {"recall": 1.0, "precision": 3 / 5} in curve
    assert curve[-1] == {"recall": 0.0, "precision": 1.0}


def test_long_curves_are_thinned_with_both_ends_kept() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 20_000)
    points = roc_points(labels, both(generator.random(20_000)))
    assert len(points) == 1000
    assert points[0] == {"false_positive_rate": 0.0, "true_positive_rate": 0.0}
    assert points[-1] == {"false_positive_rate": 1.0, "true_positive_rate": 1.0}


@pytest.mark.parametrize(
    ("labels", "probabilities", "measure", "chosen"),
    [
        # Between 0.6 and 0.8 all four are right; anywhere else at most three.
        ([1, 0, 1, 0], [0.9, 0.6, 0.8, 0.1], "accuracy", 0.7),
        # Every threshold from 0.1 to 0.8 labels all right; halfway would be 0.45.
        ([0, 1], [0.1, 0.8], "accuracy", 0.5),
        # Right at 0.15 (0.1 | 0.2 0.6 0.9): 3 of 4; at 0.75 (... 0.6 | 0.9): 3 of 4; at 0.4 and 0.5: 2 of 4.
        ([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.9], "accuracy", 0.75),
        # Either side of the two in the middle, three of four are right; between them, at 0.5, two.
        ([0, 1, 0, 1], [0.25, 0.4375, 0.5625, 0.75], "accuracy", (0.25 + 0.4375) / 2),
        # Labels of one kind move it past every probability.
        ([1, 1], [0.25, 0.75], "accuracy", 0.125),
        ([0, 0], [0.25, 0.75], "accuracy", 0.875),
        # One in five is positive. From 0.35 on, recalls are 1 and 3/4 and F1 2/3; accuracy is that of 0.5.
        *(
            ([0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.45, 0.4], *chosen)
            for chosen in (("accuracy", 0.5), ("balanced_accuracy", 0.35), ("f1", 0.35))
        ),
    ],
)
def test_the_best_threshold_stands_halfway_and_of_equal_ones_the_nearest_to_one_half_then_the_lower(
    labels: list[int], probabilities: list[float], measure: str, chosen: float
) -> None:
    found = choose_threshold(np.array(labels), both(np.array(probabilities, np.float32)), measure)
    assert found == pytest.approx(chosen)


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
