"""How many cores this process has, and what keeps libraries from taking more."""

from __future__ import annotations

import os

from joblib import cpu_count

THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "NPROC",  # JAX's
)


def cores() -> int:
    """The cores this process may use: a container's CPU quota and its affinity count, not the machine's."""
    return int(cpu_count())


def hold_threads_to_cores() -> None:
    """Where a quota leaves fewer cores than a library would count, tells those that read it at their start.

    Elsewhere, and where a user or the process that started this one has set a number, it changes nothing.
    """
    counted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores() < counted:
        for name in THREAD_LIMITS:
            os.environ.setdefault(name, str(cores()))
