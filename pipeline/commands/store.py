"""What the commands share: the tracking store, and which model is meant."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipeline.params import load_params
from pipeline.registry import versions
from pipeline.registry.names import NAME_PREFIX, registered_name
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import PADDED_DATASET
from pipeline.tracking import connect


def open_store() -> MlflowClient:
    """The store that params.yaml or MLFLOW_TRACKING_URI names."""
    return connect(load_params())


def chosen_version(client: MlflowClient, model: str | None, dataset: str | None) -> ModelVersion:
    """The version ``model`` names, else the champion of ``dataset``, else of the data set in data/padded.

    Raises:
        UserError: if there is none, or both are given.
    """
    if model and dataset:
        raise UserError(f"give --model or --dataset, not both, but got {model} and {dataset}")
    return versions.find_version(client, model or f"models:/{chosen_name(dataset)}@champion")


def chosen_name(dataset: str | None) -> str:
    """The registered model of ``dataset``, else of the data set in data/padded, else the only one.

    Raises:
        UserError: if none or several could be meant.
    """
    if dataset is None and PADDED_DATASET.exists():
        dataset = read_json(PADDED_DATASET)["name"]
    if dataset is not None:
        return registered_name(dataset)
    names = sorted({version.name for version in versions.list_versions()})
    if len(names) != 1:
        known = ", ".join(name.removeprefix(NAME_PREFIX) for name in names)
        raise UserError(
            f"--dataset must say which champion is meant, one of {known}"
            if names
            else "the registry is empty: run `make run` first"
        )
    return names[0]
