"""Several processes of this machine side by side, each on its own cores."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def available_cores() -> list[int]:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def worker_count(workers: int | Literal["auto"]) -> int:
    """``workers``; ``auto`` is one a core, since a small network doesn't use a second one."""
    return len(available_cores()) if workers == "auto" else workers


def share_cores(cores: Sequence[int], workers: int) -> list[list[int]]:
    """The cores of each worker: disjoint shares where there are enough, else one each in turn.

    ``share_cores([0, 1, 2, 3, 4], 2) == [[0, 2, 4], [1, 3]]``
    """
    if workers >= len(cores):
        return [[cores[worker % len(cores)]] for worker in range(workers)]
    return [list(cores[worker::workers]) for worker in range(workers)]


def start_on(
    cores: Sequence[int], arguments: Sequence[str], stdin: int | None = None
) -> subprocess.Popen[bytes]:
    """Starts ``python -m pipeline ARGUMENTS`` on ``cores``, with a thread for each.

    In a session of its own, so that Ctrl-C reaches it once, through the process that started it.

    Args:
        cores: which.
        arguments: a command and its options.
        stdin: as ``subprocess.Popen`` takes it.
    """
    environment = os.environ | dict.fromkeys(THREAD_LIMITS, str(len(cores)))
    with _pinned(cores):
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            env=environment,
            stdin=stdin,
            start_new_session=True,
        )


@contextmanager
def _pinned(cores: Sequence[int]) -> Iterator[None]:
    """A process that is started inside keeps to ``cores``, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
