"""What is run, and who hears of it: the words that the coordinator and every kind of pool share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.runtime.errors import UserError, error_text
from pipeline.runtime.interruption import Interruption

Data = Mapping[str, np.ndarray]
Say = Callable[[Any], None]


class JobStoppedError(Exception):
    """Raised inside a job, out of ``say``, when it shall go no further."""


@dataclass(frozen=True)
class JobResult:
    """How a job ended: with a ``value``, with the ``error`` that it raised, or ``stopped`` as it was told."""

    value: Any = None
    error: UserError | None = None
    stopped: bool = False


@dataclass(frozen=True)
class Job:
    """One call, ``function(*arguments, data, say)``.

    Attributes:
        key: names it among all jobs of a pool, and to a person.
        function: of a module that another process can import.
        arguments: of any types that can be pickled.
    """

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def run(self, data: Data, say: Say) -> JobResult:
        """Runs it in this process; a bug raises what it raises."""
        try:
            return JobResult(self.function(*self.arguments, data, say))
        except JobStoppedError:
            return JobResult(stopped=True)
        except UserError as error:
            return JobResult(error=error)
        except MemoryError as error:
            return JobResult(error=UserError(error_text(error)))


Heard = Callable[[Job, Any], bool]
Ended = Callable[[Job, JobResult], None]


class Pool(Protocol):
    """Runs jobs."""

    def run(self, jobs: Iterator[Job], heard: Heard, ended: Ended, interruption: Interruption) -> None:
        """Runs ``jobs`` until there are no more and all have ended.

        Args:
            jobs: asked for one whenever one may start; for none after an interruption.
            heard: what a job says of itself; False ends it. A job whose process died is run again from its
                start, and so says again what it said before.
            ended: called once for each job, in the thread of the caller, as is ``heard``.
            interruption: after which a job whose process died isn't run again.

        Raises:
            UserError: if what the jobs run on is lost.
            Exception: a bug of a job.
        """


def run_all(
    pool: Pool,
    jobs: Iterable[Job],
    keep: Callable[[str, Any], object],
    interruption: Interruption,
    listen: Callable[[Any], object] = lambda message: None,
) -> None:
    """Gives ``keep`` the key and the value of each job, and ``listen`` what they say.

    Raises:
        KeyboardInterrupt: after an interruption.
        UserError: that names the job that failed.
    """

    def heard(_job: Job, message: Any) -> bool:
        listen(message)
        return not interruption.requested

    def ended(job: Job, outcome: JobResult) -> None:
        if outcome.error is not None:
            raise UserError(f"{job.key}: {outcome.error}") from outcome.error
        if not outcome.stopped:
            keep(job.key, outcome.value)

    pool.run(iter(jobs), heard, ended, interruption)
    if interruption.requested:
        raise KeyboardInterrupt


def call(
    pool: Pool,
    job: Job,
    interruption: Interruption | None = None,
    listen: Callable[[Any], object] = lambda message: None,
) -> Any:
    """The value of one job; raises as ``run_all`` does."""
    values: dict[str, Any] = {}
    run_all(pool, [job], values.__setitem__, interruption or Interruption(), listen)
    return values[job.key]
