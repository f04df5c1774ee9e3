"""Jobs on the workers of a Dask scheduler that the user started.

A worker tells each message to the scheduler, which passes it on; the answer goes to the worker as a call. A
worker that dies takes with it one unfinished job, which is given to another.
"""

from __future__ import annotations

import operator
import pickle
import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

import cloudpickle
import toolz
from distributed import Client, Future, KilledWorker

from pipeline.cluster import remote_job, shipment
from pipeline.cluster.jobs import Data, Ended, Heard, Job, JobResult
from pipeline.cluster.shipment import versions
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption
from pipeline.runtime.source import result_settings

CONNECT_TIMEOUT = 10  # seconds
RESTART_TIMEOUT = 60  # seconds
POLL_SECONDS = 1.0  # between looks at which workers there are
# Deaths of its workers after which a job is given up; one that is too large for the memory kills each.
ALLOWED_DEATHS = 5
PROJECT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "studies")  # whose functions are run; a job's function travels by its name


@dataclass(frozen=True)
class _Placed:
    job: Job
    future: Future[JobResult]
    worker: str


class DaskPool:
    """Runs jobs on the workers of the scheduler at ``address``, one at a time on each.

    Args:
        address: of the scheduler.
        name: of what is run; two of different names may share a scheduler.
        jobs_a_process: after so many a worker is started afresh.
        data: sent to each worker once.

    Raises:
        UserError: when it is entered, if the scheduler doesn't answer.
    """

    def __init__(self, address: str, name: str, jobs_a_process: int, data: Data) -> None:
        self._address = address
        self._client: Any = None  # of Dask, whose methods have no types
        self._topic, self._jobs_a_process = f"pipeline-{name}", jobs_a_process
        packages = [PROJECT / name for name in PACKAGES]
        self._shipment = shipment.Shipment(self._topic, packages, data, versions(), result_settings())
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._running: dict[str, _Placed] = {}
        self._waiting: list[Job] = []  # their worker died, or is being started afresh
        self._retiring: set[str] = set()  # such workers
        self._served: Counter[str] = Counter()  # jobs that ended on each worker
        self._deaths: Counter[str] = Counter()  # of the workers of each job
        self._say_once = cache(partial(print, flush=True))

    def __enter__(self) -> Self:
        try:
            self._client = Client(self._address, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError) as error:
            raise UserError(
                f"cluster.address: no Dask scheduler answers at {self._address} ({type(error).__name__}): "
                "start one (docs/scale-out.md), or set cluster.address to null"
            ) from None
        cloudpickle.register_pickle_by_value(shipment)
        try:
            self._client.subscribe_topic(self._topic, lambda event: self._events.put(("heard", event[1])))
            self._client.register_plugin(self._shipment, name=self._topic)
        finally:
            cloudpickle.unregister_pickle_by_value(shipment)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, TimeoutError):  # the scheduler may be what was lost
            self._client.cancel([placed.future for placed in self._running.values()])
            self._client.unregister_worker_plugin(self._topic)
        self._client.close()

    def run(self, jobs: Iterator[Job], heard: Heard, ended: Ended, interruption: Interruption) -> None:
        """See ``Pool.run``."""
        while self._start(jobs, ended, interruption) or self._running:
            self._listen(heard, ended)

    def _start(self, jobs: Iterator[Job], ended: Ended, interruption: Interruption) -> bool:
        """Gives each idle worker a job, or starts it afresh for one; False if there are no more jobs now."""
        try:
            known = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
            self._take_back(ended, known)
        except (OSError, TimeoutError) as error:
            raise UserError(_lost(error)) from None
        while interruption.requested and self._waiting:
            ended(self._waiting.pop(), JobResult(stopped=True))
        if not known and not self._retiring:
            self._say_once("the Dask scheduler has no workers: waiting for one")
        # Where there is no worker and no job runs, there may be no job to wait for either: it is asked.
        for worker in self._idle(known) or [""] * (not self._running):
            job = self._waiting.pop(0) if self._waiting else None
            if job is None and (interruption.requested or (job := next(jobs, None)) is None):
                return False
            if not worker or self._retire(worker, has_nanny=bool(known[worker].get("nanny"))):
                self._waiting.append(job)
            else:
                self._submit(job, worker)
        return True

    def _take_back(self, ended: Ended, known: Mapping[str, Any]) -> None:
        """Jobs whose worker is gone are run again by another, unless each worker dies of them."""
        for key, placed in list(self._running.items()):
            if placed.worker not in known:
                del self._running[key]
                self._client.cancel([placed.future])
                self._deaths[key] += 1
                if self._deaths[key] > ALLOWED_DEATHS:
                    ended(placed.job, JobResult(error=UserError(_KILLED)))
                else:
                    self._waiting.append(placed.job)

    def _idle(self, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Workers without a job; where any of them declare a GPU, of those that do."""
        with_gpu = [address for address, worker in known.items() if worker["resources"].get("GPU")]
        busy = {*self._retiring, *(placed.worker for placed in self._running.values())}
        return [address for address in with_gpu or known if address not in busy]

    def _submit(self, job: Job, worker: str) -> None:
        """As bytes, since the scheduler, which reads what a task calls, lacks this package."""
        steps = pickle.dumps(partial(remote_job.run_job, self._topic, job)), pickle.loads, operator.call
        key = f"{self._topic}-{job.key}-{uuid.uuid4().hex}"
        future = self._client.submit(toolz.pipe, *steps, key=key, pure=False, workers=[worker])
        self._running[job.key] = placed = _Placed(job, future, worker)
        future.add_done_callback(
            lambda _: threading.Thread(target=self._gather, args=(placed,), daemon=True).start()
        )

    def _gather(self, placed: _Placed) -> None:
        """In a thread, since the worker may die before its result is fetched."""
        try:
            error = placed.future.exception()
            outcome = None if error else placed.future.result()
        except (CancelledError, OSError) as lost:
            outcome, error = None, lost
        self._events.put(("ended", placed, outcome, error))

    def _listen(self, heard: Heard, ended: Ended) -> None:
        """Until a job has ended, or it is time to look at the workers."""
        deadline = time.monotonic() + POLL_SECONDS
        with suppress(queue.Empty):
            while (left := deadline - time.monotonic()) > 0:
                kind, *event = self._events.get(timeout=left)
                if kind == "ended":
                    self._end(ended, *event)
                    return
                self._hear(heard, event[0])

    def _hear(self, heard: Heard, said: dict[str, Any]) -> None:
        worker = said["worker"]
        if "differs" in said:
            self._say_once(f"worker {worker} has {said['differs']}: its numbers may differ")
            return
        placed, goes_on = self._running.get(said["job"]), False
        if placed is not None and placed.worker == worker:
            goes_on = heard(placed.job, pickle.loads(said["message"]))  # noqa: S301 - of our own worker
        # Nobody waits until it has arrived: the worker may be gone.
        tell = partial(self._client._run, workers=[worker], on_error="ignore")
        self._client.loop.add_callback(tell, remote_job.answer, said["attempt"], goes_on)

    def _end(self, ended: Ended, placed: _Placed, outcome: Any, error: BaseException | None) -> None:
        if self._running.get(placed.job.key) is not placed:
            return  # taken back
        if isinstance(error, CancelledError | OSError):
            raise UserError(_lost(error))
        del self._running[placed.job.key]
        self._served[placed.worker] += 1
        if isinstance(error, KilledWorker):
            outcome = JobResult(error=UserError(_KILLED))
        elif error is not None:
            raise error
        ended(placed.job, outcome)

    def _retire(self, worker: str, has_nanny: bool) -> bool:
        """Starts the process of ``worker`` afresh if it has run enough; its compiled networks go with it."""
        if self._served[worker] < self._jobs_a_process or not has_nanny:
            return False
        del self._served[worker]
        self._retiring.add(worker)
        self._client.loop.add_callback(self._restart, worker)
        return True

    async def _restart(self, worker: str) -> None:
        """In the client's loop, so that nobody waits for it; one that died meanwhile is started anyway."""
        with suppress(OSError, TimeoutError, ValueError, KeyError):
            await self._client._restart_workers([worker], timeout=RESTART_TIMEOUT, raise_for_error=False)
        self._retiring.discard(worker)


_KILLED = (
    f"the workers that ran it were killed, {ALLOWED_DEATHS + 1} in turn, perhaps for memory: run fewer "
    "workers on a machine, or smaller networks"
)


def _lost(error: BaseException) -> str:
    return (
        f"the Dask scheduler is lost ({type(error).__name__}); what is finished is kept: start the "
        "scheduler, and the same command goes on"
    )
