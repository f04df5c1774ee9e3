import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation.calibration import (
    SCALES,
    fit_calibration,
    reliability,
    shares_by_bin,
    wilson_interval,
    worthwhile_calibration,
)
from pipeline.evaluation.metrics import bins_of, classification_metrics
from two_labels import both


def ece(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return classification_metrics(labels, probabilities)["ece"]


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_the_interval_is_that_of_the_literature() -> None:
    # Newcombe (Statistics in Medicine, 1998), table I, method 3.
    found = [wilson_interval(*share) for share in ((81, 263), (15, 148), (0, 20))]
    expected = [[0.2553, 0.3662], [0.0624, 0.1605], [0.0, 0.1611]]
    np.testing.assert_allclose(found, expected, atol=5e-5)


def test_shares_worked_by_hand() -> None:
    hits = np.array([True, False, True, True, False])
    first, second = shares_by_bin(np.array([3, 0, 3, 0, 0]), "age", np.array([9, 1, 7, 2, 6]), "share", hits)
    low, high = wilson_interval(1, 3)
    assert first == {"age": 3, "from": 1, "to": 6, "share": 1 / 3, "low": low, "high": high, "reviews": 3}
    assert [second[key] for key in ("age", "from", "to", "share", "reviews")] == [8, 7, 9, 1, 2]


def test_ten_bins_of_equal_width_with_one_in_the_last() -> None:
    given = np.array([0.0, 0.05, 0.1, 0.55, 0.99, 1.0], np.float32)
    assert bins_of(given).tolist() == [0, 0, 1, 5, 9, 9]


def test_the_error_worked_by_hand_and_the_diagram_that_leaves_empty_bins_out() -> None:
    """Bin 1: half positive, mean 0.15, two reviews. Bin 7: half, 0.73, two. Bin 9: all, 1.0, one."""
    labels, probabilities = np.array([0, 1, 1, 0, 1]), both([0.12, 0.18, 0.75, 0.71, 1.0])
    assert ece(labels, probabilities) == pytest.approx(2 / 5 * (0.5 - 0.15) + 2 / 5 * (0.73 - 0.5))
    rows = reliability(labels, probabilities)
    assert [row["reviews"] for row in rows] == [2, 2, 1]
    assert [row["probability"] for row in rows] == pytest.approx([0.15, 0.73, 1.0])
    assert [row["positive_share"] for row in rows] == [0.5, 0.5, 1.0]
    assert [(row["from"], row["to"]) for row in rows] == [(0.12, 0.18), (0.71, 0.75), (1.0, 1.0)]


def over_sure(count: int, num_labels: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, their true probabilities, and a classifier's with logits of 2.5 times theirs, less 0.4."""
    random = np.random.default_rng(seed)
    logits = np.column_stack([np.zeros(count), random.normal(0, 1.5, (count, num_labels - 1))])
    true = softmax(logits)
    labels = (random.random((count, 1)) > true.cumsum(1)).sum(1)
    return labels, true, softmax(2.5 * logits - 0.4 * (np.arange(num_labels) > 0))


@pytest.mark.parametrize("num_labels", [2, 3])
def test_a_too_sure_classifier_is_given_its_true_probabilities_back(num_labels: int) -> None:
    labels, true, probabilities = over_sure(40_000, num_labels)
    found = fit_calibration(labels, probabilities)
    # logit = (2.5 z - 0.4) must be taken back to z: times 1 / 2.5, plus 0.4 / 2.5.
    assert found.scale == pytest.approx(1 / 2.5, rel=0.05)
    assert found.shift == pytest.approx([0] + [0.4 / 2.5] * (num_labels - 1), abs=0.03)
    np.testing.assert_allclose(found.apply(probabilities), true, atol=0.02)
    others, _, given = over_sure(40_000, num_labels, seed=1)
    assert ece(others, given) > 0.08
    assert ece(others, found.apply(given)) < 0.01


def test_the_fit_is_the_unpenalised_regression_on_the_logit_and_keeps_the_order_of_reviews() -> None:
    labels, _, probabilities = over_sure(20_000, seed=2)
    logits = np.log(probabilities[:, 1:] / probabilities[:, :1])
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, labels)
    found = fit_calibration(labels, probabilities)
    # Platt's targets move 20,000 reviews by 1 in 10,000.
    assert found.scale == pytest.approx(expected.coef_[0, 0], rel=0.01)
    assert found.shift == pytest.approx([0, *expected.intercept_], abs=0.01)
    calibrated = found.apply(probabilities)
    assert np.array_equal(np.argsort(calibrated[:, 1]), np.argsort(probabilities[:, 1]))


def test_reviews_that_are_all_told_apart_do_not_ask_for_certainty() -> None:
    """Platt's targets of three reviews a side are 4 / 5 and 1 / 5: no probability goes beyond them."""
    labels, probabilities = np.array([0, 0, 0, 1, 1, 1]), both([0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    calibrated = fit_calibration(labels, probabilities).apply(probabilities)
    np.testing.assert_allclose(calibrated[2:4, 1], [0.2, 0.8], 1e-4)


def test_float32_certainties_are_no_infinities() -> None:
    labels, probabilities = np.array([0, 1, 0, 1]), both(np.array([0, 1, 1, 0], np.float32))
    np.testing.assert_allclose(fit_calibration(labels, probabilities).apply(probabilities), 0.5, atol=0.05)


def test_a_classifier_that_is_wrong_more_often_than_right_is_flattened_but_not_turned_round() -> None:
    labels, probabilities = np.array([1, 1, 0, 0] * 25), both([0.1, 0.2, 0.8, 0.9] * 25)
    found = fit_calibration(labels, probabilities)
    assert found.scale == SCALES[0]
    np.testing.assert_allclose(found.apply(probabilities), 0.5, atol=0.02)


def test_three_labels_get_their_shares_back() -> None:
    """A classifier that says the same of every review is given the labels' shares, but for Platt's doubt."""
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    said = np.full((100, 3), 1 / 3)
    others = 50 / 52 / 2, 30 / 32 / 2, 20 / 22 / 2  # what the two other labels have of each
    expected = np.array([50 * 51 / 52, 30 * 31 / 32, 20 * 21 / 22]) + sum(others) - others
    np.testing.assert_allclose(fit_calibration(labels, said).apply(said)[0], expected / 100, atol=1e-4)


def test_a_missing_probability_is_named() -> None:
    with pytest.raises(ValueError, match="got 2 labels and 3 probabilities"):
        fit_calibration(np.array([0, 1]), both([0.1, 0.2, 0.3]))


@pytest.mark.parametrize("num_labels", [2, 3])
def test_a_calibration_is_kept_only_if_other_reviews_are_no_worse_off_with_it(num_labels: int) -> None:
    """Reviews that are all told apart: as certain as Platt lets them be, they would be less sure."""
    labels = np.arange(40) % num_labels
    perfect = np.eye(num_labels)[labels] * 0.997 + 0.001
    assert ece(labels, fit_calibration(labels, perfect).apply(perfect)) > 0.01
    kept = worthwhile_calibration(labels, perfect)
    assert (kept.scale, kept.shift.tolist()) == (1, [0] * num_labels)
    labels, _, probabilities = over_sure(600, num_labels)
    assert worthwhile_calibration(labels, probabilities).scale == fit_calibration(labels, probabilities).scale


def test_reviews_that_count_more_are_calibrated_as_if_they_were_more() -> None:
    labels, _, probabilities = over_sure(3_000, seed=4)
    repeated = np.concatenate([np.arange(3_000), *[np.flatnonzero(labels == 1)] * 3])
    # Targets follow the number of reviews, which differs: hence a tolerance.
    expected = fit_calibration(labels[repeated], probabilities[repeated])
    found = fit_calibration(labels, probabilities, np.array([1.0, 4.0]))
    assert found.scale == pytest.approx(expected.scale, rel=0.01)
    assert found.shift == pytest.approx(expected.shift, abs=0.01)
