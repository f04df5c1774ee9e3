"""Which pool runs the jobs: this process, processes of this machine, or the workers of a scheduler."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from pipeline.cluster.jobs import Data, Job, Jobs, JobStoppedError, Outcome
from pipeline.params import ClusterParams
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import cores


class Pool(Protocol):
    """Runs jobs."""

    def run(self, jobs: Jobs) -> None:
        """Runs what ``jobs`` gives until it gives no more and all have ended."""


def needs_processes(cluster: ClusterParams, workers: int | Literal["auto"], count: int) -> bool:
    """Whether ``open_pool`` runs ``count`` jobs elsewhere: this process runs the few of a single worker."""
    if cluster.address is not None:
        return True
    return count > (cluster.jobs_a_process if worker_count(workers) == 1 else 1)


@contextmanager
def open_pool(
    name: str, cluster: ClusterParams, workers: int | Literal["auto"], count: int, data: Data
) -> Iterator[Pool]:
    """A pool for ``count`` jobs; its processes end with it.

    Args:
        name: of what is run; two pools of different names may share a scheduler.
        cluster: a scheduler's address, and how many jobs a process runs before a fresh one takes its place.
        workers: processes on this machine, where ``cluster`` has no address.
        count: how many jobs are to come, about; the few of a single worker are run in this process.
        data: given to every job, and sent to each worker once.

    Raises:
        UserError: if the scheduler can't be reached.
    """
    if not needs_processes(cluster, workers, count):
        yield Here(data)
        return
    from pipeline.cluster.workers import (  # noqa: PLC0415 - Dask only if needed
        Workers,
        connect,
        start_local,
    )

    local = cluster.address is None
    opened = (
        start_local(min(worker_count(workers), count))
        if cluster.address is None
        else connect(cluster.address)
    )
    with opened as client, Workers(client, name, cluster.jobs_a_process, data, local) as pool:
        yield pool


class _NotHeardError(Exception):
    """Who hears of a job failed, not the job."""

    def __init__(self, reason: UserError) -> None:
        super().__init__()
        self.reason = reason


class Here:
    """Runs each job in this process, one after the other."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def run(self, jobs: Jobs) -> None:
        """Runs what ``jobs`` gives until it gives no more."""
        while (job := jobs.next_job()) is not None:
            jobs.ended(job, self._run(job, jobs))

    def _run(self, job: Job, jobs: Jobs) -> Outcome:
        def on_message(message: Any) -> None:
            try:
                wanted = jobs.heard(job, message)
            except UserError as error:
                raise _NotHeardError(error) from error
            if not wanted:
                raise JobStoppedError

        try:
            return Outcome(job.function(*job.arguments, self._data, on_message))
        except JobStoppedError:
            return Outcome(stopped=True)
        except _NotHeardError as error:
            raise error.reason from None
        except UserError as error:  # anything else is a bug, and its traceback is shown
            return Outcome(error=error)


# How many processes this machine runs side by side.


def gpus() -> list[str]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES doesn't hide, by the names it takes."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(place) for place, _ in enumerate(listed.splitlines())]


def worker_count(workers: int | Literal["auto"]) -> int:
    """``workers``; ``auto`` is one a GPU, or one a core, since a small network doesn't use a second one."""
    return (len(gpus()) or cores()) if workers == "auto" else workers
