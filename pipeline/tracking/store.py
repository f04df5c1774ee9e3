"""Where MLflow keeps what it is told: a tracking server, or a SQLite file in the project's folder."""

from __future__ import annotations

import atexit
import inspect
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import mlflow
import requests
import sqlalchemy.exc
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import uninterrupted
from pipeline.runtime.paths import SQLITE, project_folder, sqlite_address, sqlite_file, store_address

CONNECT_TIMEOUT = 5.0  # seconds
READ_ONLY = "mlflow-read-only-"
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_QUIET = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"  # else two long lines a trial, on a server
_WHERE = "MLFLOW_TRACKING_URI, or mlflow.tracking_uri in params.yaml"

# Where MLflow 3 keeps addresses of artifacts. A version's `source` may be models:/..., which has no folder.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
EXPERIMENT, REGISTERED_MODEL = "the experiment", "the registered model"
_NAMED_BY = {EXPERIMENT: "mlflow.experiment", REGISTERED_MODEL: "data.name"}


class RefusedError(UserError):
    """A tracking server lets this user read something, but not change it, or not even read it."""


@contextmanager
def plain_errors(uri: str, subject: str = EXPERIMENT) -> Iterator[None]:
    """A store that fails is a ``UserError``; a server that wants rights to ``subject``, a ``RefusedError``.

    After a loss, what is still to be told the server is tried once.
    """
    goes_on = "and the same command goes on; finished trials are kept"
    try:
        yield
    except MlflowException as error:
        loss, unavailable = error.__context__, error.error_code == "TEMPORARILY_UNAVAILABLE"
        is_lost = isinstance(loss, requests.RequestException)
        if is_lost:
            os.environ[_RETRIES] = "0"
        if uri.startswith("http") and (unavailable or error.error_code == "INTERNAL_ERROR"):
            answers = not is_lost or isinstance(loss, requests.exceptions.RetryError)
            how = "answers with an error: see its log, put it right" if answers else "is lost: start it"
            raise UserError(f"the MLflow tracking server {uri} {how}, {goes_on}") from None
        if unavailable:  # what MLflow says where the disk is full, or another process holds the file
            reason = str(error).partition("\n")[0].partition(") ")[2]
            raise UserError(f"the MLflow tracking store {uri}: {reason}: put it right, {goes_on}") from None
        if error.error_code != "PERMISSION_DENIED":
            raise
        user = get_default_host_creds(uri).username  # type: ignore[no-untyped-call]
        raise RefusedError(
            f"the MLflow tracking server {uri} doesn't let {user or 'you'} change {subject}: ask its owner "
            f"for the permission EDIT, or set another {_NAMED_BY[subject]}"
        ) from None


class Client(MlflowClient):
    """MLflow's client, whose calls Ctrl-C doesn't cut short and whose refusals are those of ``plain_errors``.

    A KeyboardInterrupt inside SQLAlchemy can leave a SELECT open. In the SQLite store nobody can write then,
    this process neither, until it ends.
    """

    def __getattribute__(self, name: str) -> Any:
        """The attribute; a public method is held together by ``uninterrupted``."""
        value = super().__getattribute__(name)
        if not inspect.ismethod(value) or name.startswith("_"):
            return value
        subject = REGISTERED_MODEL if "model" in name else EXPERIMENT
        return uninterrupted()(plain_errors(super().__getattribute__("tracking_uri"), subject)(value))


def tracking_uri(params: Params) -> str:
    """The store that ``params`` and the environment name: see :func:`store_address`."""
    return store_address(params.mlflow.tracking_uri)


def settle_address(params: Params) -> None:
    """Under `mlflow run`: gives the processes started from here the address as it is meant.

    Where that holds %20 for a blank, MLflow has made an empty folder of the quoted name, which is taken away.
    """
    given, meant = os.environ.get("MLFLOW_TRACKING_URI", ""), tracking_uri(params)
    os.environ["MLFLOW_TRACKING_URI"] = meant
    quoted = Path(given.removeprefix(SQLITE))
    if not given.startswith(SQLITE) or quoted == sqlite_file(meant):
        return
    stray = quoted.parent
    with suppress(OSError):  # not empty: somebody uses it
        while "%" in str(stray):
            stray.rmdir()
            stray = stray.parent


def connect(params: Params) -> MlflowClient:
    """Points MLflow at the tracking store and returns a client.

    Raises:
        UserError: if there is no tracking server, or none that answers in ``CONNECT_TIMEOUT`` seconds; if the
            store can't be opened.
    """
    uri = tracking_uri(params)
    if uri.startswith(SQLITE) and "%" in mlflow.__file__:  # Alembic, of MLflow's, reads it as a reference
        raise UserError(
            f"MLflow can't use a database from {Path(mlflow.__file__).parent}: rename folders, so that there "
            "is no % in its path, and make the environment again"
        )
    os.environ.setdefault(_QUIET, "true")
    if uri.startswith(("http://", "https://")):
        _ask_server(uri)
    try:
        if uri.startswith(SQLITE):
            database = sqlite_file(uri)
            if not database.exists():
                _make_store(database)
            elif database.parent == project_folder():
                uri = sqlite_address(follow_folder(database))
            else:  # MLflow would try for minutes to open one that can't be
                with closing(sqlite3.connect(database)) as connection:
                    connection.execute("PRAGMA schema_version")
        client = Client(uri)
        client.search_experiments(max_results=1)
    except (MlflowException, sqlite3.DatabaseError, sqlalchemy.exc.OperationalError) as error:
        reason = str(error).partition("\n")[0].partition(" See http")[0].strip().rstrip(".")
        raise UserError(
            f"the MLflow tracking store {uri} can't be opened: {reason}; give {_WHERE}, "
            f"null, http(s)://HOST, {SQLITE}FILE, or the address of another database that MLflow knows"
        ) from None
    mlflow.set_tracking_uri(uri)
    return client


