"""Evaluated runs beside each other: their scores, what sets them apart, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.evaluation.paired import gain_interval, mcnemar
from pipeline.evaluation.promotion import Predictions
from pipeline.registry.promotion import predictions_of
from pipeline.tracking.runs import DIGEST_TAG

_SECTIONS = ("seed", "pad", "model", "train", "pretrain")


@dataclass(frozen=True)
class Difference:
    """The accuracy of one run less that of another, on ``reviews`` that neither was fitted to.

    ``low`` and ``high`` bound it with 95 % confidence.
    """

    accuracy: float
    low: float
    high: float
    reviews: int


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        run_id: MLflow's.
        name: what the run is called.
        dataset: of which data set the scores are.
        validation_accuracy: of the winner.
        test_accuracy: of the winner.
        difference: from the first row, None for that one and where they share no reviews.
        settings: the parameters in which the rows are not all alike.
    """

    run_id: str
    name: str
    dataset: str
    validation_accuracy: float | None
    test_accuracy: float
    difference: Difference | None
    settings: dict[str, str]


def compared(client: MlflowClient, dataset: str | None, count: int) -> list[Row]:
    """The newest ``count`` evaluated runs (of ``dataset``, where one is given), the best on test first."""
    runs = evaluated_runs(client, dataset)[:count]
    runs.sort(key=lambda run: -run.data.metrics["test_accuracy"])
    differing = _differing([run.data.params for run in runs])
    kept = [predictions_of(client, run.info.run_id) for run in runs]
    return [
        Row(
            run.info.run_id,
            str(run.info.run_name),
            run.data.tags.get("dataset", "?"),
            run.data.metrics.get("validation_accuracy"),
            run.data.metrics["test_accuracy"],
            difference(own, kept[0]) if place and own and kept[0] and _same_data(run, runs[0]) else None,
            {key: run.data.params.get(key, "") for key in differing},
        )
        for place, (run, own) in enumerate(zip(runs, kept, strict=True))
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


def difference(first: Predictions, second: Predictions) -> Difference | None:
    """The first's accuracy less the second's on the reviews held back from both; None without any."""
    shared = np.intersect1d(first.rows, second.rows)
    if not len(shared):
        return None
    paired = mcnemar(first.on(shared).right, second.on(shared).right)
    low, high = gain_interval(paired.only_first, paired.only_second, len(shared))
    return Difference((paired.only_first - paired.only_second) / len(shared), low, high, len(shared))


def _same_data(run: Run, other: Run) -> bool:
    """Whether the reviews are the same; runs that lack their digest must have the same padded ones."""
    digests = [each.data.tags.get(DIGEST_TAG) for each in (run, other)]
    if all(digests):
        return digests[0] == digests[1]
    first, second = ({entry.dataset.digest for entry in _inputs(each)} for each in (run, other))
    return run.data.tags.get("dataset") == other.data.tags.get("dataset") and bool(first & second)


def _inputs(run: Run) -> list[DatasetInput]:
    return run.inputs.dataset_inputs if run.inputs else []


def _differing(params: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = {key: None for values in params for key in values if key.split(".")[0] in _SECTIONS}
    return [key for key in keys if len({values.get(key) for values in params}) > 1]
