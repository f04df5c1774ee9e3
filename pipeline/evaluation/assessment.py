"""All that the test reviews say of the model and, beside it, of its rivals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.baselines import CLASSIFIERS, MAJORITY, MODEL, NAMES, Scored
from pipeline.evaluation.calibration import Interval, reliability, shares_by_bin
from pipeline.evaluation.intervals import answer_intervals, class_table, metric_intervals
from pipeline.evaluation.metrics import (
    ACCURACY,
    BALANCED_ACCURACY,
    F1,
    Metrics,
    best_guess,
    choose_threshold,
    classification_metrics,
    precision_recall_points,
    roc_by_label,
    roc_points,
)
from pipeline.evaluation.paired import Paired, mcnemar
from pipeline.evaluation.probabilities import THRESHOLD, decide, right
from pipeline.reviews.padding import unknown_share
from pipeline.runtime.files import Row

BINS = 8  # of lengths and of unknown shares
LEVEL = 0.05  # below this p, a difference is more than chance
_SCORES = ("accuracy", "roc_auc", "f1", "log_loss", "brier", "ece")


@dataclass(frozen=True, eq=False)
class Assessment:
    """What was found.

    Attributes:
        labels: whole numbers from 0, (num_reviews,).
        classifiers: the model first, then its rivals.
        baseline: the rival that the model is tested against: of the two that read what it reads, the one with
            the better validation accuracy, naive Bayes where both are as good.
        metrics: of each classifier (its prefix + test_...), and of the model's comparison with the baseline;
            of two labels, the threshold that was chosen on validation reviews, and the model's accuracy,
            balanced accuracy and f1 at it; each rival's validation accuracy, and ``measure``.
        intervals: 95 %, of those metrics that vary with the test reviews drawn, under the same names.
        paired: the model and each rival, review by review.
        curves: by name, the points of each classifier: accuracy_by_length (in words) and
            accuracy_by_unknown_share; roc, precision_recall and reliability of all but the majority class.
        by_class: the model's ``class_table``.
        roc_by_class: the model's ``roc_by_label``.
        measure: what the threshold was chosen by.
    """

    labels: np.ndarray
    classifiers: tuple[Scored, ...]
    baseline: Scored
    metrics: Metrics
    intervals: dict[str, Interval]
    paired: dict[str, Paired]
    curves: Mapping[str, Mapping[str, Sequence[Row]]]
    by_class: Sequence[Row]
    roc_by_class: Sequence[Row]
    measure: str = ACCURACY

    @property
    def probabilities(self) -> np.ndarray:
        """The model's: (num_reviews, num_labels)."""
        return self.classifiers[0].test

    @property
    def num_labels(self) -> int:
        return self.probabilities.shape[1]

    @property
    def scores(self) -> Metrics:
        """The few of ``metrics`` that a run shows: the network's, and the accuracies it is held against."""
        return {f"test_{name}": self.metrics[f"test_{name}"] for name in _SCORES} | {
            "test_accuracy_of_baseline": self.metrics[f"{self.baseline.prefix}test_accuracy"],
            "test_accuracy_of_majority": self.metrics[f"{CLASSIFIERS[MAJORITY]}test_accuracy"],
        }

    @property
    def headline(self) -> Metrics:
        """The three of ``scores`` that DVC's tables show, under names with which these fit 80 columns."""
        scores = self.scores
        return {
            "accuracy": scores["test_accuracy"],
            "baseline": scores["test_accuracy_of_baseline"],
            "log_loss": scores["test_log_loss"],
        }

    @property
    def threshold(self) -> float:
        """From which probability on a served model gives the second of two labels.

        Of calibrated probabilities 0.5 is the best threshold for accuracy, and one that was chosen by few
        reviews is worse. For balanced accuracy and F1 the best one depends on how common the labels are.
        """
        return THRESHOLD if self.measure == ACCURACY else self.metrics.get("threshold", THRESHOLD)

    @property
    def unknown_share(self) -> float:
        """How much of what the model reads of a test review is unknown to it, on average."""
        rows = self.curves["accuracy_by_unknown_share"][MODEL]
        return sum(float(row["unknown_share"]) * float(row["reviews"]) for row in rows) / len(self.labels)

    @property
    def better_than_a_guess(self) -> bool:
        """Whether even the low end of its score, as served, is above what one label for all would score."""
        suffix = "" if self.threshold == THRESHOLD else "_at_threshold"
        low, _ = self.intervals[f"test_{self.measure}{suffix}"]
        return low > best_guess(self.measure, self.labels, self.num_labels)

    def lead(self, rival: str) -> int:
        """How many more test reviews the model labels right than ``rival``; 0 where that may be chance."""
        tested = self.paired[rival]
        return tested.only_first - tested.only_second if tested.p_value < LEVEL else 0

    @property
    def only_label(self) -> int | None:
        """The label that the model, as served, gives to every test review; None where it gives more."""
        given = np.unique(decide(self.probabilities, self.threshold))
        return int(given[0]) if len(given) == 1 else None


