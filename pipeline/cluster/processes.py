"""Jobs in processes of this machine, each at the end of a pipe; one that dies loses one unfinished job.

``concurrent.futures`` has no place here: where a process dies, it ends the others of its pool too, and a job
has no way to say anything before its end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Self

from pipeline.cluster.jobs import Data, Ended, Heard, Job, JobResult, JobStoppedError
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption, ending_signals
from pipeline.runtime.live import clear_all
from pipeline.runtime.machine import THREAD_LIMITS, cores, gpus

END_SECONDS = 5.0  # for a process that has nothing to do; then it is killed
ALLOWED_DEATHS = 1  # of the processes of a job
# Bytes of a process beyond which a fresh one takes the next job. XLA keeps what it has compiled: of fits of
# IMDb's reviews the first leaves 2 GB and the fourth 3.3; a fresh process takes five seconds to start.
MOST_MEMORY = 1_500_000_000


@dataclass
class _Process:
    process: SpawnProcess
    connection: Connection
    job: Job | None = None
    served: int = 0

    def is_worn(self, jobs_a_process: int) -> bool:
        """Whether a fresh one is to take the next job."""
        import psutil  # noqa: PLC0415 - the image that serves has none

        with suppress(psutil.NoSuchProcess):
            memory = psutil.Process(self.process.pid).memory_info().rss
            return self.served >= jobs_a_process or (self.served > 0 and memory > MOST_MEMORY)
        return False

    def end(self) -> None:
        """Waits for its end: only then is a GPU free again."""
        self.connection.close()
        if self.job is None:
            self.process.join(END_SECONDS)
        self.process.kill()
        self.process.join()


class ProcessPool:
    """Runs jobs in ``count`` processes, which share the cores and end with this one, whatever ends it.

    Args:
        count: of them; each starts with its first job.
        jobs_a_process: after so many a process is started afresh, or after one that leaves MOST_MEMORY.
        data: given to every job, and sent to each process once.
    """

    def __init__(self, count: int, jobs_a_process: int, data: Data) -> None:
        self._count, self._jobs_a_process, self._data = count, jobs_a_process, data
        self._gpus = gpus()
        self._processes: dict[int, _Process] = {}  # by place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.end()

    def run(self, jobs: Iterator[Job], heard: Heard, ended: Ended, interruption: Interruption) -> None:
        """See ``Pool.run``."""
        deaths: Counter[str] = Counter()
        again: list[Job] = []
        while True:
            if interruption.requested:
                while again:
                    ended(again.pop(), JobResult(stopped=True))
            busy = {each.connection: (place, each.job) for place, each in self._processes.items() if each.job}
            for place in sorted(set(range(self._count)) - {place for place, _ in busy.values()}):
                job = again.pop(0) if again else None if interruption.requested else next(jobs, None)
                if job is None:
                    break
                busy[self._give(place, job)] = place, job
            if not busy:
                return
            for connection in wait(list(busy)):
                place, job = busy[connection]  # type: ignore[index]
                if how := self._hear(place, job, heard, ended):
                    deaths[job.key] += 1
                    if deaths[job.key] > ALLOWED_DEATHS:
                        advice = "perhaps for memory; run fewer workers, or smaller networks"
                        ended(job, JobResult(error=UserError(f"its process {how} again: {advice}")))
                    else:
                        clear_all()
                        print(f"{job.key}: its process {how}; it starts again in a fresh one", flush=True)
                        again.append(job)

    def _give(self, place: int, job: Job) -> Connection:
        process = self._processes.get(place)
        if process and process.is_worn(self._jobs_a_process):
            process.end()
            process = None
        if process is None:
            process = self._processes[place] = self._start(place)
        process.job = job
        with suppress(BrokenPipeError):  # it has died meanwhile, which is heard of
            process.connection.send(job)
        return process.connection

    def _start(self, place: int) -> _Process:
        """Signals that end are for this process alone: what is blocked here stays so in what is started."""
        limits = dict.fromkeys(THREAD_LIMITS, str(max(1, cores() // self._count))) if self._count > 1 else {}
        if self._gpus:
            limits["CUDA_VISIBLE_DEVICES"] = self._gpus[place % len(self._gpus)]
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._data), daemon=True)
        resource_tracker.ensure_running()  # the first process starts it, which would unblock both again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
        try:
            with _environment(limits):
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return _Process(process, ours)

    def _hear(self, place: int, job: Job, heard: Heard, ended: Ended) -> str:
        """Passes on what a process says of its job; tells how it died, if it has."""
        process = self._processes[place]
        try:
            has_ended, said = process.connection.recv()
        except (EOFError, OSError):
            del self._processes[place]
            process.connection.close()
            process.process.join()
            status = process.process.exitcode or 0
            if status >= 0:
                raise RuntimeError(f"{job.key} ended by a bug, whose traceback stands above") from None
            return f"was ended by {signal.Signals(-status).name}"
        if has_ended:
            process.job = None
            process.served += 1
            ended(job, said)
        else:
            goes_on = heard(job, said)
            with suppress(BrokenPipeError):
                process.connection.send(goes_on)
        return ""


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Libraries read it before a function of ours could set it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, data: Data) -> None:
    """Runs in the process: a job, what it says, and how it ended, until the pipe ends."""
    threading.Thread(target=end_with_parent, daemon=True).start()

    def say(message: Any) -> None:
        connection.send((False, message))
        if not connection.recv():
            raise JobStoppedError

    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        connection.send((True, job.run(data, say)))


def end_with_parent() -> None:
    """Waits for the end of the process that started this one, if one has, and ends this one at once."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
