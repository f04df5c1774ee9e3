import numpy as np
import pytest

from pipeline.evaluation.assessment import Assessment, accuracy_by, assess
from pipeline.evaluation.baselines import CLASSIFIERS, MAJORITY, MODEL, NAIVE_BAYES, TFIDF, Scored
from two_labels import both

LABELS = np.array([0, 0, 1, 1, 1, 0])
TOKEN_IDS = np.array([[1, 4, 2], [1, 4, 4], [0, 1, 4], [1, 2, 2], [1, 4, 4], [1, 4, 2]])
TEST = {"labels": LABELS, "token_ids": TOKEN_IDS, "lengths": np.array([3, 9, 2, 3, 5, 8])}
PROBABILITIES = both([0.1, 0.6, 0.8, 0.7, 0.4, 0.2])
ALL_BUT_LAST = both([0.1, 0.2, 0.8, 0.7, 0.6, 0.9])
VALIDATION = np.array([0, 1, 1, 0])
SCORED = both([0.2, 0.9, 0.7, 0.6])  # all right from 0.65 on
BETTER, WORSE = both([0.1, 0.9, 0.9, 0.6]), both([0.9, 0.9, 0.9, 0.6])


def assessed(naive_bayes: np.ndarray = BETTER, tfidf: np.ndarray = WORSE) -> Assessment:
    """The naive Bayes baseline errs on the last test review, the TF-IDF one on none."""
    perfect, constant = both(np.where(LABELS == 1, 0.9, 0.1)), both(np.full(6, 0.5))
    tests = [ALL_BUT_LAST, perfect, perfect, constant]
    validation = [naive_bayes, tfidf, both(np.where(VALIDATION == 1, 0.9, 0.1)), both(np.full(4, 0.5))]
    rivals = map(Scored, list(CLASSIFIERS)[1:], validation, tests)
    return assess(TEST, VALIDATION, Scored(MODEL, SCORED, PROBABILITIES), list(rivals), seed=0)


def test_the_model_and_its_rivals_are_told_apart() -> None:
    """The model's losses are -log 0.9, 0.4, 0.8, 0.7, 0.4 and 0.8: what each true label was given."""
    found = assessed()
    metrics = found.metrics
    assert metrics["tfidf_test_accuracy"] == metrics["naive_bayes_whole_test_accuracy"] == 1
    assert (metrics["majority_test_accuracy"], metrics["majority_test_roc_auc"]) == (0.5, 0.5)
    assert metrics["naive_bayes_validation_accuracy"] == 3 / 4
    log_loss = pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7, 0.4, 0.8]).mean(), abs=1e-6)
    # What DVC's tables show begins with the score.
    assert list(found.headline.items()) == [("accuracy", 4 / 6), ("baseline", 5 / 6), ("log_loss", log_loss)]


def test_the_paired_test_is_against_the_better_of_the_same_tokens_on_validation() -> None:
    """The one that reads whole reviews is right on all validation reviews, and no choice all the same."""
    found = assessed()
    assert found.baseline.name == NAIVE_BAYES
    # The model alone is right on review 5, the baseline alone on 1 and 4.
    assert (found.metrics["test_only_model_right"], found.metrics["test_only_baseline_right"]) == (1, 2)
    assert found.metrics["test_mcnemar_p_value"] == pytest.approx(1.0)
    other = assessed(naive_bayes=WORSE, tfidf=BETTER)
    assert other.baseline.name == TFIDF
    assert (other.metrics["test_only_model_right"], other.metrics["test_only_baseline_right"]) == (0, 2)
    assert assessed(naive_bayes=WORSE, tfidf=WORSE).baseline.name == NAIVE_BAYES


def test_the_chosen_threshold_is_applied_to_the_model() -> None:
    found = assessed()
    assert found.metrics["threshold"] == pytest.approx(0.65)
    assert found.metrics["test_accuracy_at_threshold"] == 5 / 6  # all but review 4
    assert found.metrics["test_f1_at_threshold"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    lows = [found.intervals[f"test_accuracy{suffix}"][0] for suffix in ("_at_threshold", "")]
    assert lows[0] > lows[1]  # one error instead of two


def test_every_metric_that_varies_with_the_reviews_has_an_interval() -> None:
    found = assessed()
    bare = {"threshold", "test_only_model_right", "test_only_baseline_right", "test_mcnemar_p_value"}
    bare |= {f"{prefix}validation_accuracy" for prefix in CLASSIFIERS.values() if prefix}
    assert set(found.intervals) == set(found.metrics) - bare


def test_lengths_are_words_and_each_slice_has_its_own_classifier() -> None:
    curves = assessed().curves
    by_length = curves["accuracy_by_length"]
    assert (by_length[MODEL][0]["from"], by_length[MODEL][-1]["to"]) == (1, 8)  # lengths count START_ID
    assert MAJORITY in by_length
    assert MAJORITY not in curves["roc"]
    for name, accuracy in ((MODEL, 4 / 6), (NAIVE_BAYES, 5 / 6), (TFIDF, 1)):
        for curve in ("accuracy_by_length", "accuracy_by_unknown_share"):
            hits = sum(float(row["accuracy"]) * float(row["reviews"]) for row in curves[curve][name])
            assert hits / 6 == pytest.approx(accuracy)
    shares = curves["accuracy_by_unknown_share"][MODEL]
    assert (shares[0]["from"], shares[-1]["to"]) == (0.0, 1.0)


def test_accuracy_is_had_in_bins_of_as_many_reviews_but_equal_values_are_never_parted() -> None:
    lengths = np.array([8, 1, 7, 2, 6, 3, 5, 4])
    rows = accuracy_by("length", lengths, lengths != 6, bins=2)
    assert [(row["from"], row["to"], row["reviews"]) for row in rows] == [(1, 4, 4), (5, 8, 4)]
    assert [(row["length"], row["accuracy"]) for row in rows] == [(2.5, 1.0), (6.5, 3 / 4)]
    shares, right = np.array([0.0, 0, 0, 0, 0, 0.5]), np.array([True, False, True, False, False, True])
    rows = accuracy_by("unknown_share", shares, right, bins=4)
    found = [(row["from"], row["to"], row["reviews"], row["accuracy"]) for row in rows]
    assert found == [(0.0, 0.0, 5, 2 / 5), (0.5, 0.5, 1, 1.0)]


def test_three_labels_are_assessed_alike_but_without_a_threshold() -> None:
    """Given 0, 1, 1, 2, 2, 0, of which the second and the last are wrong."""
    labels, perfect = np.array([0, 0, 1, 2, 2, 2]), np.eye(3)[[0, 0, 1, 2, 2, 2]]
    shares = [[8, 1, 1], [2, 7, 1], [1, 6, 3], [1, 1, 8], [2, 3, 5], [5, 2, 3]]
    rivals = [Scored(name, perfect, perfect) for name in list(CLASSIFIERS)[1:]]
    model = Scored(MODEL, perfect, np.array(shares) / 10)
    found = assess(TEST | {"labels": labels}, labels, model, rivals, seed=0)
    assert found.metrics["test_accuracy"] == 4 / 6
    assert (found.metrics["test_only_model_right"], found.metrics["test_only_baseline_right"]) == (0, 2)
    assert not any("threshold" in name for name in found.metrics)
    assert found.num_labels == 3
    # Label 1 against the others: its only review has 0.6, below the 0.7 of one of the five others.
    curve = [row for row in found.roc_by_class if row["label"] == 1]
    points = {(row["false_positive_rate"], row["true_positive_rate"]) for row in curve}
    assert {(0, 0), (0.2, 0), (0.2, 1), (1, 1)} <= points
