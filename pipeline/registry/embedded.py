"""A version's classifier looked up in the embedded store itself: `import mlflow` alone takes longer than the
rest of `predict TEXT`.

Only what is certain is answered from here. Where anything is not as this module knows it (another kind of
store, tables of another MLflow, artifacts elsewhere, a version without ONNX) the answer is None, and MLflow
is asked, which also has the words for what is wrong.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pipeline.registry.names import parse_uri
from pipeline.runtime.paths import SQLITE
from pipeline.serving.classifier import CLASSIFIER, NETWORK

REVISION = "dc11669786a5"  # of the tables, by alembic: MLflow 3.17's
_ELSEWHERE = ("MLFLOW_REGISTRY_URI", "MLFLOW_WORKSPACE")  # MLflow looks there, and not in the store we know
_LOCATION = """
    SELECT name, version, storage_location FROM model_versions
    WHERE workspace = 'default' AND current_stage <> 'Deleted_Internal' AND name = :name AND version = (
        CASE WHEN :alias = '' THEN CAST(:number AS INTEGER) ELSE (
            SELECT version FROM registered_model_aliases
            WHERE workspace = 'default' AND name = :name AND alias = :alias
        ) END
    )
"""


class Found(NamedTuple):
    """A version on this machine.

    Attributes:
        name: of the registered model.
        version: its number.
        folder: the classifier, to be read only.
    """

    name: str
    version: int
    folder: Path


def find_classifier(store: str, uri: str) -> Found | None:
    """The version that ``uri`` names in ``store``; None where MLflow has to be asked.

    Args:
        store: the address of the tracking store.
        uri: models:/NAME/VERSION or models:/NAME@ALIAS.

    Raises:
        UserError: if ``uri`` has another form.
    """
    name, alias, number = parse_uri(uri)
    database = Path(store.removeprefix(SQLITE))
    if not store.startswith(SQLITE) or any(os.environ.get(variable) for variable in _ELSEWHERE):
        return None
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(REVISION,)]:
                return None
            row = connection.execute(_LOCATION, {"name": name, "alias": alias, "number": number}).fetchone()
    except sqlite3.Error:  # no such file, not a database, locked: MLflow says which
        return None
    return _on_disk(database, *row) if row and row[2] else None


def _on_disk(database: Path, name: str, version: int, location: str) -> Found | None:
    """The version, if its files lie beside the store; elsewhere they may be a moved project's old ones."""
    address = urlsplit(location)
    folder = Path(unquote(address.path)) / "artifacts" / CLASSIFIER
    beside = folder.is_relative_to(database.resolve().parent / "mlruns")
    return Found(name, version, folder) if beside and (folder / NETWORK).is_file() else None
