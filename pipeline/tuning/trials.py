"""The trials of a study on a pool: starts them, hears each epoch, decides on pruning, keeps the results.

It alone writes the study and tells of its progress; the pool's processes only fit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import optuna
from optuna.trial import TrialState

from pipeline.cluster import Job, JobResult, Pool
from pipeline.params import ParamsError
from pipeline.runtime.interruption import Interruption
from pipeline.training.task import Epoch
from pipeline.tuning.progress import Progress
from pipeline.tuning.sampling import REASON, decoded
from pipeline.tuning.study import Study

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """What is kept of a fitted network with its trial.

    Attributes:
        score: what trials are ranked by.
        attributes: plain JSON values.
        metrics: to be shown and logged.
        texts: to be logged, by the names of files.
    """

    score: float
    attributes: Mapping[str, Any]
    metrics: Metrics
    texts: Mapping[str, str] = field(default_factory=dict)


class Plan(NamedTuple):
    """Which trials a study has, and what one of them is.

    Attributes:
        trials: asked of the study one at a time, whenever one may start, and what a person calls each.
        function: is called with a trial's arguments, the pool's data, and who listens to its epochs.
        arguments: of a trial; raises ``ParamsError`` if its values can't be used together.
        keep: keeps what ``function`` returned, before the trial counts as complete.
    """

    trials: Iterator[tuple[optuna.Trial, str]]
    function: Callable[..., Any]
    arguments: Callable[[optuna.Trial], tuple[Any, ...]]
    keep: Callable[[optuna.Trial, Any], Result]


@dataclass
class _Running:
    trial: optuna.Trial
    curve: list[Metrics] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    ending: tuple[TrialState, str | None] | None = None  # decided; the job still has to hear of it


def run_trials(study: Study, plan: Plan, pool: Pool, progress: Progress, interruption: Interruption) -> None:
    """Runs trials until ``plan`` has no more.

    Raises:
        KeyboardInterrupt: if ``interruption`` was requested; trials in progress are tried again by the next
            process that opens the study.
    """
    for number in study.end_lost():
        progress.lost(number)
    runner = _Runner(study, plan, progress, interruption)
    try:
        pool.run(runner.jobs(), runner.heard, runner.ended, interruption)
    finally:
        runner.end_running()
    if interruption.requested:
        raise KeyboardInterrupt


class _Runner:
    def __init__(self, study: Study, plan: Plan, progress: Progress, interruption: Interruption) -> None:
        self._study, self._plan = study, plan
        self._progress, self._interruption = progress, interruption
        self._running: dict[str, _Running] = {}

    def jobs(self) -> Iterator[Job]:
        for trial, name in self._plan.trials:
            self._running[name] = _Running(trial)
            self._progress.started(trial.number, name, decoded(trial.params), len(self._study.finished()))
            try:
                yield Job(name, self._plan.function, self._plan.arguments(trial))
            except ParamsError as error:  # each value is allowed, but not these together
                self._end(name, TrialState.PRUNED, reason=str(error))

    def heard(self, job: Job, epoch: Epoch) -> bool:
        running = self._running[job.key]
        if epoch.number <= len(running.curve) and epoch.has_ended:
            return True  # a second process says again what the first, now dead, had said
        self._progress.heard(running.trial.number, epoch)
        if epoch.has_ended:
            running.curve.append(epoch.metrics)
            running.ending = self._judge(running.trial, epoch.number, epoch.metrics)
        return running.ending is None

    def ended(self, job: Job, outcome: JobResult) -> None:
        running = self._running[job.key]
        if outcome.error is not None:
            self._end(job.key, TrialState.FAIL, reason=str(outcome.error))
        elif outcome.stopped:
            state, reason = running.ending or (TrialState.FAIL, None)
            self._end(job.key, state, reason=reason)
        else:
            self._end(job.key, TrialState.COMPLETE, self._plan.keep(running.trial, outcome.value))

    def end_running(self) -> None:
        """Marks what the pool didn't bring to an end as cut short; ``Progress`` closes what it has open."""
        for running in self._running.values():
            self._study.optuna.tell(running.trial, state=TrialState.FAIL)

    def _judge(
        self, trial: optuna.Trial, epoch: int, metrics: Metrics
    ) -> tuple[TrialState, str | None] | None:
        """How the trial ends after this epoch; None if it goes on."""
        for key in ("loss", "validation_loss"):
            if not math.isfinite(metrics[key]):
                return TrialState.FAIL, (
                    f"{key} is {metrics[key]} after epoch {epoch}: lower train.learning_rate, set "
                    "train.clipnorm, or set model.activation to tanh"
                )
        trial.report(self._study.score(metrics), epoch)
        if self._interruption.requested and epoch < self._progress.epochs:
            return TrialState.FAIL, None
        return (TrialState.PRUNED, None) if trial.should_prune() else None

    def _end(
        self, name: str, state: TrialState, result: Result | None = None, reason: str | None = None
    ) -> None:
        running = self._running[name]
        trial, metrics = running.trial, {"seconds": time.perf_counter() - running.started}
        trial.set_user_attr(
            "curve",  # as JSON, which has no NaN
            [
                {key: value if math.isfinite(value) else None for key, value in row.items()}
                for row in running.curve
            ],
        )
        if result is not None:
            metrics |= result.metrics
            for key, value in result.attributes.items():
                trial.set_user_attr(key, value)
        if reason is not None:
            trial.set_user_attr(REASON, reason)
        # First the record, since a trial that the study holds as ended is never looked at again.
        try:
            texts = result.texts if result is not None else {}
            self._progress.ended(trial.number, state.name, metrics, reason, texts)
        finally:  # where the tracking server is lost, the trial isn't
            self._study.optuna.tell(trial, None if result is None else result.score, state)
            del self._running[name]
