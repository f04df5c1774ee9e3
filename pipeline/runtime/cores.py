"""How many cores this process has, and what keeps libraries from taking more."""

from __future__ import annotations

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
