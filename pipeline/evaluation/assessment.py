"""All that the test reviews say of the model and, beside it, of the baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.binning import Interval
from pipeline.evaluation.calibration import reliability
from pipeline.evaluation.intervals import bootstrap_intervals
from pipeline.evaluation.metrics import (
    Metrics,
    classification_metrics,
    precision_recall_points,
    prefixed,
    roc_points,
)
from pipeline.evaluation.paired import Paired, mcnemar
from pipeline.evaluation.slices import accuracy_by, unknown_share
from pipeline.evaluation.threshold import THRESHOLD
from pipeline.runtime.files import Row

MODEL, BASELINE = "stacked RNN", "TF-IDF + logistic regression"
PREFIXES = {MODEL: "test_", BASELINE: "baseline_test_"}
Curves = dict[str, Sequence[Row]]


@dataclass(frozen=True, eq=False)
class Assessment:
    """What was found.

    Attributes:
        labels: (num_reviews,), 0 or 1.
        scores: by classifier, the model first, its probabilities of label 1, (num_reviews,).
        metrics: of the model (test_...), of the baseline (baseline_test_...), and of their comparison; the
            threshold that was chosen on validation reviews, and the model's accuracy and f1 at it.
        intervals: 95 %, of those metrics that vary with the test reviews drawn, under the same names.
        paired: the model and the baseline, review by review.
        curves: by name, the points of each classifier: roc, precision_recall, reliability,
            accuracy_by_length (in words) and accuracy_by_unknown_share.
    """

    labels: np.ndarray
    scores: Mapping[str, np.ndarray]
    metrics: Metrics
    intervals: dict[str, Interval]
    paired: Paired
    curves: dict[str, Curves]


def assess(
    test: Mapping[str, np.ndarray], model: np.ndarray, baseline: np.ndarray, threshold: float, seed: int
) -> Assessment:
    """Judges the probabilities of the test reviews; nothing is chosen by them.

    Args:
        test: the padded split: labels, token_ids and lengths (START_ID included).
        model: (num_reviews,), the model's probabilities of label 1.
        baseline: the baseline's.
        threshold: chosen on validation reviews.
        seed: of the resampling.
    """
    labels, scores = test["labels"], {MODEL: model, BASELINE: baseline}
    metrics: Metrics = {}
    intervals: dict[str, Interval] = {}
    for name, prefix in PREFIXES.items():
        metrics |= prefixed(classification_metrics(labels, scores[name]), prefix)
        intervals |= prefixed(bootstrap_intervals(labels, scores[name], seed), prefix)
    metrics["threshold"] = threshold
    at_threshold = classification_metrics(labels, model, threshold)
    bounds = bootstrap_intervals(labels, model, seed, threshold)
    for name in ("accuracy", "f1"):
        metrics[f"test_{name}_at_threshold"] = at_threshold[name]
        intervals[f"test_{name}_at_threshold"] = bounds[name]
    right = {name: (values >= THRESHOLD) == (labels == 1) for name, values in scores.items()}
    paired = mcnemar(right[MODEL], right[BASELINE])
    metrics |= {
        "test_only_model_right": paired.only_first,
        "test_only_baseline_right": paired.only_second,
        "test_mcnemar_p_value": paired.p_value,
    }
    return Assessment(labels, scores, metrics, intervals, paired, _curves(test, scores, right))


def _curves(
    test: Mapping[str, np.ndarray], scores: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]
) -> dict[str, Curves]:
    labels, words, unknown = test["labels"], test["lengths"] - 1, unknown_share(test["token_ids"])
    points: dict[str, Callable[[str], Sequence[Row]]] = {
        "roc": lambda name: roc_points(labels, scores[name]),
        "precision_recall": lambda name: precision_recall_points(labels, scores[name]),
        "reliability": lambda name: reliability(labels, scores[name]),
        "accuracy_by_length": lambda name: accuracy_by("length", words, right[name]),
        "accuracy_by_unknown_share": lambda name: accuracy_by("unknown_share", unknown, right[name]),
    }
    return {curve: {name: draw(name) for name in scores} for curve, draw in points.items()}
