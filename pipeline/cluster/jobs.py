"""What is run, and who hears of it: the words that the coordinator and every kind of pool share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption

Data = Mapping[str, np.ndarray]
OnMessage = Callable[..., None]


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

    def heard(self, job: Job, *message: Any) -> bool:
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
        on_message: Callable[..., object] = lambda *_: None,
    ) -> None:
        self._waiting = list(jobs)
        self._keep, self._interruption, self._on_message = keep, interruption, on_message

    def next_job(self) -> Job | None:
        """None after an interruption too."""
        return self._waiting.pop(0) if self._waiting and not self._interruption.requested else None

    def is_wanted(self, _job: Job) -> bool:
        """Every job is, until an interruption."""
        return not self._interruption.requested

    def heard(self, _job: Job, *message: Any) -> bool:
        """Passes it on."""
        self._on_message(*message)
        return not self._interruption.requested

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Keeps the value; of a job that was stopped there is none."""
        if outcome.error is not None:
            raise UserError(f"{job.key}: {outcome.error}") from outcome.error
        if not outcome.stopped:
            self._keep(job.key, outcome.value)
