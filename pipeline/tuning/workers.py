"""Several processes of this machine on one study, each on its own cores."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence

from pipeline.runtime.cores import available_cores, share_cores, start_on, worker_count
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption
from pipeline.tuning.study import FINISHED, Study
from pipeline.tuning.trials import POLL_SECONDS, Observer

# TensorFlow keeps the compiled code of every network that a process ever fitted, about 15 MB of each: so a
# process runs few trials, and memory stays flat over a study of any length.
TRIALS_A_PROCESS = 6


def needs_workers(study: Study) -> bool:
    """Whether the trials are run by other processes: several at once, or more than one process should run."""
    missing = study.trials_wanted - len(study.trials(*FINISHED))
    return missing > 0 and (worker_count(study.params.tune.workers) > 1 or missing > TRIALS_A_PROCESS)


def run_workers(study: Study, observer: Observer, interruption: Interruption) -> None:
    """Keeps ``tune.workers`` processes of ``python -m pipeline worker`` at the study until it has enough.

    One that has run its ``TRIALS_A_PROCESS`` is followed by a fresh one. One that was killed isn't: the
    others take its trial over.

    Raises:
        KeyboardInterrupt: if ``interruption`` was requested, after the workers have ended.
        UserError: if a worker failed, or all were killed.
    """
    shares = share_cores(available_cores(), worker_count(study.params.tune.workers))
    workers = [_start(cores) for cores in shares]
    told_to_stop = False
    try:
        while any(worker.poll() is None for worker in workers):
            time.sleep(POLL_SECONDS)
            stop = interruption.requested or any((worker.poll() or 0) > 0 for worker in workers)
            if stop and not told_to_stop:
                _tell_to_stop(workers)
                told_to_stop = True
            for place, worker in enumerate(workers):
                if worker.poll() == 0 and not stop and study.room() != "none":
                    workers[place] = _start(shares[place])
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    for number in study.reclaim():
        observer.lost(number)
    if interruption.requested:
        raise KeyboardInterrupt
    if any(worker.returncode > 0 for worker in workers):
        raise UserError("a worker failed; its message stands above")
    if all(worker.returncode < 0 for worker in workers):
        names = {signal.Signals(-worker.returncode).name for worker in workers}
        raise UserError(
            f"all workers here were killed ({', '.join(sorted(names))}), perhaps for memory: lower "
            "tune.workers; the study is kept, and the same command goes on with it"
        )


def _start(cores: Sequence[int]) -> subprocess.Popen[bytes]:
    return start_on(cores, ["worker", "--coordinator", str(os.getpid())])


def _tell_to_stop(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(signal.SIGTERM)