def assess(
    test: Mapping[str, np.ndarray],
    validation_labels: np.ndarray,
    model: Scored,
    rivals: Sequence[Scored],
    seed: int,
    measure: str = ACCURACY,
) -> Assessment:
    """Judges the probabilities of the test reviews; nothing is chosen by them.

    Args:
        test: the padded split: labels, token_ids and lengths (START_ID included).
        validation_labels: what the threshold and the baseline are chosen by.
        model: the network's probabilities.
        rivals: of ``score_rivals``.
        seed: of the resampling.
        measure: accuracy, balanced_accuracy or f1.
    """
    labels, classifiers = test["labels"], (model, *rivals)
    metrics: Metrics = {}
    intervals: dict[str, Interval] = {}
    for each in classifiers:
        found, bounds = classification_metrics(labels, each.test), metric_intervals(labels, each.test, seed)
        metrics |= {f"{each.prefix}test_{name}": value for name, value in found.items()}
        intervals |= {f"{each.prefix}test_{name}": ends for name, ends in bounds.items()}
    for each in rivals:
        found = classification_metrics(validation_labels, each.validation)
        metrics |= {f"{each.prefix}validation_{name}": found[name] for name in (ACCURACY, measure)}
    if model.test.shape[1] == 2:
        metrics["threshold"] = threshold = choose_threshold(validation_labels, model.validation, measure)
        at_threshold = classification_metrics(labels, model.test, threshold)
        bounds = answer_intervals(labels, model.test, threshold)
        for name in (ACCURACY, BALANCED_ACCURACY, F1):
            metrics[f"test_{name}_at_threshold"] = at_threshold[name]
            intervals[f"test_{name}_at_threshold"] = bounds[name]

    hits = {each.name: right(labels, each.test) for each in classifiers}
    paired = {each.name: mcnemar(hits[model.name], hits[each.name]) for each in rivals}
    same_tokens = [each for each in rivals if each.name in NAMES]
    baseline = max(same_tokens, key=lambda each: metrics[f"{each.prefix}validation_accuracy"])
    tested = paired[baseline.name]
    metrics |= {
        "test_only_model_right": tested.only_first,
        "test_only_baseline_right": tested.only_second,
        "test_mcnemar_p_value": tested.p_value,
    }
    unknown = unknown_share(test["token_ids"])
    curves: dict[str, dict[str, Sequence[Row]]] = defaultdict(dict)
    for each in classifiers:
        name, right_ones = each.name, hits[each.name]
        curves["accuracy_by_length"][name] = accuracy_by("length", test["lengths"] - 1, right_ones)
        curves["accuracy_by_unknown_share"][name] = accuracy_by("unknown_share", unknown, right_ones)
        if name != MAJORITY:  # what never varies has no other curve
            curves["roc"][name] = roc_points(labels, each.test)
            curves["precision_recall"][name] = precision_recall_points(labels, each.test)
            curves["reliability"][name] = reliability(labels, each.test)
    of_labels = class_table(labels, decide(model.test), model.test.shape[1]), roc_by_label(labels, model.test)
    return Assessment(
        labels, classifiers, baseline, metrics, intervals, paired, dict(curves), *of_labels, measure
    )


def accuracy_by(name: str, values: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Row]:
    """Accuracy in bins of ``values``, (num_reviews,), that hold about as many reviews each: ``shares_by_bin``
    with the columns ``name`` and accuracy. Equal values share a bin, so that there may be fewer."""
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    ends = np.unique(np.quantile(values, inner, method="lower"))  # a bin holds its end
    return shares_by_bin(np.searchsorted(ends, values), name, values, ACCURACY, right)
