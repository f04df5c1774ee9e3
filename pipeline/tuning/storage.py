"""Where studies lie: a journal file (one machine) or PostgreSQL (several).

The embedded default is Optuna's journal file, since SQLite locks under several writers. Two things are
added to it, so that it lives through SIGKILL and power cuts: the lock is one that the kernel releases with
its owner, and a line that was torn while it was written is cut off before the next one is.
"""

from __future__ import annotations

import fcntl
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
import sqlalchemy.exc
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial

from pipeline.runtime.errors import UserError
from pipeline.runtime.paths import project_folder

CONNECT_TIMEOUT = 5  # seconds
HEARTBEAT_INTERVAL = 10  # seconds
GRACE_PERIOD = 60  # seconds without a heartbeat until a trial on another machine counts as lost
_ADVISORY_LOCK = 7_386_001  # any number that no other user of the database locks

OnStale = Callable[[optuna.Study, FrozenTrial], None]


def studies_folder() -> Path:
    """The embedded studies and the kept networks; git ignores it, and no stage's output lies in it."""
    return project_folder() / "studies"


def open_storage(configured: str | None, on_stale: OnStale) -> BaseStorage:
    """Opens ``tune.storage``, creating what isn't there.

    Args:
        configured: null, a path relative to the project's folder, or a PostgreSQL URL.
        on_stale: called with each trial whose machine sent no heartbeat for ``GRACE_PERIOD`` seconds.

    Raises:
        UserError: if it can't be reached or read; the message names it.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if configured is not None and "://" in configured:
        return _open_postgresql(configured, on_stale)
    return _open_journal(project_folder() / (configured or "studies/journal.log"))


class KernelLock(JournalFileOpenLock):
    """A lock that ends with its owner, whatever ends the owner; Optuna's own has to be waited out."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._descriptor = -1

    def acquire(self) -> bool:
        """Waits for the lock; then no one else writes, and a last line without an end was torn: cut it."""
        self._descriptor = os.open(f"{self._journal}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        _cut_torn_line(self._journal)
        return True

    def release(self) -> None:
        """Lets the next process in."""
        os.close(self._descriptor)


def _cut_torn_line(journal: Path) -> None:
    with journal.open("rb+") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 4096)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def _open_journal(path: Path) -> BaseStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path), KernelLock(path)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"tune.storage: {path} can't be used as a study's journal ({type(error).__name__}: {error}): "
            "give another path, or move the file away"
        ) from None


def _open_postgresql(url: str, on_stale: OnStale) -> BaseStorage:
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    options = {"connect_args": {"connect_timeout": CONNECT_TIMEOUT}, "pool_pre_ping": True}
    try:
        with _one_at_a_time(url, options), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return RDBStorage(
                url,
                engine_kwargs=options,
                heartbeat_interval=HEARTBEAT_INTERVAL,
                grace_period=GRACE_PERIOD,
                heartbeat_stale_trial_callback=on_stale,
            )
    except ImportError:
        raise UserError(
            f"tune.storage is {url}, but its driver isn't installed: pip install '.[postgresql]'"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
        reason = " ".join(str(error).split("\n(Background")[0].split())
        raise UserError(
            f"tune.storage: {url} can't be opened: {reason}; start the server, or mend tune.storage"
        ) from None


@contextmanager
def _one_at_a_time(url: str, options: dict[str, Any]) -> Iterator[None]:
    """Held while tables are made: two processes that make them at once would break Optuna's version table."""
    engine = sqlalchemy.create_engine(url, **options)
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})"))
            yield
    finally:
        engine.dispose()  # closing the connection releases the lock
