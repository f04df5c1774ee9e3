"""Evaluated runs beside each other: their scores, what sets them apart, and how sure the difference is."""

from __future__ import annotations

from dataclasses import dataclass

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.evaluation.paired import gain_interval, mcnemar
from pipeline.evaluation.promotion import Predictions
from pipeline.params import Params
from pipeline.registry.promotion import predictions_of
from pipeline.tracking.runs import DIGEST_TAG


@dataclass(frozen=True)
class Difference:
    """The accuracy of one run less that of another, on ``reviews`` that neither was fitted to."""

    accuracy: float
    low: float  # which, with high, bounds it with 95 % confidence
    high: float
    reviews: int


@dataclass(frozen=True)
class EvaluatedRun:
    """One run beside others."""

    run_id: str
    name: str
    dataset: str
    validation_accuracy: float | None
    test_accuracy: float
    difference: Difference | None  # from the best run, None for that one and where they share no reviews
    settings: dict[str, str]  # the parameters in which the runs are not all alike


def compare_runs(client: MlflowClient, dataset: str | None, count: int) -> list[EvaluatedRun]:
    """The newest ``count`` evaluated runs (of ``dataset``, where one is given), the best on test first."""
    runs = evaluated_runs(client, dataset)[:count]
    runs.sort(key=lambda run: -run.data.metrics["test_accuracy"])
    # Of params.yaml: `mlflow run` logs what it was given under names of its own, such as depth.
    keys = dict.fromkeys(key for run in runs for key in run.data.params)
    own = [
        key for key in keys if key == "seed" or (key.partition(".")[0] in Params.model_fields and "." in key)
    ]
    differing = [key for key in own if len({run.data.params.get(key) for run in runs}) > 1]
    kept = [predictions_of(client, run.info.run_id) for run in runs]
    return [
        EvaluatedRun(
            run.info.run_id,
            str(run.info.run_name),
            run.data.tags.get("dataset", "?"),
            run.data.metrics.get("validation_accuracy"),
            run.data.metrics["test_accuracy"],
            difference(mine, kept[0]) if place and mine and kept[0] and same_data(run, runs[0]) else None,
            {key: run.data.params.get(key, "") for key in differing},
        )
        for place, (run, mine) in enumerate(zip(runs, kept, strict=True))
    ]


def evaluated_runs(client: MlflowClient, dataset: str | None = None) -> list[Run]:
    """The finished pipeline runs that have a test accuracy, the newest first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    wanted = "attributes.status = 'FINISHED'" + (f" and tags.dataset = '{dataset}'" if dataset else "")
    runs = mlflow.search_runs(experiments, wanted, output_format="list")
    return [
        run
        for run in runs
        if "test_accuracy" in run.data.metrics and MLFLOW_PARENT_RUN_ID not in run.data.tags
    ]


def same_data(run: Run, other: Run) -> bool:
    """Whether both are of the same reviews, however they are padded."""
    digest = run.data.tags.get(DIGEST_TAG)
    return digest is not None and digest == other.data.tags.get(DIGEST_TAG)


def difference(first: Predictions, second: Predictions) -> Difference | None:
    """The first's accuracy less the second's on the reviews held back from both; None without any."""
    shared = np.intersect1d(first.rows, second.rows)
    if not len(shared):
        return None
    paired = mcnemar(first.on(shared).right, second.on(shared).right)
    low, high = gain_interval(paired, len(shared))
    return Difference((paired.only_first - paired.only_second) / len(shared), low, high, len(shared))
