"""A job on a Dask worker: it says what it has to say, waits for the answer, and ends if it isn't wanted."""

from __future__ import annotations

import pickle
import queue
import threading
import uuid
from contextlib import suppress
from typing import Any

from distributed import get_worker

from pipeline.cluster.jobs import Job, JobResult, JobStoppedError

LOOK = 1.0  # seconds between looks whether the job is still wanted
ASK_AGAIN = 30  # looks without an answer, after which a message is sent again

_one_at_a_time = threading.Lock()  # Keras' state is the process', and a user's worker may have more threads
_answers: dict[str, queue.SimpleQueue[bool]] = {}  # by attempt


def run_job(shipment: str, job: Job) -> JobResult:
    """Runs ``job`` on the data of ``shipment``; what it says goes to the topic of that name."""
    worker = get_worker()
    task, attempt = worker.get_current_task(), uuid.uuid4().hex
    sender = {"worker": worker.address, "job": job.key, "attempt": attempt}

    def is_wanted() -> bool:
        """False once the coordinator is gone: the scheduler then cancels what it had asked for."""
        state = worker.state.tasks.get(task)
        return state is not None and state.state == "executing"

    def say(message: Any) -> None:
        # As bytes: an event travels as MessagePack, which makes a plain tuple of a named one.
        said = sender | {"message": pickle.dumps(message)}
        looks = 0
        while is_wanted():
            if looks % ASK_AGAIN == 0:
                worker.log_event(shipment, said)
            looks += 1
            with suppress(queue.Empty):
                if _answers[attempt].get(timeout=LOOK):
                    return
                break
        raise JobStoppedError

    with _one_at_a_time:
        _answers[attempt] = queue.SimpleQueue()
        try:
            return job.run(vars(worker.plugins[shipment])["data"], say)
        finally:
            del _answers[attempt]


def answer(attempt: str, goes_on: bool) -> None:
    """Called on the worker by the coordinator, for each message."""
    if attempt in _answers:
        _answers[attempt].put(goes_on)
