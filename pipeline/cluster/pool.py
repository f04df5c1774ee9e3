"""Which pool runs the jobs: this process, processes of this machine, or the workers of a scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from pipeline.cluster.jobs import Data, Ended, Heard, Job, JobResult, JobStoppedError, Pool
from pipeline.cluster.processes import ProcessPool
from pipeline.params import ClusterParams
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption
from pipeline.runtime.machine import cores, gpus


def open_pool(
    name: str,
    cluster: ClusterParams,
    workers: int | Literal["auto"],
    count: int,
    data: Data,
    here: bool = False,
) -> AbstractContextManager[Pool]:
    """A pool for ``count`` jobs; its processes end with it.

    Args:
        name: of what is run; two pools of different names may share a scheduler.
        cluster: a scheduler's address, and how many jobs a process runs before a fresh one takes its place.
        workers: processes on this machine, where ``cluster`` has no address.
        count: how many jobs are to come, about.
        data: given to every job, and sent to each process once.
        here: whether this process takes the place of a single one; what could end it is no such job.

    Raises:
        UserError: when it is entered, if the scheduler can't be reached.
    """
    processes = min(worker_count(workers), max(count, 1))
    if cluster.address is not None:
        # Dask is imported only where there is a cluster.
        from pipeline.cluster.workers import DaskPool  # noqa: PLC0415

        return DaskPool(cluster.address, name, cluster.jobs_a_process, data)
    if here and processes == 1:
        return nullcontext(SerialPool(data))
    return ProcessPool(processes, cluster.jobs_a_process, data)


class SerialPool:
    """Runs each job in this process, one after the other."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def run(self, jobs: Iterator[Job], heard: Heard, ended: Ended, interruption: Interruption) -> None:
        """See ``Pool.run``."""
        while not interruption.requested and (job := next(jobs, None)) is not None:
            ended(job, self._run(job, heard))

    def _run(self, job: Job, heard: Heard) -> JobResult:
        of_listener: list[UserError] = []

        def say(message: Any) -> None:
            try:
                wanted = heard(job, message)
            except UserError as error:  # as where the tracking server is lost: no fault of the job
                of_listener.append(error)
                raise
            if not wanted:
                raise JobStoppedError

        outcome = job.run(self._data, say)
        if of_listener:
            raise of_listener[0]
        return outcome


def worker_count(workers: int | Literal["auto"]) -> int:
    """``workers``; ``auto`` is one a GPU, or one a core, since a small network doesn't use a second one."""
    return (len(gpus()) or cores()) if workers == "auto" else workers
