"""Repeated stratified cross-validation of the configured network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.cluster import Job, Outcome, open_pool
from pipeline.crossvalidation.fold import judge_fold
from pipeline.crossvalidation.splits import Fold, draw_folds
from pipeline.crossvalidation.summary import Mean, accuracy_of, mean_of
from pipeline.evaluation.assessment import MODEL
from pipeline.evaluation.metrics import Metrics
from pipeline.evaluation.rivals import PREFIXES
from pipeline.params import Params
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.ragged import offsets_of
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.interruption import Interruption, interruptible
from pipeline.runtime.paths import RAW_DATASET, RAW_REVIEWS, RAW_UNLABELLED

CLASSIFIERS = (MODEL, *PREFIXES)
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
    fitted = fitted.replace({"tune.epochs": None, "tune.trials": 1})
    with interruptible() as interruption:
        jobs = _Folds(fitted, drawn, interruption)
        opened = open_pool("cross-validation", params.cluster, params.tune.workers, len(drawn), data)
        with opened as pool:
            pool.run(jobs)
        if interruption.requested:
            raise InterruptedError(f"cross-validation was interrupted with {len(jobs.judged)} folds judged")
    judged = [(fold, jobs.judged[fold.name]) for fold in drawn]
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
        name: {metric: _plain(mean_of(values, share)) for metric, values in of_metrics.items()}
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
            name: _plain(found) | {"p_value": found.p_value}
            for name in CLASSIFIERS[1:]
            for found in [mean_of((network - scores[name]["accuracy"]).tolist(), share)]
        },
        "scores": [
            {"repeat": fold.repeat, "fold": fold.number}
            | {name: each[name]["accuracy"] for name in CLASSIFIERS}
            for fold, each in judged
        ],
    }


def _plain(mean: Mean) -> dict[str, float]:
    low, high = mean.interval
    return {"mean": mean.mean, "low": low, "high": high}


class _Folds:
    """The folds, as ``cluster.Jobs``."""

    def __init__(self, params: Params, folds: Sequence[Fold], interruption: Interruption) -> None:
        longest = params.evaluate.baseline_ngrams
        self._waiting = [Job(fold.name, judge_fold, (params, fold, longest)) for fold in folds]
        self._count, self._interruption = len(folds), interruption
        self.judged: dict[str, dict[str, Metrics]] = {}

    def next_job(self) -> Job | None:
        return self._waiting.pop(0) if self._waiting and not self._interruption.requested else None

    def is_wanted(self, job: Job) -> bool:
        return not self._interruption.requested

    def heard(self, job: Job, *message: Any) -> bool:
        return not self._interruption.requested

    def ended(self, job: Job, outcome: Outcome) -> None:
        if outcome.error is not None:
            raise UserError(f"{job.key}: {outcome.error}") from outcome.error
        if outcome.stopped:
            return
        self.judged[job.key] = outcome.value
        shown = ", ".join(
            f"{name} {outcome.value[name]['accuracy']:.4f}" for name in CLASSIFIERS if "whole" not in name
        )
        print(f"{job.key} ({len(self.judged)}/{self._count}): accuracy of {shown}")
