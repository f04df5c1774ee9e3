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

from pipeline.cluster.jobs import Job, JobResult, Pool
from pipeline.params import ParamsError
from pipeline.runtime.interruption import Interruption
from pipeline.training.task import Epoch
from pipeline.tuning.progress import Progress
from pipeline.tuning.sampling import decode
from pipeline.tuning.study import REASON, Metrics, Study


class Result(NamedTuple):
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
    texts: Mapping[str, str] = {}


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
        # What the pool didn't bring to an end was cut short; ``Progress`` closes what it has open.
        for running in runner.running.values():
            study.optuna.tell(running.trial, state=TrialState.FAIL)
    if interruption.requested:
        raise KeyboardInterrupt


@dataclass
class _Running:
    trial: optuna.Trial
    curve: list[Metrics] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    ending: tuple[TrialState, str | None] | None = None  # decided; the job still has to hear of it


@dataclass
class _Runner:
    study: Study
    plan: Plan
    progress: Progress
    interruption: Interruption
    running: dict[str, _Running] = field(default_factory=dict)

    def jobs(self) -> Iterator[Job]:
        for trial, name in self.plan.trials:
            self.running[name] = _Running(trial)
            self.progress.started(trial.number, name, decode(trial.params))
            try:
                yield Job(name, self.plan.function, self.plan.arguments(trial))
            except ParamsError as error:  # each value is allowed, but not these together
                self._end(name, TrialState.PRUNED, str(error))

    def heard(self, job: Job, epoch: Epoch) -> bool:
        running = self.running[job.key]
        if epoch.number <= len(running.curve) and epoch.has_ended:
            return True  # a second process says again what the first, now dead, had said
        self.progress.heard(running.trial.number, epoch)
        if epoch.has_ended:
            running.curve.append(epoch.metrics)
            running.ending = self._judge(running.trial, epoch)
        return running.ending is None

    def ended(self, job: Job, outcome: JobResult) -> None:
        running = self.running[job.key]
        if outcome.error is not None:
            self._end(job.key, TrialState.FAIL, str(outcome.error))
        elif outcome.stopped:
            self._end(job.key, *(running.ending or (TrialState.FAIL, None)))
        else:
            self._end(job.key, TrialState.COMPLETE, None, self.plan.keep(running.trial, outcome.value))

    def _judge(self, trial: optuna.Trial, epoch: Epoch) -> tuple[TrialState, str | None] | None:
        """How the trial ends after this epoch; None if it goes on."""
        for key in ("loss", "validation_loss"):
            if not math.isfinite(epoch.metrics[key]):
                return TrialState.FAIL, (
                    f"{key} is {epoch.metrics[key]} after epoch {epoch.number}: lower train.learning_rate, "
                    "set train.clipnorm, or set model.activation to tanh"
                )
        trial.report(self.study.score(epoch.metrics), epoch.number)
        if self.interruption.requested and epoch.number < epoch.most:
            return TrialState.FAIL, None
        return (TrialState.PRUNED, None) if trial.should_prune() else None

    def _end(self, name: str, state: TrialState, reason: str | None, result: Result | None = None) -> None:
        running = self.running[name]
        trial, seconds = running.trial, time.perf_counter() - running.started
        curve = [  # as JSON, which has no NaN
            {key: value if math.isfinite(value) else None for key, value in row.items()}
            for row in running.curve
        ]
        attributes: dict[str, Any] = {"curve": curve} | ({} if reason is None else {REASON: reason})
        metrics, texts = {"seconds": seconds}, result.texts if result else {}
        if result is not None:
            attributes |= result.attributes
            metrics |= result.metrics
        for key, value in attributes.items():
            trial.set_user_attr(key, value)
        # First the record, since a trial that the study holds as ended is never looked at again.
        try:
            self.progress.ended(trial.number, state.name, metrics, reason, texts)
        finally:  # where the tracking server is lost, the trial isn't
            self.study.optuna.tell(trial, result.score if result else None, state)
            del self.running[name]
