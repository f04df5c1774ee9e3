"""Repeated stratified cross-validation of the configured network."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from pipeline.evaluation.baselines import CLASSIFIERS, MODEL
from pipeline.evaluation.calibration import Interval, wilson_interval
from pipeline.evaluation.metrics import Metrics
from pipeline.params import SEARCHED, Params
from pipeline.reporting import METRIC_NAMES
from pipeline.reviews.dataset import content_digest, read_splits
from pipeline.reviews.ragged import Ragged
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.paths import CROSS_VALIDATION, RAW_DATASET, RAW_REVIEWS, RAW_UNLABELLED, RAW_VOCABULARY
from pipeline.tracking import PipelineRun, pipeline_run
from pipeline.training.vector_files import read_vectors
from pipeline.tuning.grid import Point, run_grid
from pipeline.tuning.progress import Progress
from pipeline.tuning.sampling import grid_space
from pipeline.tuning.study import open_grid
from studies.cross_validation.fold import Fold, draw_folds, judge_fold

JUDGING_MODULES = ("studies/cross_validation", "pipeline/evaluation", "pipeline/reviews")
SPACE = grid_space(repeat=(1, 10**6), fold=(0, 10**6), part=(1, 10**6))


def cross_validate(params: Params, folds: int, repeats: int) -> dict[str, Any]:
    """Fits and judges the configured network ``folds`` x ``repeats`` times, its baselines beside it.

    All labelled reviews of data/raw are drawn from, whatever their split. Nothing is searched: who tunes on
    the same reviews must not take these scores for the tuned network's. The folds are the trials of a study,
    so that finished ones are kept, also for more repeats.

    Returns:
        Plain JSON values; see :func:`summarise`.

    Raises:
        InterruptedError: after Ctrl-C.
        UserError: if a label is too rare, or a fit fails.
    """
    data, dataset = all_reviews(params), read_json(RAW_DATASET)
    drawn = draw_folds(data["labels"], folds, repeats, params.seed)
    num_reviews = len(data["labels"])
    fitted = fit_to(params, num_reviews * (1 - 1 / folds), data, dataset)

    def report(judged: list[Mapping[str, Metrics]], parent: PipelineRun) -> dict[str, Any]:
        found = summarise(list(zip(drawn, judged, strict=True)), folds, repeats, num_reviews)
        accuracy = found["classifiers"][MODEL]["accuracy"]
        parent.log_metrics({f"test_accuracy_{name}": value for name, value in accuracy.items()})
        parent.log_text(json.dumps(found, indent=2), CROSS_VALIDATION.name)
        return found

    asked = [(fold, fitted) for fold in drawn]
    return judge("cross-validation", asked, {"folds": folds}, data, dataset, report)


def fit_to(
    params: Params, num_reviews: float, data: Mapping[str, np.ndarray], dataset: Mapping[str, Any]
) -> Params:
    """The values of a network that is fitted to so many reviews, those that it is stopped by included."""
    row_length = params.pad.of_reviews(np.diff(data["offsets"]) + 1).row_length
    fitted = params.resolve(round(num_reviews * (1 - params.pad.validation_fraction)), row_length)
    return fitted.of_labels(dataset["labels"]).replace({"tune.epochs": None, "tune.trials": 1})


def judge(
    kind: str,
    asked: Sequence[tuple[Fold, Params]],
    identity: Mapping[str, Any],
    data: Mapping[str, np.ndarray],
    dataset: Mapping[str, Any],
    report: Callable[[list[Mapping[str, Metrics]], PipelineRun], dict[str, Any]],
) -> dict[str, Any]:
    """Fits and judges each fold by its params, as the trials of a study, in a run of MLflow.

    Args:
        kind: of study; its name begins so.
        asked: the folds, the one with most reviews last.
        identity: what decides their scores besides the reviews and the params.
        data: of :func:`all_reviews`.
        dataset: data/raw/dataset.json.
        report: makes plain JSON values of the folds' metrics, and logs what it likes.
    """
    params = asked[-1][1]
    keys = ("seed", "pad", *SEARCHED, "evaluate.baseline_ngrams")
    fixed = {str(fold.part): of_fold.flat(*keys) for fold, of_fold in asked}
    digest = content_digest({"vectors": data["vectors"]}) if "vectors" in data else ""
    described = {"data": f"{dataset['digest']} {digest}".strip(), **identity, "fixed": fixed}
    study = open_grid(params, f"{kind}-{dataset['name']}", described, SPACE, JUDGING_MODULES)
    longest = params.evaluate.baseline_ngrams
    points = []
    for fold, of_fold in asked:
        place = {"repeat": fold.repeat, "fold": fold.number, "part": fold.part}
        points.append(Point(fold.name, place, (of_fold, fold, longest)))
    in_run = pipeline_run(params, kind, ("pad", "model", "train"), study=study.name)
    with in_run as parent, Progress(parent, dataset["name"]) as progress:
        parent.set_tags({"mlflow.runName": kind, "dataset": dataset["name"]})
        workers, again = params.tune.workers, "the same command"
        judged = run_grid(study, points, judge_fold, _to_keep, workers, data, progress, again)
        found = report(judged, parent)
    return {"dataset": dataset["name"], "digest": dataset["digest"], "labels": dataset["labels"]} | found


def _to_keep(metrics: Mapping[str, Metrics]) -> tuple[float, Any, Metrics]:
    accuracies = {f"test_{prefix}accuracy": metrics[name]["accuracy"] for name, prefix in CLASSIFIERS.items()}
    return accuracies["test_accuracy"], metrics, accuracies


def all_reviews(params: Params, but: str = "") -> dict[str, np.ndarray]:
    """Those of data/raw: the labelled ones of all splits, one after the other, and the unlabelled ones.

    Beside them the vectors of ``vectors.path``. The split ``but`` is left out.
    """
    splits, unlabelled = read_splits(read_arrays(RAW_REVIEWS)), read_arrays(RAW_UNLABELLED)
    splits.pop(but, None)
    joined = Ragged.join(splits.values())
    data = {
        "tokens": joined.tokens,
        "offsets": joined.offsets,
        "labels": np.concatenate([part.labels for part in splits.values()]),
        "unlabelled_tokens": unlabelled["tokens"],
        "unlabelled_offsets": unlabelled["offsets"],
    }
    if params.vectors.path is not None:
        data["vectors"], _ = read_vectors(params, Vocabulary.load(RAW_VOCABULARY).words)
    return data


def summarise(
    judged: Sequence[tuple[Fold, Mapping[str, Metrics]]], folds: int, repeats: int, num_reviews: int
) -> dict[str, Any]:
    """Means and intervals of each classifier's metrics, the network's lead in accuracy, and all scores.

    Returns:
        ``classifiers``: by name, by metric: mean, low, high. ``lead``: by rival: mean, low, high, p_value.
        ``scores``: a row a fold: repeat, fold, and each classifier's accuracy.
    """
    share, means, lead = 1 / folds, {}, {}
    for name in CLASSIFIERS:
        scores = {key: [each[name][key] for _, each in judged] for key in judged[0][1][name]}
        means[name] = {
            key: _plain(mean_of(values, share), *METRIC_NAMES[key].ends) for key, values in scores.items()
        }
        means[name]["accuracy"] = _plain(accuracy_of(scores["accuracy"], share, num_reviews))
        if name != MODEL:
            found = mean_of([each[MODEL]["accuracy"] - each[name]["accuracy"] for _, each in judged], share)
            lead[name] = _plain(found, -1, 1) | {"p_value": found.p_value}
    return {
        "reviews": num_reviews,
        "folds": folds,
        "repeats": repeats,
        "classifiers": means,
        "lead": lead,
        "scores": [
            {"repeat": fold.repeat, "fold": fold.number}
            | {name: each[name]["accuracy"] for name in CLASSIFIERS}
            for fold, each in judged
        ],
    }


def _plain(mean: Mean, least: float = 0, most: float = 1) -> dict[str, float]:
    """The mean and its interval, which ends where the score's values do: two folds promise nothing."""
    low, high = mean.interval
    return {"mean": mean.mean, "low": max(low, least), "high": min(high, most)}


