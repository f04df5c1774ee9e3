"""Runs the trials of a study in this process and keeps the networks of the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import optuna
from optuna.trial import TrialState

from pipeline.params import Params, ParamsError, Value
from pipeline.runtime.files import written_whole
from pipeline.runtime.interruption import Interruption
from pipeline.tuning.search_space import suggest
from pipeline.tuning.study import FINISHED, SCORE, Study

if TYPE_CHECKING:  # a process that only coordinates never loads Keras
    from pipeline.training.fitting import Fitted, OnEpoch

POLL_SECONDS = 0.5  # between looks at trials that others run

Fit = Callable[[Params, int, "OnEpoch | None"], "Fitted"]


class Observer(Protocol):
    """What is told of a study."""

    def opened(self, study: str, finished: int) -> None:
        """The study called ``study`` begins, or goes on after ``finished`` trials."""

    def started(self, number: int, values: Mapping[str, Value], finished: int) -> None:
        """Trial ``number`` begins with ``values`` under dotted keys, after ``finished`` ones in all."""

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch (from 1) of trial ``number`` ended."""

    def finished(self, number: int, state: str, metrics: Mapping[str, float], summary: str | None) -> None:
        """Trial ``number`` ended as COMPLETE, PRUNED or FAIL; ``summary`` describes its network."""

    def lost(self, number: int) -> None:
        """The process that ran trial ``number`` is gone; its values are tried again."""

    def repeated(self, number: int, seed: int, score: float) -> None:
        """The network of trial ``number`` was trained again with another seed."""


def run_trials(
    study: Study, fit: Fit, observer: Observer, interruption: Interruption, at_most: int | None = None
) -> None:
    """Runs trials until the study, over all its processes, has as many as it wants.

    Args:
        at_most: trials to run here, whatever the study wants.

    Raises:
        KeyboardInterrupt: if ``interruption`` was requested; the trial in progress is left to be retried.
    """
    run_here = 0
    while at_most is None or run_here < at_most:
        for number in study.reclaim():
            observer.lost(number)
        room = study.room()
        if room == "none":
            return
        if interruption.requested:
            raise KeyboardInterrupt
        if room == "taken":
            time.sleep(POLL_SECONDS)
            continue
        run_here += 1
        objective = _Objective(study, fit, observer, interruption)
        try:
            study.optuna.optimize(objective, n_trials=1, gc_after_trial=True, catch=(_StoodDownError,))
        except optuna.exceptions.UpdateFinishedTrialError:
            print("this machine was silent for too long: its trial was given to another")
        forget_outdone(study)


class _StoodDownError(Exception):
    """Other processes took the last places of the study at the same moment."""


class _Objective:
    """One trial, from Optuna's suggestions to a score."""

    def __init__(self, study: Study, fit: Fit, observer: Observer, interruption: Interruption) -> None:
        self._study, self._fit = study, fit
        self._observer, self._interruption = observer, interruption

    def __call__(self, trial: optuna.Trial) -> float:
        if not self._study.claim(trial):
            raise _StoodDownError
        values = suggest(trial, self._study.space)
        self._observer.started(trial.number, values, len(self._study.trials(*FINISHED)))
        started = time.perf_counter()
        state, metrics, summary = TrialState.FAIL, {}, None
        try:
            fitted = self._fit_with(trial, values)
            score = float(fitted.best[SCORE])
            state, metrics = TrialState.COMPLETE, {f"best_{SCORE}": score}
            summary = getattr(fitted, "summary", None)
            _keep_network(self._study, trial, fitted, score)
        except optuna.TrialPruned:
            state = TrialState.PRUNED
            raise
        finally:
            metrics["seconds"] = time.perf_counter() - started
            self._observer.finished(trial.number, state.name, metrics, summary)
        return score

    def _fit_with(self, trial: optuna.Trial, values: Mapping[str, Value]) -> Fitted:
        try:
            chosen = self._study.params.replace(dict(values))
        except ParamsError as error:  # each value is allowed, but not these together
            raise optuna.TrialPruned(str(error)) from None
        curve: list[Mapping[str, float]] = []

        def on_epoch(epoch: int, metrics: Mapping[str, float]) -> None:
            curve.append(dict(metrics))
            self._observer.epoch(trial.number, epoch, metrics)
            trial.report(metrics[SCORE], epoch)
            if self._interruption.requested and epoch < chosen.trial_epochs:
                raise KeyboardInterrupt
            if trial.should_prune():
                raise optuna.TrialPruned(f"after epoch {epoch}")

        try:
            return self._fit(chosen, chosen.seed, on_epoch)
        finally:
            trial.set_user_attr("curve", curve)


def network_file(study: Study, number: int) -> Path:
    """Where this machine keeps the network of trial ``number``, if it is among the best."""
    return study.folder / f"trial-{number}.keras"


def _keep_network(study: Study, trial: optuna.Trial, fitted: Fitted, score: float) -> None:
    """Saves the network if it may win, before the trial counts as finished: so no winner is without one."""
    trial.set_user_attr("best_epoch", fitted.best_epoch)
    trial.set_user_attr("implementation", fitted.implementation)
    best = study.ranked()[: study.params.tune.finalists]
    if len(best) < study.params.tune.finalists or score > float(best[-1].value or 0):
        with written_whole(network_file(study, trial.number)) as temporary:
            fitted.model.save(temporary)


def forget_outdone(study: Study) -> None:
    """Deletes the networks of trials that ended and can't win any more."""
    kept = {trial.number for trial in study.ranked()[: study.params.tune.finalists]}
    for trial in study.trials(*FINISHED, TrialState.FAIL):
        if trial.number not in kept:
            network_file(study, trial.number).unlink(missing_ok=True)
