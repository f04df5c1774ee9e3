"""A job on a Dask worker: it says what it has to say, waits for the answer, and ends if it isn't wanted."""

from __future__ import annotations

import pickle
import queue
import threading
import uuid
from collections.abc import Callable
from typing import Any

from dask.typing import Key
from distributed import Worker, get_worker

from pipeline.cluster.jobs import JobResult, JobStoppedError

ASK_AGAIN = 30.0  # seconds without an answer, after which a message is sent again
LOOK = 1.0  # seconds between looks whether the job is still wanted

_one_at_a_time = threading.Lock()  # Keras' state is the process', and a user's worker may have more threads
_answers: dict[str, queue.SimpleQueue[bool]] = {}  # by attempt


def run_job(shipment: str, key: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> JobResult:
    """Runs ``function`` on the data of ``shipment``; what it says goes to the topic of that name.

    Raises:
        Exception: what ``function`` raises, but for ``JobStoppedError``.
    """
    worker = get_worker()
    task = worker.get_current_task()
    attempt = uuid.uuid4().hex

    def say(message: Any) -> None:
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
            return JobResult(function(*arguments, vars(worker.plugins[shipment])["data"], say))
        except JobStoppedError:
            return JobResult(stopped=True)
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
