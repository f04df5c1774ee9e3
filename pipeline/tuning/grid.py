"""A study whose trials are known from the start; each gives a record, which is kept with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import optuna
from optuna.trial import TrialState

from pipeline.cluster.jobs import Data
from pipeline.cluster.pool import open_pool
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import interruptible
from pipeline.tuning.progress import Progress
from pipeline.tuning.storage import hold
from pipeline.tuning.study import Metrics, Study
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


def run_grid(
    study: Study,
    points: Sequence[Point],
    function: Callable[..., Any],
    keep: Callable[[Any], tuple[float, Any, Metrics]],
    workers: int | Literal["auto"],
    data: Data,
    progress: Progress,
    again: str,
) -> list[Any]:
    """Runs the points that ``study`` lacks; returns the record of every one, in their order.

    Args:
        study: of ``open_grid``.
        points: in the order in which they start.
        function: gives a value for each; another process must be able to import it.
        keep: makes of a value its score, its record as plain JSON values, and metrics to be shown and logged.
        workers: processes of this machine, where ``cluster`` has no address.
        data: given to every call.
        again: the command that goes on after an interruption.

    Raises:
        InterruptedError: after Ctrl-C; finished trials are kept.
        UserError: if a trial failed, or another process runs the study.
    """
    total = len(points)
    with hold(study.folder, study.name), interruptible() as interruption:
        missing = _missing(study, points)
        arguments = {_key(point.values): point.arguments for point in missing}
        progress.opened(study.name, total - len(missing), total)

        def trials() -> Iterator[tuple[optuna.Trial, str]]:
            for point in missing:
                yield study.ask(point.values), point.name

        def result(_trial: optuna.Trial, value: Any) -> Result:
            score, record, metrics = keep(value)
            return Result(score, {RECORD: record}, metrics)

        plan = Plan(trials(), function, lambda trial: arguments[_key(trial.params)], result)
        try:
            with open_pool(study.name, study.params.cluster, workers, len(missing), data) as pool:
                run_trials(study, plan, pool, progress, interruption)
        except KeyboardInterrupt:
            raise InterruptedError(
                f"study {study.name} was interrupted with {total - len(_missing(study, points))} of {total} "
                f"trials finished; {again} goes on with the rest"
            ) from None
    if failed := [point.name for point in _missing(study, points)]:
        raise UserError(
            f"{len(failed)} of {total} trials failed, for the reasons above: {', '.join(failed[:3])}; the "
            "same command tries them again"
        )
    kept = _records(study)
    return [kept[_key(point.values)] for point in points]


def _missing(study: Study, points: Sequence[Point]) -> list[Point]:
    kept = _records(study)
    return [point for point in points if _key(point.values) not in kept]


def _records(study: Study) -> dict[Hashable, Any]:
    """Of the complete trials; of one that was tried twice, the first."""
    complete = study.trials(TrialState.COMPLETE)
    return {_key(trial.params): trial.user_attrs[RECORD] for trial in reversed(complete)}


def _key(values: Mapping[str, Any]) -> Hashable:
    return frozenset(values.items())
