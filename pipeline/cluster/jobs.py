"""What is run, and who hears of it: the words that the coordinator and every kind of pool share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

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
