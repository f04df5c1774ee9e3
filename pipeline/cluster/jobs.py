"""What is run, and who hears of it: the words that the coordinator and every kind of pool share."""

from __future__ import annotations

import pickle
import queue
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from dask.typing import Key
from distributed import Worker, get_worker

from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption

Data = Mapping[str, np.ndarray]
OnMessage = Callable[[Any], None]


class JobStoppedError(Exception):
    """Raised inside a job, out of its ``OnMessage``, when it shall go no further."""


@dataclass(frozen=True)
class Job:
    """One call, ``function(*arguments, data, on_message)``.

    Attributes:
        key: names it among all jobs of a pool.
        function: of a module of this package, so that another process can import it.
        arguments: of any types that can be pickled.
    """

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a ``value``, with the ``error`` that it raised, or ``stopped`` as it was told."""

    value: Any = None
    error: Exception | None = None
    stopped: bool = False


class Jobs(Protocol):
    """What feeds a pool. Its methods are called one at a time, in the thread that called ``Pool.run``."""

    def next_job(self) -> Job | None:
        """The next job, or None if none may start now; asked again whenever one has ended."""

    def is_wanted(self, job: Job) -> bool:
        """Whether a job whose worker died is to be run again."""

    def heard(self, job: Job, message: Any) -> bool:
        """What a job says of itself; False ends it.

        A job whose worker died is run again from its start, and so says again what it said before.
        """

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Called once for each job."""


class JobList:
    """Jobs that are known from the start, as ``Jobs``; an interruption ends them.

    Args:
        jobs: in the order in which they are to start.
        keep: given the key and the value of each job that came to its end.
        interruption: asked for by Ctrl-C.
        on_message: told what a job says of itself.

    A job that fails ends the run with a ``UserError`` that names it.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        keep: Callable[[str, Any], object],
        interruption: Interruption,
        on_message: Callable[[Any], object] = lambda message: None,
    ) -> None:
        self._waiting = list(jobs)
        self._keep, self._interruption, self._on_message = keep, interruption, on_message

    def next_job(self) -> Job | None:
        """None after an interruption too."""
        return self._waiting.pop(0) if self._waiting and not self._interruption.requested else None

    def is_wanted(self, _job: Job) -> bool:
        """Every job is, until an interruption."""
        return not self._interruption.requested

    def heard(self, _job: Job, message: Any) -> bool:
        """Passes it on."""
        self._on_message(message)
        return not self._interruption.requested

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Keeps the value; of a job that was stopped there is none."""
        if outcome.error is not None:
            raise UserError(f"{job.key}: {outcome.error}") from outcome.error
        if not outcome.stopped:
            self._keep(job.key, outcome.value)


# A job on a worker: it says what it has to say, waits for the answer, and ends where it isn't wanted.

ASK_AGAIN = 30.0  # seconds without an answer, after which a message is sent again
LOOK = 1.0  # seconds between looks whether the job is still wanted

_one_at_a_time = threading.Lock()  # Keras' state is the process', and a user's worker may have more threads
_answers: dict[str, queue.SimpleQueue[bool]] = {}  # by attempt


def run_job(shipment: str, key: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    """Runs ``function`` on the data of ``shipment``; what it says goes to the topic of that name.

    Raises:
        Exception: what ``function`` raises, but for ``JobStoppedError``.
    """
    worker = get_worker()
    task = worker.get_current_task()
    attempt = uuid.uuid4().hex
    data: Data = vars(worker.plugins[shipment])["data"]

    def on_message(message: Any) -> None:
        # As bytes: an event travels as MessagePack, which makes a plain tuple of a named one.
        said = {"worker": worker.address, "job": key, "attempt": attempt, "message": pickle.dumps(message)}
        while _is_wanted(worker, task):
            worker.log_event(shipment, said)
            answer = _wait(worker, task, attempt)
            if answer is not None:
                if not answer:
                    raise JobStoppedError
                return
        raise JobStoppedError

    with _one_at_a_time:
        _answers[attempt] = queue.SimpleQueue()
        try:
            return Outcome(function(*arguments, data, on_message))
        except JobStoppedError:
            return Outcome(stopped=True)
        finally:
            del _answers[attempt]


def answer(attempt: str, goes_on: bool) -> None:
    """Called on the worker by the coordinator, for each message."""
    if attempt in _answers:
        _answers[attempt].put(goes_on)


def _wait(worker: Worker, task: Key, attempt: str) -> bool | None:
    """The answer; None if there was none for long, or nobody waits for the job any more."""
    for _ in range(round(ASK_AGAIN / LOOK)):
        try:
            return _answers[attempt].get(timeout=LOOK)
        except queue.Empty:
            if not _is_wanted(worker, task):
                return None
    return None


def _is_wanted(worker: Worker, task: Key) -> bool:
    """False once the coordinator is gone: the scheduler then cancels what it had asked for."""
    state = worker.state.tasks.get(task)
    return state is not None and state.state == "executing"
