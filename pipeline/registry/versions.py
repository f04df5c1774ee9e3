"""Registered versions and their aliases: a version for each evaluated model, one champion of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT

from pipeline.registry.names import CHALLENGER, CHAMPION, NAME_PREFIX, parse_uri, registered_name
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import PADDED_DATASET, SQLITE, project_folder, sqlite_file
from pipeline.tracking import RefusedError
from pipeline.tracking.store import READ_ONLY

DECISION_TAG = "decision"
SOURCE_TAG = "dataset.source"  # the hash of the file, folder or archive that the reviews came from
PREVIOUS_TAG = "champion.previous"  # of a version: who was champion before it
HISTORY_TAG = "champion.history"  # of a registered model: the champions so far, the present one last
_HISTORY_LENGTH = 200
_NO_SUCH_THING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What the registry refuses, as a UserError with its own message."""
    try:
        yield
    except MlflowException as error:
        raise UserError(f"the registry {mlflow.get_tracking_uri()} answers: {error.message}") from None


def address_of(name: str | None = None) -> str:
    """The ``models:/...`` that ``name`` stands for.

    Args:
        name: an address, which is left as it is, or a data set's name: its champion's; None: that of the data
            set in data/padded, else of the only one that is registered.

    Raises:
        UserError: if none or several could be meant.
    """
    if name is None and PADDED_DATASET.exists():
        name = read_json(PADDED_DATASET)["name"]
    if name is None:
        models = sorted({version.name.removeprefix(NAME_PREFIX) for version in list_versions()})
        if not models:
            raise UserError(f"the registry {mlflow.get_tracking_uri()} is empty: run `make run` first")
        if len(models) > 1:
            raise UserError(f"--dataset must say which champion is meant, one of {', '.join(models)}")
        name = models[0]
    is_address = set(name) & set(":/@")  # none of which a registered model's name can have
    return name if is_address else f"models:/{registered_name(name)}@{CHAMPION}"


def find_version(client: MlflowClient, name: str | None = None) -> ModelVersion:
    """The version that ``name`` stands for, as :func:`address_of` takes it.

    Raises:
        UserError: if the address has another form, or there is no such version.
    """
    uri = address_of(name)
    model, alias, number = parse_uri(uri)
    with _plain_errors():
        try:
            if alias:
                return client.get_model_version_by_alias(model, alias)
            return client.get_model_version(model, number)
        except MlflowException as error:
            if error.error_code not in _NO_SUCH_THING:
                raise
    known = list_versions()
    if alias == CHAMPION and (newest := next((each for each in known if each.name == model), None)):
        uri = f"models:/{model}/{newest.version}"
        raise UserError(
            f"{model} has no champion: take a version by its number (--model {uri}), or "
            f"`python -m pipeline promote {uri}`; `python -m pipeline registry` lists them"
        )
    has = f"it has {', '.join(sorted({each.name for each in known}))}" if known else "it is empty"
    raise UserError(
        f"the registry {mlflow.get_tracking_uri()} has no {uri}, {has}: `make run` registers the network "
        "of the last run there"
    )


def is_registered(registration: Mapping[str, Any]) -> bool:
    """Whether the store has the version that reports/registration.json tells of, and its files: it may be a
    new one, or lack them.
    """
    versions = [each for each in list_versions(registration["name"]) if each.run_id == registration["run_id"]]
    return any(
        mlflow.artifacts.list_artifacts(f"models:/{each.name}/{each.version}/artifacts") for each in versions
    )


def require_rights(client: MlflowClient, name: str) -> None:
    """Asks a server whether this user may register versions of ``name``; RefusedError if not."""
    try:
        client.delete_registered_model_tag(name, "pipeline.no_such_tag")  # for which one must be let edit it
    except MlflowException as error:
        if error.error_code not in _NO_SUCH_THING:  # there is no such model yet: whoever makes it owns it
            raise


def find_champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """The champion; None if there is no such model, or no champion of it."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in _NO_SUCH_THING:
            return None
        raise


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


def champions_so_far(client: MlflowClient, name: str) -> list[str]:
    """The versions that were champion, the present one last; as far as they are recorded."""
    return list(filter(None, client.get_registered_model(name).tags.get(HISTORY_TAG, "").split(",")))


def run_facts(client: MlflowClient, version: ModelVersion) -> tuple[float | None, str | None]:
    """Test accuracy and git commit of the version's run; None where they aren't known."""
    try:
        data = client.get_run(str(version.run_id)).data
    except (MlflowException, RefusedError):
        return None, None
    return data.metrics.get("test_accuracy"), data.tags.get(MLFLOW_GIT_COMMIT)


def download(version: ModelVersion, path: str, folder: Path) -> Path:
    """A file or folder of the version, copied into ``folder``; UserError if it can't be."""
    source = f"models:/{version.name}/{version.version}/{path}"
    try:
        return Path(mlflow.artifacts.download_artifacts(source, dst_path=str(folder)))
    except (MlflowException, OSError) as error:
        raise UserError(
            f"{source} can't be fetched: {reason_of(error)}; where the version's files are gone, `make run` "
            "registers the last run's network again, and `python -m pipeline promote` makes another champion"
        ) from None


