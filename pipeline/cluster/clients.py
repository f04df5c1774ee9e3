"""The way to a Dask scheduler: one of this process' own with workers on this machine, or a user's."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dask
from distributed import Client, LocalCluster

from pipeline.runtime.cores import THREAD_LIMITS, cores
from pipeline.runtime.errors import UserError

CONNECT_TIMEOUT = 10  # seconds
# Deaths of its workers after which a job is given up; one that is too large for the memory kills each.
ALLOWED_DEATHS = 5


@contextmanager
def start_local(processes: int) -> Iterator[Client]:
    """A scheduler on loopback and ``processes`` workers of this machine, which share its cores.

    The workers are children that end with this process, whatever ends it. Ctrl-C is for this process alone:
    a signal that is blocked here while threads and processes start stays blocked in these.
    """
    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(
            THREAD_LIMITS, str(max(1, cores() // processes))
        ),
    }
    with dask.config.set(settings), tempfile.TemporaryDirectory(prefix="pipeline-") as folder:
        with _blocked(signal.SIGINT):
            cluster = LocalCluster(
                n_workers=processes,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,  # the user's `workers` decide, not a share of the memory
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
            client = Client(cluster)
        try:
            yield client
        finally:
            client.close()
            with suppress(TimeoutError):
                cluster.close(timeout=5)


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """The scheduler at ``address``, which a user started.

    Raises:
        UserError: if it doesn't answer.
    """
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise UserError(
            f"cluster.address: no Dask scheduler answers at {address} ({type(error).__name__}): start one "
            "(docs/scale-out.md), or set cluster.address to null"
        ) from None
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _blocked(number: int) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
