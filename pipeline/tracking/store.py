"""Where MLflow keeps what it is told: a tracking server, or a SQLite file in the project's folder."""

from __future__ import annotations

import inspect
import os
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import requests
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.params import Params
from pipeline.runtime.interruption import uninterrupted
from pipeline.runtime.paths import project_folder

CONNECT_TIMEOUT = 5.0  # seconds


class Client(MlflowClient):
    """MLflow's client, whose calls Ctrl-C doesn't cut short.

    A KeyboardInterrupt inside SQLAlchemy can leave a SELECT open. In the SQLite store nobody can write then,
    this process neither, until it ends.
    """

    def __getattribute__(self, name: str) -> Any:
        """The attribute; a public method is held together by ``uninterrupted``."""
        value = super().__getattribute__(name)
        return uninterrupted()(value) if inspect.ismethod(value) and not name.startswith("_") else value


def tracking_uri(params: Params) -> str:
    """MLFLOW_TRACKING_URI, else mlflow.tracking_uri, else mlflow.db in the project's folder."""
    configured = os.environ.get("MLFLOW_TRACKING_URI") or params.mlflow.tracking_uri
    return configured or f"sqlite:///{project_folder()}/mlflow.db"


def connect(params: Params) -> MlflowClient:
    """Points MLflow at the tracking store and returns a client.

    Raises:
        ValueError: if the server doesn't answer in ``CONNECT_TIMEOUT`` seconds, or the store can't be opened.
    """
    uri = tracking_uri(params)
    if uri.startswith(("http://", "https://")):
        try:
            requests.get(f"{uri.rstrip('/')}/health", timeout=CONNECT_TIMEOUT)
        except requests.RequestException as error:
            raise ValueError(
                f"the MLflow tracking server {uri} can't be reached ({type(error).__name__}): "
                "start it, or mend MLFLOW_TRACKING_URI or mlflow.tracking_uri in params.yaml"
            ) from None
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        _make_store(Path(uri.removeprefix("sqlite:///")))
    mlflow.set_tracking_uri(uri)
    client = Client(uri)
    try:
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise ValueError(f"the MLflow tracking store {uri} can't be opened: {error.message}") from None
    return client


def _make_store(path: Path) -> None:
    """A new SQLite store, whole or not at all: one killed while its tables are made could never be opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        if path.exists():  # another process was first
            return
        with tempfile.TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            MlflowClient(f"sqlite:///{temporary}").search_experiments(max_results=1)
            temporary.replace(path)
