"""Which tracking store is meant; found without importing MLflow, which takes seconds."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from pipeline.runtime.paths import project_folder

SQLITE = "sqlite:///"


def store_address(configured: str | None) -> str:
    """MLFLOW_TRACKING_URI, else ``configured``, else mlflow.db in the project's folder.

    A relative SQLite address means the project's folder: a stage of `dvc exp run --temp` works in another,
    which is deleted afterwards.
    """
    configured = os.environ.get("MLFLOW_TRACKING_URI") or configured
    if configured is None:
        return f"{SQLITE}{project_folder()}/mlflow.db"
    if not configured.startswith(SQLITE):
        return configured
    path = Path(configured.removeprefix(SQLITE))
    unquoted = Path(unquote(str(path)))  # `mlflow run` writes a blank in its folder's path as %20
    if not path.exists() and unquoted.parent.exists():
        path = unquoted
    return f"{SQLITE}{project_folder() / path}"
