import numpy as np
import pytest
from scipy.stats import bootstrap, norm

from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.intervals import class_table, metric_intervals
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


@pytest.mark.parametrize("num_labels", [2, 3])
def test_a_review_of_each_label_told_apart_promises_nothing(num_labels: int) -> None:
    labels = np.arange(num_labels)
    intervals = metric_intervals(labels, np.eye(num_labels) * 0.7 + 0.3 / num_labels, seed=0)
    for name in ("accuracy", "balanced_accuracy", "f1", "roc_auc"):
        low, high = intervals[name]
        assert low < 0.7, name
        assert high == pytest.approx(1), name
    # Each recall is 1 with the interval of 1 in 1; their mean is off by its root of the labels at the most.
    alone = wilson_interval(1, 1)[0]
    assert intervals["balanced_accuracy"][0] == pytest.approx(1 - (1 - alone) / np.sqrt(num_labels))
    if num_labels == 2:
        # Newcombe's variance at A is A (1 - A): (1 - A)^2 = 3.84 A (1 - A), so A = 1 / 4.84.
        assert intervals["roc_auc"][0] == pytest.approx(1 / (1 + norm.ppf(0.975) ** 2))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """40 reviews each time; the truth is that of very many reviews."""
    labels, probabilities = reviews(200_000, seed=9)
    truth = classification_metrics(labels, probabilities)
    held = dict.fromkeys(("accuracy", "f1", "roc_auc", "log_loss", "brier"), 0)
    for run in range(200):
        part = slice(40 * run, 40 * run + 40)
        found = metric_intervals(labels[part], probabilities[part], seed=run, resamples=200)
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


def test_a_seed_gives_the_same_intervals_around_every_metric_and_a_threshold_others_of_three() -> None:
    labels, probabilities = reviews(300, seed=5)
    intervals = metric_intervals(labels, probabilities, seed=1)
    assert intervals == metric_intervals(labels, probabilities, seed=1)
    assert intervals != metric_intervals(labels, probabilities, seed=2)
    for name, value in classification_metrics(labels, probabilities).items():
        low, high = intervals[name]
        assert low < value < high
    other = metric_intervals(labels, probabilities, seed=1, threshold=0.8)
    changed = {name for name in other if other[name] != intervals[name]}
    assert {"accuracy", "balanced_accuracy", "f1"} <= changed  # what the labels given decide
    assert not {"roc_auc", "log_loss", "brier", "ece"} & changed


def test_the_calibration_errors_interval_has_the_resamples_excess_taken_off() -> None:
    """A resample of these two is off by 0 or 0.5, the two together by 0: twice 0 less 0.5 is cut off at 0."""
    assert metric_intervals(np.array([0, 1]), both([0.5, 0.5]), seed=0)["ece"] == (0.0, 0.0)
    random = np.random.default_rng(0)
    probabilities = random.random(2000)
    labels = (random.random(2000) < 0.8 * probabilities).astype(np.int8)  # 0.1 too sure on average
    low, high = metric_intervals(labels, both(probabilities), seed=1)["ece"]
    assert low < 0.1 < high


def test_each_class_has_its_precision_and_recall() -> None:
    rows = class_table(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0]), 3)
    assert [(row["reviews"], row["given"]) for row in rows] == [(2, 2), (1, 2), (3, 2)]
    assert [row["precision"] for row in rows] == [1 / 2, 1 / 2, 1]
    assert [row["recall"] for row in rows] == [1 / 2, 1, 2 / 3]
    assert [row["f1"] for row in rows] == pytest.approx([1 / 2, 2 / 3, 4 / 5])
    assert (rows[2]["recall_low"], rows[2]["recall_high"]) == wilson_interval(2, 3)
