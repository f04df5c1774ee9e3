"""The model registry: a version for each evaluated model, and who is champion of a data set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT

from pipeline.evaluation.promotion import Comparison, Predictions, Registration, compare
from pipeline.runtime.files import read_arrays, write_arrays

if TYPE_CHECKING:
    from pipeline.registry.packaging import Trained
    from pipeline.tracking import PipelineRun

CHAMPION, CHALLENGER = "champion", "challenger"
NAME_PREFIX = "stacked-rnn-"
PREDICTIONS = "validation_predictions.npz"
DIGEST_TAG = "dataset.digest"
DECISION_TAG = "decision"
PREVIOUS_TAG = "champion.previous"  # of a version: who was champion before it
HISTORY_TAG = "champion.history"  # of a registered model: the champions so far, the present one last
_HISTORY_LENGTH = 200
_NO_SUCH_THING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def registered_name(dataset_name: str) -> str:
    """The registered model's name: one for each data set, so that champions can't be mistaken."""
    return f"{NAME_PREFIX}{dataset_name}"


def register(parent: PipelineRun, trained: Trained, predictions: Predictions) -> Registration:
    """Registers a model from the parent run and moves an alias to it.

    It becomes champion if the data set has none, or if it labels more of the validation reviews
    right that neither it nor the champion was trained on; else challenger. The decision, both scores
    and the p-value become tags of the version.
    """
    from pipeline.registry.packaging import log_models  # noqa: PLC0415 - only here are models logged

    client, dataset = parent.client, trained.dataset
    name = registered_name(dataset["name"])
    champion = find_champion(client, name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PREDICTIONS
        write_arrays(file, **vars(predictions))
        parent.log_file(file)
    version = log_models(trained, name)
    alias, reason, comparison = _judge(client, champion, dataset, predictions)
    tags: dict[str, Any] = {
        DIGEST_TAG: dataset["digest"],
        "dataset.name": dataset["name"],
        "validation_accuracy": f"{predictions.accuracy():.6f}",
        DECISION_TAG: reason,
    }
    if champion is not None:
        tags["compared_with"] = champion.version
    if comparison is not None:
        tags |= {
            "comparison.reviews": comparison.reviews,
            "comparison.accuracy": f"{comparison.accuracy:.6f}",
            "comparison.champion_accuracy": f"{comparison.champion_accuracy:.6f}",
            "comparison.p_value": f"{comparison.p_value:.6g}",
        }
    _set_tags(client, name, version, tags)
    if alias == CHAMPION:
        _crown(client, name, version, champion)
    else:
        client.set_registered_model_alias(name, CHALLENGER, str(version))
    return Registration(name, version, alias, reason, comparison)


def describe(client: MlflowClient, registration: Registration, text: str) -> None:
    """Sets the version's description, which MLflow's pages show as Markdown."""
    client.update_model_version(registration.name, str(registration.version), text)


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """The champion; None if there is no such model, or no champion of it.

    Raises:
        MlflowException: if the registry can't be asked.
    """
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in _NO_SUCH_THING:
            return None
        raise


def _judge(
    client: MlflowClient, champion: ModelVersion | None, dataset: Mapping[str, Any], mine: Predictions
) -> tuple[str, str, Comparison | None]:
    """The alias, the reason for it, and the comparison where there is one."""

    if champion is None:
        return CHAMPION, f"there was no champion for {dataset['name']}", None
    rival = f"champion version {champion.version}"
    if champion.tags.get(DIGEST_TAG) != dataset["digest"]:
        return CHALLENGER, f"{rival} was trained on other data of this name: not comparable", None
    theirs = _predictions_of(client, champion)
    if theirs is None:
        return CHALLENGER, f"the validation predictions of {rival} are gone: not comparable", None
    comparison = compare(mine, theirs)
    if comparison is None:
        return CHALLENGER, f"no validation review is shared with {rival}: not comparable", None
    if comparison.challenger_is_better:
        return CHAMPION, f"beats {rival}: {comparison}", comparison
    return CHALLENGER, f"does not beat {rival}: {comparison}", comparison


def _predictions_of(client: MlflowClient, version: ModelVersion) -> Predictions | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = client.download_artifacts(str(version.run_id), PREDICTIONS, folder)
        except (MlflowException, OSError):  # the run was deleted, or its artifacts are out of reach
            return None
        return Predictions(**read_arrays(Path(path)))


def promote(client: MlflowClient, version: ModelVersion) -> ModelVersion | None:
    """Makes ``version`` champion; returns who was before.

    Raises:
        ValueError: if it is champion already.
    """
    with _plain_errors():
        champion = find_champion(client, version.name)
        if champion is not None and champion.version == version.version:
            raise ValueError(f"version {version.version} of {version.name} is the champion already")
        _crown(client, version.name, int(version.version), champion)
        _set_tags(client, version.name, int(version.version), {DECISION_TAG: "promoted by hand"})
        return champion


def rollback(client: MlflowClient, name: str) -> tuple[ModelVersion, ModelVersion]:
    """Makes the champion's predecessor champion again; returns who was champion and who is.

    Versions that were deleted meanwhile are passed over.

    Raises:
        ValueError: if there is no champion, or none before it.
    """
    with _plain_errors():
        champion = find_champion(client, name)
        if champion is None:
            raise ValueError(f"{name} has no champion to roll back; `registry` lists what there is")
        history = _history(client, name)
        existing = {str(version.version) for version in list_versions(name)}
        earlier = [
            number for number in history[:-1] if number in existing and number != str(champion.version)
        ]
        if not earlier:
            raise ValueError(f"{name}: no champion is recorded before version {champion.version}")
        restored = earlier[-1]
        last_place = len(history) - 1 - history[::-1].index(restored)
        client.set_registered_model_alias(name, CHAMPION, restored)
        client.set_registered_model_tag(name, HISTORY_TAG, ",".join(history[: last_place + 1]))
        _set_tags(client, name, int(restored), {DECISION_TAG: f"rolled back from version {champion.version}"})
        return champion, client.get_model_version(name, restored)


def _crown(client: MlflowClient, name: str, version: int, before: ModelVersion | None) -> None:
    """Moves the alias and records who had it."""
    history = _history(client, name)
    if before is not None:
        if history[-1:] != [str(before.version)]:  # the alias was moved by other means
            history.append(str(before.version))
        _set_tags(client, name, version, {PREVIOUS_TAG: before.version})
    history.append(str(version))
    if CHALLENGER in aliases(client, name).get(str(version), []):
        client.delete_registered_model_alias(name, CHALLENGER)
    client.set_registered_model_alias(name, CHAMPION, str(version))
    client.set_registered_model_tag(name, HISTORY_TAG, ",".join(history[-_HISTORY_LENGTH:]))


def _history(client: MlflowClient, name: str) -> list[str]:
    recorded = client.get_registered_model(name).tags.get(HISTORY_TAG, "")
    return [number for number in recorded.split(",") if number]


def list_versions(name: str | None = None) -> list[ModelVersion]:
    """The registered versions of ``name``, or of all data sets; by name, the newest first."""
    with _plain_errors():
        chosen = f"name = '{name}'" if name else f"name LIKE '{NAME_PREFIX}%'"
        found = mlflow.search_model_versions(filter_string=chosen)
        return sorted(found, key=lambda version: (version.name, -int(version.version)))


def aliases(client: MlflowClient, name: str) -> dict[str, list[str]]:
    """The aliases of each version of ``name`` that has one."""
    with _plain_errors():
        named: dict[str, list[str]] = {}
        for alias, version in client.get_registered_model(name).aliases.items():
            named.setdefault(str(version), []).append(alias)
        return named


def run_facts(client: MlflowClient, version: ModelVersion) -> tuple[str, str]:
    """Test accuracy and git commit of the version's run, as text; ? where the run is gone."""
    try:
        data = client.get_run(str(version.run_id)).data
    except MlflowException:
        return "?", "?"
    accuracy = data.metrics.get("test_accuracy")
    return "?" if accuracy is None else f"{accuracy:.4f}", data.tags.get(MLFLOW_GIT_COMMIT, "none")


