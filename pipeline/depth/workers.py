"""Spreads the fits over processes of this machine; what is finished is on disk, so any of them may end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.cores import available_cores, share_cores, start_on, worker_count
from pipeline.depth.grid import Fit
from pipeline.depth.records import Record, read_records
from pipeline.params import Params

# TensorFlow keeps the compiled code of every network that a process ever fitted: so a process fits few, and
# memory stays flat.
FITS_A_PROCESS = 8
POLL_SECONDS = 0.5

OnRecord = Callable[[Record], None]


def run_fits(params: Params, folder: Path, missing: Sequence[Fit], on_record: OnRecord) -> None:
    """Keeps ``depth_study.workers`` processes at the fits, each on its own cores, until all are finished.

    Args:
        params: ``depth_study.workers`` is read.
        folder: where the processes write the records.
        missing: what to fit, in this order.
        on_record: called with each record as it appears.

    Raises:
        ValueError: if a worker failed or was killed, or made other records than these.
    """
    shares = share_cores(available_cores(), worker_count(params.depth_study.workers))
    waiting, unseen = list(missing), set(missing)
    workers: list[subprocess.Popen[bytes] | None] = [None] * len(shares)
    try:
        while True:
            for place, cores in enumerate(shares):
                if _has_ended(workers[place]) and waiting:
                    workers[place] = _start(cores, _next_chunk(waiting, len(shares)))
            ended = all(_has_ended(worker) for worker in workers)  # before the look for their last records
            for fit, record in read_records(folder, sorted(unseen)).items():
                unseen.remove(fit)
                on_record(record)
            if ended and not waiting:
                break
            time.sleep(POLL_SECONDS)
    finally:
        for worker in filter(None, workers):
            worker.kill()
            worker.wait()
    if unseen:
        raise ValueError(
            f"{len(unseen)} fits are missing, though their workers ended well: params.yaml, data/padded or "
            "the code was changed meanwhile; the same command goes on"
        )


def _next_chunk(waiting: list[Fit], workers: int) -> list[Fit]:
    """Takes the next fits for one process: fewer towards the end, so that the workers end together."""
    size = max(1, min(FITS_A_PROCESS, len(waiting) // (2 * workers)))
    chunk = waiting[:size]
    del waiting[:size]
    return chunk


def _has_ended(worker: subprocess.Popen[bytes] | None) -> bool:
    """Whether a worker may be followed by the next.

    Raises:
        ValueError: if it failed or was killed.
    """
    if worker is None:
        return True
    status = worker.poll()
    if status is not None and status > 0:
        raise ValueError("a worker failed; its message stands above")
    if status is not None and status < 0:
        raise ValueError(
            f"a worker was killed ({signal.Signals(-status).name}), perhaps for memory: lower "
            "depth_study.workers; finished fits are kept, and the same command goes on"
        )
    return status == 0


def _start(cores: Sequence[int], fits: Sequence[Fit]) -> subprocess.Popen[bytes]:
    names = ",".join(fit.name for fit in fits)
    return start_on(cores, ["study-depth", "--fits", names, "--coordinator", str(os.getpid())])
