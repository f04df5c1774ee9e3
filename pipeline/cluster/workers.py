"""Jobs on the workers of a Dask scheduler, which is the user's or runs inside this process.

A worker tells each message to the scheduler, which passes it on; the answer goes to the worker as a call. A
worker that dies takes with it one unfinished job, which the scheduler gives to another.
"""

from __future__ import annotations

import logging
import queue
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import cloudpickle
import dask
from distributed import Client, Future, KilledWorker, LocalCluster

from pipeline.cluster import shipment, task
from pipeline.cluster.cores import THREAD_LIMITS, cores, gpus
from pipeline.cluster.jobs import Data, Job, Jobs, Outcome

CONNECT_TIMEOUT = 10  # seconds
RESTART_TIMEOUT = 60  # seconds
POLL_SECONDS = 1.0  # between looks at which workers there are
# Deaths of its workers after which a job is given up; one that is too large for the memory kills each.
ALLOWED_DEATHS = 5
PACKAGE = Path(__file__).parents[1]


@contextmanager
def start_local(processes: int) -> Iterator[Client]:
    """A scheduler on loopback and ``processes`` workers of this machine, which share its cores.

    The workers are children that end with this process, whatever ends it. Ctrl-C is for this process alone:
    a signal that is blocked here while threads and processes start stays blocked in these.
    """
    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(
            THREAD_LIMITS, str(max(1, cores() // processes))
        ),
    }
    with dask.config.set(settings), tempfile.TemporaryDirectory(prefix="pipeline-") as folder:
        with _blocked(signal.SIGINT):
            cluster = LocalCluster(
                n_workers=processes,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,  # the user's `workers` decide, not a share of the memory
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
            client = Client(cluster)
        try:
            yield client
        finally:
            client.close()
            with suppress(TimeoutError):
                cluster.close(timeout=5)


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """The scheduler at ``address``, which a user started.

    Raises:
        ValueError: if it doesn't answer.
    """
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"cluster.address: no Dask scheduler answers at {address} ({type(error).__name__}): start one "
            "(docs/scale-out.md), or set cluster.address to null"
        ) from None
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _blocked(number: int) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Workers:
    """Runs jobs on the workers of ``client``, one at a time on each.

    Args:
        client: of a scheduler.
        name: of what is run; two of different names may share a scheduler.
        jobs_a_process: after so many a worker is started afresh.
        data: sent to each worker once.
        local: whether the workers are this process' own, to share out its machine's GPUs to.
    """

    def __init__(self, client: Client, name: str, jobs_a_process: int, data: Data, local: bool) -> None:
        self._client, self._topic = client, f"pipeline-{name}"
        self._jobs_a_process = jobs_a_process
        self._shipment = shipment.Shipment(self._topic, PACKAGE, data, gpus() if local else [])
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._running: dict[str, tuple[Job, Future]] = {}
        self._places: dict[str, str] = {}  # the worker of each job
        self._known: Mapping[str, Mapping[str, Any]] = {}  # what the scheduler says of each worker
        self._retiring: set[str] = set()  # workers that are started afresh
        self._served: Counter[str] = Counter()  # jobs that ended on each worker
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        cloudpickle.register_pickle_by_value(shipment)
        try:
            self._client.subscribe_topic(self._topic, lambda event: self._events.put(("heard", event[1])))
            self._client.register_plugin(self._shipment, name=self._topic)
        finally:
            cloudpickle.unregister_pickle_by_value(shipment)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, TimeoutError):  # the scheduler may be what was lost
            self._client.cancel([future for _, future in self._running.values()])
            self._client.unregister_worker_plugin(self._topic)

    def run(self, jobs: Jobs) -> None:
        """Runs what ``jobs`` gives until it gives no more and all have ended.

        Raises:
            ValueError: if the scheduler is lost.
            Exception: what a job raised, if it isn't a ValueError.
        """
        while self._start(jobs) or self._running:
            try:
                kind, *event = self._events.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if kind == "heard":
                self._hear(jobs, event[0])
            else:
                self._end(jobs, *event)

    def _start(self, jobs: Jobs) -> bool:
        """Gives each idle worker a job; False if there are idle ones and no more jobs."""
        for worker in self._idle():
            job = jobs.next_job()
            if job is None:
                return False
            self._submit(job, worker)
        return True

    def _idle(self) -> list[str]:
        """Workers without a job; where any of them declare a GPU, of those that do."""
        try:
            known = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        except (OSError, TimeoutError) as error:
            raise ValueError(_lost(error)) from None
        if not known:
            self._say_once("the Dask scheduler has no workers: waiting for one")
        with_gpu = {address: worker for address, worker in known.items() if worker["resources"].get("GPU")}
        self._known = with_gpu or known
        busy = {*self._places.values(), *self._retiring}
        idle = [address for address in self._known if address not in busy]
        return idle[: max(0, len(self._known) - len(self._running))]

    def _submit(self, job: Job, worker: str) -> None:
        """To ``worker``, or to another if it dies."""
        future = self._client.submit(
            task.run_job,
            self._topic,
            job.key,
            job.function,
            job.arguments,
            key=f"{self._topic}-{job.key}",
            pure=False,
            workers=[worker],
            allow_other_workers=True,
        )
        self._running[job.key], self._places[job.key] = (job, future), worker
        future.add_done_callback(
            lambda _: threading.Thread(target=self._gather, args=(job, future), daemon=True).start()
        )

    def _gather(self, job: Job, future: Future) -> None:
        """In a thread: if the worker dies before its result is fetched, another runs the job again."""
        try:
            self._events.put(("ended", job, future.result(), None))
        except (Exception, CancelledError) as error:  # noqa: BLE001 - judged by `_end`, in the caller's thread
            self._events.put(("ended", job, None, error))

    def _hear(self, jobs: Jobs, said: dict[str, Any]) -> None:
        if "differs" in said:
            self._say_once(f"worker {said['worker']} has {said['differs']}: its numbers may differ")
        if said.get("job") not in self._running:
            return
        job, _ = self._running[said["job"]]
        self._places[job.key] = said["worker"]
        goes_on = jobs.heard(job, *said["message"])
        # Nobody waits until it has arrived: the worker may be gone.
        self._client.loop.add_callback(
            self._client._run,
            task.answer,
            said["attempt"],
            goes_on,
            workers=[said["worker"]],
            on_error="ignore",
        )

    def _end(self, jobs: Jobs, job: Job, outcome: Outcome | None, error: BaseException | None) -> None:
        if job.key not in self._running:
            return
        del self._running[job.key]
        match error:
            case None:
                jobs.ended(job, outcome or Outcome())
            case KilledWorker():
                jobs.ended(job, Outcome(error=ValueError(_KILLED)))
            case CancelledError() | OSError():
                raise ValueError(_lost(error))
            case ValueError():
                jobs.ended(job, Outcome(error=error))
            case _:
                raise error
        self._retire(self._places.pop(job.key))

    def _retire(self, worker: str) -> None:
        """Starts the process of ``worker`` afresh if it has run enough; its compiled networks go with it."""
        self._served[worker] += 1
        has_nanny = self._known.get(worker, {}).get("nanny") is not None
        if self._served[worker] >= self._jobs_a_process and has_nanny:
            del self._served[worker]
            self._retiring.add(worker)
            self._client.loop.add_callback(self._restart, worker)

    async def _restart(self, worker: str) -> None:
        """In the client's loop, so that nobody waits for it; one that died meanwhile is started anyway."""
        with suppress(OSError, TimeoutError, ValueError, KeyError):
            await self._client._restart_workers([worker], timeout=RESTART_TIMEOUT, raise_for_error=False)
        self._retiring.discard(worker)

    def _say_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            print(line, flush=True)


_KILLED = (
    f"the workers that ran it were killed, {ALLOWED_DEATHS + 1} in turn, perhaps for memory: run fewer workers "
    "on a machine, or smaller networks"
)


def _lost(error: BaseException) -> str:
    return (
        f"the Dask scheduler is lost ({type(error).__name__}); what is finished is kept: start the scheduler, "
        "and the same command goes on"
    )
