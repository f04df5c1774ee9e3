"""The model registry: a version for each evaluated model, and who is champion of a data set."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipeline.files import read_arrays, write_arrays
from pipeline.tracking import PipelineRun

CHAMPION, CHALLENGER = "champion", "challenger"
PREDICTIONS = "validation_predictions.npz"
DIGEST_TAG = "dataset.digest"


@dataclass(frozen=True)
class Predictions:
    """What a model said of the validation reviews: arrays (num_reviews,) of one length.

    ``rows`` are the reviews' places in the raw training split, so that two models padded and split
    differently can be compared on the reviews that neither was trained on.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def accuracy(self, rows: np.ndarray) -> float:
        """Accuracy on those reviews alone."""
        chosen = np.isin(self.rows, rows)
        return float(np.mean((self.probabilities[chosen] >= 0.5) == self.labels[chosen]))


@dataclass(frozen=True)
class Registration:
    """A registered version and the alias it was given, with the reason in words."""

    name: str
    version: int
    alias: str
    reason: str

    @property
    def uri(self) -> str:
        """`models:/NAME@ALIAS`."""
        return f"models:/{self.name}@{self.alias}"


def registered_name(dataset: Mapping[str, Any]) -> str:
    """The registered model's name: one for each data set, so that champions can't be mistaken."""
    return f"stacked-rnn-{dataset['name']}"


def register(
    parent: PipelineRun, model: keras.Model, dataset: Mapping[str, Any], predictions: Predictions
) -> Registration:
    """Registers ``model`` from the parent run and moves an alias to it.

    It becomes champion if the data set has none, or if it labels more of the validation reviews
    right that neither it nor the champion was trained on; else challenger.
    """
    name = registered_name(dataset)
    champion = _champion(parent.client, name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PREDICTIONS
        write_arrays(file, **vars(predictions))
        parent.log_file(file)
    info = mlflow.keras.log_model(model, name="model", registered_model_name=name)
    version = int(info.registered_model_version)
    alias, reason = _judge(parent.client, champion, dataset, predictions)
    tags = {
        DIGEST_TAG: dataset["digest"],
        "dataset.name": dataset["name"],
        "validation_accuracy": f"{predictions.accuracy(predictions.rows):.6f}",
        "decision": reason,
    }
    for key, value in tags.items():
        parent.client.set_model_version_tag(name, str(version), key, value)
    parent.client.set_registered_model_alias(name, alias, str(version))
    return Registration(name, version, alias, reason)


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:  # no such model, or no such alias yet
        return None


def _judge(
    client: MlflowClient, champion: ModelVersion | None, dataset: Mapping[str, Any], mine: Predictions
) -> tuple[str, str]:
    if champion is None:
        return CHAMPION, f"the first model for {dataset['name']}"
    rival = f"champion version {champion.version}"
    if champion.tags.get(DIGEST_TAG) != dataset["digest"]:
        return CHALLENGER, f"{rival} was trained on other data of this name: not comparable"
    theirs = _predictions_of(client, champion)
    if theirs is None:
        return CHALLENGER, f"the validation predictions of {rival} are gone: not comparable"
    shared = np.intersect1d(mine.rows, theirs.rows)
    if len(shared) == 0:
        return CHALLENGER, f"no validation review is shared with {rival}: not comparable"
    my_score, their_score = mine.accuracy(shared), theirs.accuracy(shared)
    verdict = "beats" if my_score > their_score else "does not beat"
    reason = (
        f"{verdict} {rival} on {len(shared)} shared validation reviews: {my_score:.4f} to {their_score:.4f}"
    )
    return (CHAMPION if my_score > their_score else CHALLENGER), reason


def _predictions_of(client: MlflowClient, version: ModelVersion) -> Predictions | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = client.download_artifacts(str(version.run_id), PREDICTIONS, folder)
        except (MlflowException, OSError):  # the run was deleted, or its artifacts are out of reach
            return None
        return Predictions(**read_arrays(Path(path)))
