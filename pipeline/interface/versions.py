"""Registered versions through the Python interface: what there is, and what made one; imports MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipeline.params import load_params
from pipeline.registry import lineage, versions
from pipeline.registry.names import registered_name
from pipeline.tracking import DIGEST_TAG, connect


@dataclass(frozen=True)
class Version:
    """A registered version; None is what the registry doesn't know.

    Attributes:
        model: the registered model's name, one a data set.
        version: its number.
        aliases: such as ``champion``.
        dataset: the data set's name.
        digest: of the data set's content.
        validation_accuracy: what the network had in its study, on the reviews that it was chosen by; the same
            as in its run, report and card, before its probabilities were calibrated.
        test_accuracy: of the calibrated network, on reviews that nothing was chosen by.
        run: MLflow's, which trained it.
        commit: of the code.
        decision: why it is champion or not.
    """

    model: str
    version: int
    aliases: tuple[str, ...]
    dataset: str | None
    digest: str | None
    validation_accuracy: float | None
    test_accuracy: float | None
    run: str | None
    commit: str | None
    decision: str | None


def list_versions(dataset: str | None = None) -> list[Version]:
    """The registered versions by model, the newest first, out of the registry that params.yaml names.

    Args:
        dataset: only those of this data set.

    Raises:
        ValueError: if the registry can't be asked.
    """
    client = open_store()
    listed = versions.list_versions(registered_name(dataset) if dataset else None)
    named = {name: versions.aliases(client, name) for name in {version.name for version in listed}}
    return [_version(client, each, named[each.name].get(str(each.version), [])) for each in listed]


def trace(name: str | None = None) -> dict[str, dict[str, Any]]:
    """What made a version, as titled groups of names and values: commit, data, study, parameters, ...

    Args:
        name: as :func:`load_champion` takes it.

    Raises:
        ValueError: if there is no such version, or its files are gone.
    """
    version = find_version(name)
    return lineage.describe(version, lineage.read_record(version))


def open_store() -> MlflowClient:
    """The store that params.yaml or MLFLOW_TRACKING_URI names."""
    return connect(load_params())


def find_version(name: str | None = None) -> ModelVersion:
    """The version that ``name`` stands for, as :func:`pipeline.load_champion` takes it.

    Raises:
        UserError: if there is none, or several could be meant.
    """
    return versions.find_version(open_store(), name)


def _version(client: MlflowClient, version: ModelVersion, aliases: list[str]) -> Version:
    test, commit = versions.run_facts(client, version)
    validation = version.tags.get("validation_accuracy")
    return Version(
        version.name,
        int(version.version),
        tuple(aliases),
        version.tags.get("dataset.name"),
        version.tags.get(DIGEST_TAG),
        float(validation) if validation else None,
        test and round(test, 4),
        version.run_id,
        commit,
        version.tags.get(versions.DECISION_TAG),
    )