def reason_of(error: MlflowException | OSError) -> str:
    """The first reason that MLflow gives for files that it couldn't fetch, each under a heading."""
    return str(error).rpartition("#####\n")[2].partition("\n")[0]


def set_tags(client: MlflowClient, name: str, version: int, tags: Mapping[str, Any]) -> None:
    """Tags of a version, as text."""
    for key, value in tags.items():
        client.set_model_version_tag(name, str(version), key, str(value))


def describe(client: MlflowClient, name: str, version: int, text: str) -> None:
    """Sets the description of the version, and of its model if that has none; MLflow renders Markdown."""
    client.update_model_version(name, str(version), text)
    if not client.get_registered_model(name).description:
        client.update_registered_model(
            name,
            f"Recurrent networks that label the reviews of {name.removeprefix(NAME_PREFIX)}. "
            f"`models:/{name}@{CHAMPION}` is the one to use; the description of a version is its model card.",
        )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Lets one process after the other move aliases, where the store is a file on this machine.

    A server has no such lock; there, :func:`crown` looks again after a move.
    """
    uri = mlflow.get_registry_uri()
    if not uri.startswith(SQLITE):
        yield
        return
    store = sqlite_file(uri)
    if store.parent.name.startswith(READ_ONLY):
        raise UserError(f"{project_folder() / store.name} can't be written to")
    with FileLock(f"{store}.champion.lock"):
        yield


def promote(client: MlflowClient, version: ModelVersion) -> ModelVersion | None:
    """Makes ``version`` champion; returns who was before.

    Raises:
        UserError: if it is champion already.
    """
    with _plain_errors(), one_at_a_time():
        champion = find_champion(client, version.name)
        if _number(champion) == _number(version):
            raise UserError(f"version {version.version} of {version.name} is the champion already")
        crown(client, version.name, int(version.version), champion)
        set_tags(client, version.name, int(version.version), {DECISION_TAG: "promoted by hand"})
        return champion


def rollback(client: MlflowClient, name: str) -> tuple[ModelVersion, ModelVersion]:
    """Makes the champion's predecessor champion again; returns who was champion and who is.

    Versions that were deleted meanwhile are passed over.

    Raises:
        UserError: if there is no champion, or none before it.
    """
    with _plain_errors(), one_at_a_time():
        champion = find_champion(client, name)
        if champion is None:
            raise UserError(f"{name} has no champion to roll back; `registry` lists what there is")
        history = champions_so_far(client, name)
        existing = {str(version.version) for version in list_versions(name)} - {str(champion.version)}
        places = [place for place, number in enumerate(history[:-1]) if number in existing]
        if not places:
            raise UserError(f"{name}: no champion is recorded before version {champion.version}")
        restored = history[places[-1]]
        client.set_registered_model_alias(name, CHAMPION, restored)
        client.set_registered_model_tag(name, HISTORY_TAG, ",".join(history[: places[-1] + 1]))
        set_tags(client, name, int(restored), {DECISION_TAG: f"rolled back from version {champion.version}"})
        return champion, client.get_model_version(name, restored)


def crown(
    client: MlflowClient,
    name: str,
    version: int,
    before: ModelVersion | None,
    expected: list[str] | None = None,
) -> bool:
    """Moves the alias from ``before`` and records who had it; returns whether ``version`` is champion now.

    MLflow moves an alias without asking where it was. So the champion is looked up just before the move, and
    the record of champions just after. ``expected`` are the champions so far as they were when ``version``
    was found to be the better one: if others are recorded now, another version was crowned meanwhile, and
    keeps the alias or gets it back.
    """
    if expected is not None and _number(find_champion(client, name)) != _number(before):
        return False
    client.set_registered_model_alias(name, CHAMPION, str(version))
    history = champions_so_far(client, name)
    if expected is not None and history and history != expected:
        client.set_registered_model_alias(name, CHAMPION, history[-1])
        return False
    if before is not None:
        if history[-1:] != [str(before.version)]:  # the alias was moved by other means
            history.append(str(before.version))
        set_tags(client, name, version, {PREVIOUS_TAG: before.version})
    history.append(str(version))
    client.set_registered_model_tag(name, HISTORY_TAG, ",".join(history[-_HISTORY_LENGTH:]))
    if CHALLENGER in aliases(client, name).get(str(version), []):
        client.delete_registered_model_alias(name, CHALLENGER)
    return _number(find_champion(client, name)) == version


def _number(version: ModelVersion | None) -> int | None:
    return int(version.version) if version else None
