"""Where studies lie: a journal file, or a database that others look into. One process writes a study.

Two things are added to Optuna's journal file, so that it lives through SIGKILL and power cuts: the lock is
one that the kernel releases with its owner, and a line that was torn while it was written is cut off before
the next one is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import sqlalchemy.exc
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.paths import anchor, project_folder, store_address


def studies_folder() -> Path:
    """The embedded studies and the kept networks; git ignores it, and no stage's output lies in it."""
    return project_folder() / "studies"


def open_storage(params: Params) -> BaseStorage:
    """Opens ``tune.storage``, creating what isn't there: a journal file, or a database by its URL.

    Raises:
        UserError: if it can't be reached or read, or is MLflow's store; the message names it.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    configured = params.tune.storage
    if configured is None or "://" not in configured:
        return _open_journal(project_folder() / (configured or "studies/journal.log"))
    address = anchor(configured)
    if address == store_address(params.mlflow.tracking_uri):
        raise UserError(
            f"tune.storage is {configured}, which is MLflow's store too; both call a table of theirs alike: "
            "give the study a database of its own, such as sqlite:///studies.db"
        )
    return _open_database(address)


@contextmanager
def hold(folder: Path, name: str) -> Iterator[None]:
    """Holds the study whose networks lie in ``folder``; the kernel lets it go with its owner.

    Raises:
        UserError: if another process of this machine holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        acquired = FileLock(folder / "lock").acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"study {name} is run by another process of this machine: wait until that has ended"
        ) from None
    with acquired:
        yield


class KernelLock(JournalFileOpenLock):
    """A lock that ends with its owner, whatever ends the owner; Optuna's own has to be waited out."""

    def __init__(self, journal: Path) -> None:
        self._journal, self._lock = journal, FileLock(f"{journal}.lock")

    def acquire(self) -> bool:
        """Waits for the lock; then no one else writes, and a last line without an end was torn: cut it."""
        self._lock.acquire()
        with self._journal.open("rb+") as file:
            start = size = file.seek(0, os.SEEK_END)
            newline = -1
            while start > 0 and newline < 0:
                end, start = start, max(0, start - 4096)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
            if start + newline + 1 < size:
                file.truncate(start + newline + 1)
        return True

    def release(self) -> None:
        """Lets the next process in."""
        self._lock.release()


def _open_journal(path: Path) -> BaseStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), KernelLock(path)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"tune.storage: {path} can't be used as a study's journal ({type(error).__name__}: {error}): "
            "give another path, or move the file away"
        ) from None


def _open_database(url: str) -> BaseStorage:
    driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
    is_file = url.startswith("sqlite:")
    options = {"pool_pre_ping": True, "connect_args": {} if is_file else {"connect_timeout": 5}}  # seconds
    try:
        return RDBStorage(driver, engine_kwargs=options)
    except ImportError:
        raise UserError(
            f"tune.storage is {url}, but its driver isn't installed: pip install '.[postgresql]'"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        advice = "give another file" if is_file else "start the server, or correct tune.storage"
        reason = " ".join(str(error).split("\n(Background")[0].split())
        raise UserError(f"tune.storage: {url} can't be opened: {reason}; {advice}") from None