# What the folds say together: means, and intervals that know that folds share their training reviews.


class Mean(NamedTuple):
    """The mean of a score over the folds, its 95 % interval, and the p-value of the test that it is 0."""

    mean: float
    interval: Interval
    p_value: float


def mean_of(scores: Sequence[float], test_share: float) -> Mean:
    """The mean by the corrected resampled t-test.

    Nadeau & Bengio, "Inference for the Generalization Error" (Machine Learning, 2003): scores of folds depend
    on each other, since their training reviews overlap, so the variance of their mean is (1 / J + n2 / n1)
    times theirs, where n2 reviews are judged for n1 trained on.

    >>> [round(end, 4) for end in mean_of([0.7, 0.8, 0.9], test_share=0.25).interval]
    [0.4487, 1.1513]

    ``test_share`` of all reviews are those that a fold judges.
    """
    values = np.asarray(scores, np.float64)
    mean, count = float(values.mean()), len(values)
    variance = (1 / count + test_share / (1 - test_share)) * float(values.var(ddof=1))
    if variance == 0:
        return Mean(mean, (mean, mean), 1.0 if mean == 0 else 0.0)
    width = math.sqrt(variance)
    reach = float(student.ppf(0.975, count - 1)) * width
    return Mean(mean, (mean - reach, mean + reach), float(2 * student.sf(abs(mean) / width, count - 1)))


def accuracy_of(scores: Sequence[float], test_share: float, num_reviews: int) -> Mean:
    """That of a share: its interval is nowhere narrower than Wilson's of as many right out of all reviews.

    Folds that all reach 1.0 have no variance, and would promise that no other review is ever labelled wrong.
    """
    found = mean_of(scores, test_share)
    least = wilson_interval(round(found.mean * num_reviews), num_reviews)
    low, high = min(found.interval[0], least[0]), max(found.interval[1], least[1])
    return found._replace(interval=(max(low, 0.0), min(high, 1.0)))
