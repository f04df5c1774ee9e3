"""How many cores this process has, and what keeps libraries from taking more."""

from __future__ import annotations

import os

THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # JAX's
)


def cores() -> int:
    """The cores this process may use: a container's CPU quota and its affinity count, not the machine's.

    Beside an exported model, which needs no joblib, the quota is not known.
    """
    try:
        from joblib import cpu_count  # noqa: PLC0415 - may be missing
    except ImportError:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(cpu_count())


def hold_threads_to_cores() -> None:
    """Where a quota leaves fewer cores than a library would count, tells those that read it at their start.

    Elsewhere, and where a user or the process that started this one has set a number, it changes nothing.
    """
    counted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores() < counted:
        for name in THREAD_LIMITS:
            os.environ.setdefault(name, str(cores()))


def threads() -> int:
    """How many threads this process may compute with: OMP_NUM_THREADS where it is set, else one a core.

    A server and a pool of processes set it to the share of each of their processes.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() and int(limit) > 0 else cores()
