"""Repeated stratified cross-validation of the configured network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.cluster import Job, JobList, open_pool
from pipeline.crossvalidation.fold import judge_fold
from pipeline.crossvalidation.splits import Fold, draw_folds
from pipeline.crossvalidation.summary import Mean, accuracy_of, mean_of
from pipeline.evaluation.assessment import MODEL
from pipeline.evaluation.metrics import Metrics
from pipeline.evaluation.rivals import PREFIXES
from pipeline.params import Params
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.ragged import offsets_of
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.interruption import interruptible
from pipeline.runtime.paths import RAW_DATASET, RAW_REVIEWS, RAW_UNLABELLED

CLASSIFIERS = (MODEL, *PREFIXES)
_ENDS = {"log_loss": (0, math.inf), "brier": (0, 2)}  # of other scores 0 and 1
Judged = Sequence[tuple[Fold, Mapping[str, Metrics]]]


def cross_validate(params: Params, folds: int, repeats: int) -> dict[str, Any]:
    """Fits and judges the configured network ``folds`` x ``repeats`` times, its baselines beside it.

    All labelled reviews of data/raw are drawn from, whatever their split. Nothing is searched: who tunes on
    the same reviews must not take these scores for the tuned network's.

    Args:
        params: of the network; ``tune.workers`` and ``cluster`` say where it is fitted.
        folds: 2 or more.
        repeats: 1 or more.

    Returns:
        Plain JSON values; see :func:`summarise`.

    Raises:
        InterruptedError: after Ctrl-C.
        UserError: if a label is too rare, or a fit fails.
    """
    data, dataset = all_reviews(), read_json(RAW_DATASET)
    drawn = draw_folds(data["labels"], folds, repeats, params.seed)
    num_reviews = len(data["labels"])
    fitted = params.resolved(round(num_reviews * (1 - 1 / folds) * (1 - params.pad.validation_fraction)))
    fitted = fitted.of_labels(dataset["labels"]).replace({"tune.epochs": None, "tune.trials": 1})
    jobs = [Job(fold.name, judge_fold, (fitted, fold, params.evaluate.baseline_ngrams)) for fold in drawn]
    found: dict[str, dict[str, Metrics]] = {}

    def keep(name: str, metrics: dict[str, Metrics]) -> None:
        found[name] = metrics
        shown = ", ".join(
            f"{each} {metrics[each]['accuracy']:.4f}" for each in CLASSIFIERS if "whole" not in each
        )
        print(f"{name} ({len(found)}/{len(drawn)}): accuracy of {shown}")

    with interruptible() as interruption:
        opened = open_pool("cross-validation", params.cluster, params.tune.workers, len(drawn), data)
        with opened as pool:
            pool.run(JobList(jobs, keep, interruption))
        if interruption.requested:
            raise InterruptedError(f"cross-validation was interrupted with {len(found)} folds judged")
    judged = [(fold, found[fold.name]) for fold in drawn]
    return {"dataset": dataset["name"], "digest": dataset["digest"], "labels": dataset["labels"]} | summarise(
        judged, folds, repeats, num_reviews
    )


def all_reviews() -> dict[str, np.ndarray]:
    """Those of data/raw: the labelled ones of all splits, one after the other, and the unlabelled ones."""
    splits, unlabelled = read_splits(read_arrays(RAW_REVIEWS)), read_arrays(RAW_UNLABELLED)
    return {
        "tokens": np.concatenate([part.tokens for part in splits.values()]),
        "offsets": offsets_of(np.concatenate([part.lengths for part in splits.values()])),
        "labels": np.concatenate([part.labels for part in splits.values()]),
        "unlabelled_tokens": unlabelled["tokens"],
        "unlabelled_offsets": unlabelled["offsets"],
    }


def summarise(judged: Judged, folds: int, repeats: int, num_reviews: int) -> dict[str, Any]:
    """Means and intervals of each classifier's metrics, the network's lead in accuracy, and all scores.

    Returns:
        ``classifiers``: by name, by metric: mean, low, high. ``lead``: by rival: mean, low, high, p_value.
        ``scores``: a row a fold: repeat, fold, and each classifier's accuracy.
    """
    share, metrics = 1 / folds, list(judged[0][1][MODEL])
    scores = {
        name: {metric: [each[name][metric] for _, each in judged] for metric in metrics}
        for name in CLASSIFIERS
    }
    means = {
        name: {
            metric: _plain(mean_of(values, share), *_ENDS.get(metric, (0, 1)))
            for metric, values in of_metrics.items()
        }
        | {"accuracy": _plain(accuracy_of(of_metrics["accuracy"], share, num_reviews))}
        for name, of_metrics in scores.items()
    }
    network = np.array(scores[MODEL]["accuracy"])
    return {
        "reviews": num_reviews,
        "folds": folds,
        "repeats": repeats,
        "classifiers": means,
        "lead": {
            name: _plain(found, -1, 1) | {"p_value": found.p_value}
            for name in CLASSIFIERS[1:]
            for found in [mean_of((network - scores[name]["accuracy"]).tolist(), share)]
        },
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