def _ask_server(uri: str) -> None:
    """Asks for one experiment, once, as MLflow's client does: with its certificates, passwords and tokens.

    The client itself would try again for minutes, and then show the page that another server answered with.
    """
    try:
        answer = http_request(  # type: ignore[no-untyped-call]
            get_default_host_creds(uri),  # type: ignore[no-untyped-call]
            "/api/2.0/mlflow/experiments/search",
            "GET",
            max_retries=0,
            timeout=CONNECT_TIMEOUT,
            raise_on_status=False,
            params={"max_results": 1},
        )
    except MlflowException as error:
        reason = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            said = (
                f"the certificate of the MLflow tracking server {uri} is not trusted: give its authority's "
                "file in MLFLOW_TRACKING_SERVER_CERT_PATH"
            )
        elif "SOCKS" in reason:
            said = f"{uri} is to be reached through a SOCKS proxy, which needs more: pip install pysocks"
        else:
            late = "timeout" in reason or "timed out" in reason
            cause = "no answer in time" if late else "no connection"
            said = (
                f"the MLflow tracking server {uri} can't be reached ({cause}): start it, or correct {_WHERE}"
            )
        raise UserError(said) from None
    status, host = answer.status_code, urlsplit(uri).hostname
    proxy = requests.utils.get_environ_proxies(uri).get(urlsplit(uri).scheme)
    through = f"; the proxy {proxy} may be what answers: to go round it, set NO_PROXY={host}" if proxy else ""
    if status in (401, 403):
        raise UserError(
            f"the MLflow tracking server {uri} refuses access ({status}): give MLFLOW_TRACKING_USERNAME and "
            f"MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN{through}"
        )
    if status >= 500:
        raise UserError(f"the MLflow tracking server {uri} answers with {status}: see its log{through}")
    if not answer.ok or "json" not in answer.headers.get("Content-Type", ""):
        raise UserError(
            f"{uri} answers, but not as an MLflow tracking server does (status {status}): "
            f"correct {_WHERE}{through}"
        )


def _make_store(path: Path) -> None:
    """A new SQLite store, whole or not at all: one killed while its tables are made could never be opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock")):
        if path.exists():  # another process was first
            return
        with tempfile.TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as folder:
            temporary = Path(folder) / path.name
            MlflowClient(sqlite_address(temporary)).search_experiments(max_results=1)
            temporary.replace(path)


def follow_folder(database: Path) -> Path:
    """Points the addresses in ``database``, the store in a project's folder, to where that lies now.

    The folder may have been moved, renamed or copied, and MLflow keeps absolute addresses of artifacts. It
    has no call that changes them; its maintainers recommend to change them in the database. Only addresses
    below ``OLD/mlruns`` are changed, and only where the artifacts have come along, or the old folder is gone.

    Returns:
        The database; where it needs a change and can't be written to, a copy, which nothing is to be written
        to: its folder's name begins with ``READ_ONLY``.
    """
    folder = database.parent
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        former = set(_former_folders(connection, folder))
    if not former:
        return database
    if not os.access(database, os.W_OK):
        copy = Path(tempfile.mkdtemp(prefix=READ_ONLY)) / database.name
        atexit.register(shutil.rmtree, copy.parent, ignore_errors=True)
        database = shutil.copyfile(database, copy)
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        for old in former:
            new = folder.as_uri() if old.startswith("file:") else str(folder)
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - names of ours
                    f"WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + len("/mlruns/"), f"{old}/mlruns/"),
                )
    return database


def leave_copy() -> None:
    """Removes the copy that ``follow_folder`` has made, if it has: no more is asked of the store."""
    folder = sqlite_file(mlflow.get_tracking_uri()).parent
    if folder.name.startswith(READ_ONLY):
        shutil.rmtree(folder)


def _former_folders(connection: sqlite3.Connection, folder: Path) -> Iterator[str]:
    """The project folders, as a path or a file: URI, in which experiments keep artifacts and we are not."""
    rows = connection.execute("SELECT experiment_id, name, artifact_location FROM experiments")
    for identity, name, location in rows:
        for tail in (f"/mlruns/{name}", f"/mlruns/{quote(name)}", f"/mlruns/{identity}"):
            if not location.endswith(tail):
                continue
            root = location.removesuffix(tail)
            old = Path(unquote(urlsplit(root).path) if root.startswith("file:") else root)
            came_along = (folder / "mlruns").exists() or not (old / "mlruns").exists()
            if old.resolve() != folder.resolve() and came_along:
                yield root
            break
