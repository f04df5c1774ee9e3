"""Spreads the fits over processes of this machine; what is finished is on disk, so any of them may end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from pipeline.depth.grid import Fit
from pipeline.depth.records import Record, read_records
from pipeline.params import Params
from pipeline.runtime.cores import available_cores, share_cores, start_on, worker_count
from pipeline.runtime.errors import UserError

# TensorFlow keeps the compiled code of every network that a process ever fitted: so a process fits few, and
# memory stays flat.
FITS_A_PROCESS = 8
POLL_SECONDS = 0.2  # the most that a process waits for its next fit

OnRecord = Callable[[Record], None]


def run_fits(params: Params, folder: Path, missing: Sequence[Fit], on_record: OnRecord) -> None:
    """Keeps ``depth_study.workers`` processes at the fits, each on its own cores, until all are finished.

    Args:
        params: ``depth_study.workers`` is read.
        folder: where the processes write the records.
        missing: what to fit, in this order.
        on_record: called with each record as it appears.

    Raises:
        UserError: if a worker failed or was killed, or made other records than these.
    """
    shares = share_cores(available_cores(), worker_count(params.depth_study.workers))
    waiting, unseen = list(missing), set(missing)
    workers = [_Worker(cores) for cores in shares[: len(missing)]]
    try:
        while True:
            for place, worker in enumerate(workers):
                if waiting and worker.has_ended():
                    workers[place] = _Worker(shares[place])
                workers[place].feed(waiting, unseen)
            ended = all(worker.has_ended() for worker in workers)  # before the look for their last records
            for fit, record in read_records(folder, sorted(unseen)).items():
                unseen.remove(fit)
                on_record(record)
            if ended and not waiting:
                break
            time.sleep(POLL_SECONDS)
    finally:
        for worker in workers:
            worker.end()
    if unseen:
        raise UserError(
            f"{len(unseen)} fits are missing, though their workers ended well: params.yaml, data/padded or "
            "the code was changed meanwhile; the same command goes on"
        )


class _Worker:
    """A process that fits what its standard input names, a line each; it ends with its input."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._process = start_on(cores, ["study-depth", "--worker"], stdin=subprocess.PIPE)
        self._input = cast(IO[bytes], self._process.stdin)
        self._given: list[Fit] = []

    def feed(self, waiting: list[Fit], unseen: Collection[Fit]) -> None:
        """Names the next of ``waiting`` once the record of the last is there; ends the input after enough.

        Args:
            waiting: what no process was given; fits are taken from its front.
            unseen: what has no record yet.
        """
        is_idle = not self._given or self._given[-1] not in unseen
        with suppress(BrokenPipeError):  # it was killed or failed, which ``has_ended`` tells
            if waiting and is_idle and len(self._given) < FITS_A_PROCESS:
                self._given.append(waiting.pop(0))
                self._input.write(f"{self._given[-1].name}\n".encode())
                self._input.flush()
            if not waiting or len(self._given) == FITS_A_PROCESS:
                self._input.close()

    def has_ended(self) -> bool:
        """Whether it may be followed by the next.

        Raises:
            UserError: if it failed or was killed.
        """
        status = self._process.poll()
        if status is not None and status > 0:
            raise UserError("a worker failed; its message stands above")
        if status is not None and status < 0:
            raise UserError(
                f"a worker was killed ({signal.Signals(-status).name}), perhaps for memory: lower "
                "depth_study.workers; finished fits are kept, and the same command goes on"
            )
        return status == 0

    def end(self) -> None:
        """Ends it at once, whatever it is at."""
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):
            self._input.close()
