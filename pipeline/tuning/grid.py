"""A study whose trials are known from the start; each gives a record, which is kept with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import optuna
from optuna.trial import TrialState

from pipeline.cluster import open_pool
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import interruptible
from pipeline.tuning.progress import Progress
from pipeline.tuning.storage import held
from pipeline.tuning.study import Study
from pipeline.tuning.trials import Result, run_trials

RECORD = "record"  # the attribute of a trial that every grid keeps


class Point(NamedTuple):
    """One trial.

    Attributes:
        name: what a person calls it.
        values: of each key of the study's space; two points differ in them.
        arguments: what its function is called with, before the data.
    """

    name: str
    values: Mapping[str, str | int]
    arguments: tuple[Any, ...]


class Grid(NamedTuple):
    """What is run.

    Attributes:
        points: in the order in which they start.
        function: gives a value for each; another process must be able to import it.
        epochs: the most that a trial has.
        keep: makes plain JSON of a value, as the attribute ``RECORD``.
        data: what every trial reads, sent to each worker once.
        workers: processes on this machine.
        again: the command that goes on after an interruption.
    """

    points: Sequence[Point]
    function: Callable[..., Any]
    epochs: int
    keep: Callable[[Any], Result]
    data: Mapping[str, Any]
    workers: int | Literal["auto"]
    again: str


def run_grid(study: Study, grid: Grid, progress: Progress) -> list[Any]:
    """Runs the points that ``study`` lacks; returns the record of every one, in their order.

    Raises:
        InterruptedError: after Ctrl-C; finished trials are kept.
        UserError: if a trial failed, or another process runs the study.
    """
    total = len(grid.points)
    with held(study.folder, study.name), interruptible() as interruption:
        kept = _records(study)
        missing = [point for point in grid.points if _key(point.values) not in kept]
        progress.opened(study.name, total - len(missing), total)
        plan = _Plan(study, grid, missing)
        try:
            with open_pool(study.name, study.params.cluster, grid.workers, len(missing), grid.data) as pool:
                run_trials(study, plan, pool, progress, interruption)
        except KeyboardInterrupt:
            done = sum(_key(point.values) in _records(study) for point in grid.points)
            raise InterruptedError(
                f"study {study.name} was interrupted with {done} of {total} trials finished; "
                f"{grid.again} goes on with the rest"
            ) from None
    kept = _records(study)
    failed = [point.name for point in grid.points if _key(point.values) not in kept]
    if failed:
        raise UserError(
            f"{len(failed)} of {total} trials failed, for the reasons above: {', '.join(failed[:3])}; the "
            "same command tries them again"
        )
    return [kept[_key(point.values)] for point in grid.points]


class _Plan:
    """A trial for each missing point."""

    def __init__(self, study: Study, grid: Grid, missing: Sequence[Point]) -> None:
        self._study, self._waiting = study, list(missing)
        self._points = {_key(point.values): point for point in missing}
        self.function, self.epochs, self._keep = grid.function, grid.epochs, grid.keep

    def next_trial(self) -> optuna.Trial | None:
        return self._study.ask(self._waiting.pop(0).values) if self._waiting else None

    def name(self, trial: optuna.Trial) -> str:
        return self._points[_key(trial.params)].name

    def arguments(self, trial: optuna.Trial) -> tuple[Any, ...]:
        return self._points[_key(trial.params)].arguments

    def keep(self, _trial: optuna.Trial, value: Any) -> Result:
        return self._keep(value)


def _key(values: Mapping[str, Any]) -> Hashable:
    return frozenset(values.items())


def _records(study: Study) -> dict[Hashable, Any]:
    """Of the complete trials; of one that was tried twice, the first."""
    complete = study.trials(TrialState.COMPLETE)
    return {_key(trial.params): trial.user_attrs[RECORD] for trial in reversed(complete)}
