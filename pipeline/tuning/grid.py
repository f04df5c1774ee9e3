"""A study whose trials are known from the start; each gives a record, which is kept with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import optuna
from optuna.trial import TrialState

from pipeline.cluster import Pool
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import interruptible
from pipeline.tuning.progress import Progress
from pipeline.tuning.storage import held
from pipeline.tuning.study import Study
from pipeline.tuning.trials import Plan, Result, run_trials

RECORD = "record"  # the attribute of a trial that every grid keeps


class Point(NamedTuple):
    """One trial.

    Attributes:
        name: what a person calls it; no two are called alike.
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
        keep: makes plain JSON of a value, as the attribute ``RECORD``.
        again: the command that goes on after an interruption.
    """

    points: Sequence[Point]
    function: Callable[..., Any]
    keep: Callable[[Any], Result]
    again: str

    def missing(self, study: Study) -> list[Point]:
        """The points that ``study`` has no record of."""
        kept = _records(study)
        return [point for point in self.points if _key(point.values) not in kept]


def run_grid(study: Study, grid: Grid, pool: Pool, progress: Progress) -> list[Any]:
    """Runs the points that ``study`` lacks; returns the record of every one, in their order.

    Raises:
        InterruptedError: after Ctrl-C; finished trials are kept.
        UserError: if a trial failed, or another process runs the study.
    """
    total = len(grid.points)
    with held(study.folder, study.name), interruptible() as interruption:
        missing = grid.missing(study)
        points = {_key(point.values): point for point in missing}
        progress.opened(study.name, total - len(missing), total)

        def trials() -> Iterator[tuple[optuna.Trial, str]]:
            for point in missing:
                yield study.ask(point.values), point.name

        plan = Plan(
            trials(),
            grid.function,
            lambda trial: points[_key(trial.params)].arguments,
            lambda _, value: grid.keep(value),
        )
        try:
            run_trials(study, plan, pool, progress, interruption)
        except KeyboardInterrupt:
            raise InterruptedError(
                f"study {study.name} was interrupted with {total - len(grid.missing(study))} of {total} "
                f"trials finished; {grid.again} goes on with the rest"
            ) from None
    if failed := [point.name for point in grid.missing(study)]:
        raise UserError(
            f"{len(failed)} of {total} trials failed, for the reasons above: {', '.join(failed[:3])}; the "
            "same command tries them again"
        )
    kept = _records(study)
    return [kept[_key(point.values)] for point in grid.points]


def _key(values: Mapping[str, Any]) -> Hashable:
    return frozenset(values.items())


def _records(study: Study) -> dict[Hashable, Any]:
    """Of the complete trials; of one that was tried twice, the first."""
    complete = study.trials(TrialState.COMPLETE)
    return {_key(trial.params): trial.user_attrs[RECORD] for trial in reversed(complete)}