def find_version(client: MlflowClient, uri: str) -> ModelVersion:
    """The version that `models:/NAME/VERSION` or `models:/NAME@ALIAS` names.

    Raises:
        ValueError: if the address has another form, or there is no such version.
    """
    name, at, alias = uri.removeprefix("models:/").partition("@")
    name, _, number = (name, "", "") if at else name.partition("/")
    if not uri.startswith("models:/") or not name or not (alias or number.isdecimal()):
        raise ValueError(f"a model must be models:/NAME/VERSION or models:/NAME@ALIAS, but got {uri}")
    with _plain_errors():
        try:
            if at:
                return client.get_model_version_by_alias(name, alias)
            return client.get_model_version(name, number)
        except MlflowException as error:
            if error.error_code not in _NO_SUCH_THING:
                raise
    known = sorted({version.name for version in list_versions()})
    raise ValueError(
        f"the registry {mlflow.get_tracking_uri()} has no {uri}; "
        + (f"it has {', '.join(known)}: see `registry`" if known else "it is empty: run `make run` first")
    )


def download(version: ModelVersion, path: str, folder: Path) -> Path:
    """A file or folder of the version, fetched where it is not on this machine.

    Raises:
        ValueError: if it is not there any more.
    """
    source = f"models:/{version.name}/{version.version}/{path}"
    try:
        return Path(mlflow.artifacts.download_artifacts(source, dst_path=str(folder)))
    except (MlflowException, OSError):
        raise ValueError(f"{source} can't be fetched: the version's files are gone or out of reach") from None


def _set_tags(client: MlflowClient, name: str, version: int, tags: Mapping[str, Any]) -> None:
    for key, value in tags.items():
        client.set_model_version_tag(name, str(version), key, str(value))


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What the registry refuses, as a ValueError with its own message."""
    try:
        yield
    except MlflowException as error:
        raise ValueError(f"the registry {mlflow.get_tracking_uri()} answers: {error.message}") from None
