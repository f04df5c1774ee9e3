"""The Optuna study: which values of the search space give the best validation accuracy.

The only importer of optuna. It reports through an observer, so it knows nothing of MLflow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pipeline.params import Choices, Params, Range, Value
from pipeline.training import Fitted, OnEpoch

SCORE = "validation_accuracy"

Fit = Callable[[Params, OnEpoch], Fitted]


class Observer(Protocol):
    """What is told of every trial."""

    def started(self, number: int, values: Mapping[str, Value]) -> None:
        """Trial ``number`` begins with ``values`` under dotted keys."""

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch (from 1) of trial ``number`` ended."""

    def finished(self, number: int, state: str, metrics: Mapping[str, float]) -> None:
        """Trial ``number`` ended as COMPLETE, PRUNED or FAIL."""


@dataclass(frozen=True)
class Winner:
    """The best finished trial: its number, the params it ran with, and its fitted network."""

    number: int
    params: Params
    fitted: Fitted

    @property
    def score(self) -> float:
        """Validation accuracy of the kept epoch."""
        return float(self.fitted.best[SCORE])


def search_space(params: Params) -> dict[str, BaseDistribution]:
    """Optuna's distribution for each key of ``tune.search_space``.

    A range or a list that lacks the configured value is widened to hold it, since the configured model is
    always the first trial.
    """
    configured = params.flat()
    return {key: _distribution(form, configured[key]) for key, form in params.tune.search_space.items()}


def _distribution(form: Range | Choices, configured: Value) -> BaseDistribution:
    if isinstance(form, Choices):
        choices = form.choices if configured in form.choices else (*form.choices, configured)
        return CategoricalDistribution(choices)
    if not isinstance(configured, int | float):
        raise ValueError(f"a range needs a configured number, but got {configured!r}")
    low, high = min(form.low, configured), max(form.high, configured)
    if isinstance(configured, int) and isinstance(form.low, int) and isinstance(form.high, int):
        return IntDistribution(low, high, log=form.log, step=int(form.step or 1))
    return FloatDistribution(low, high, log=form.log, step=form.step)


def search(params: Params, fit: Fit, observer: Observer) -> Winner:
    """Runs ``tune.trials`` trials, the configured model first, and returns the best.

    Args:
        params: the configured model, the search space, the sampler, the pruner and the seed.
        fit: trains one network with the given params.
        observer: told of each trial.
    """
    space = search_space(params) if params.tune.trials > 1 else {}
    study = optuna.create_study(direction="maximize", sampler=_sampler(params), pruner=_pruner(params))
    configured = params.flat()
    study.enqueue_trial({key: configured[key] for key in space})
    best: list[Winner] = []

    def objective(trial: optuna.Trial) -> float:
        values = {key: _suggest(trial, key, distribution) for key, distribution in space.items()}
        observer.started(trial.number, values)
        started = time.perf_counter()
        state, metrics = "FAIL", {}

        def on_epoch(epoch: int, logs: Mapping[str, float]) -> None:
            observer.epoch(trial.number, epoch, logs)
            trial.report(logs[SCORE], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned(f"after epoch {epoch}")

        try:
            winner = Winner(trial.number, params.replace(values), fit(params.replace(values), on_epoch))
            state, metrics = "COMPLETE", {f"best_{SCORE}": winner.score}
        except optuna.TrialPruned:
            state = "PRUNED"
            raise
        finally:
            observer.finished(trial.number, state, {**metrics, "seconds": time.perf_counter() - started})
        if not best or winner.score > best[0].score:
            best[:] = [winner]  # only one network is kept in memory
        return winner.score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study.optimize(objective, n_trials=params.tune.trials, gc_after_trial=True)
    return best[0]


def _suggest(trial: optuna.Trial, key: str, distribution: BaseDistribution) -> Value:
    match distribution:
        case CategoricalDistribution():
            return trial.suggest_categorical(key, distribution.choices)  # type: ignore[return-value]
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(key, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(key, low, high, step=step, log=log)
    raise ValueError(f"{key}: {distribution} is not a distribution of a search space")


def _sampler(params: Params) -> optuna.samplers.BaseSampler:
    if params.tune.sampler == "random":
        return optuna.samplers.RandomSampler(seed=params.seed)
    return optuna.samplers.TPESampler(seed=params.seed)


def _pruner(params: Params) -> optuna.pruners.BasePruner:
    match params.tune.pruner:
        case "hyperband":
            return optuna.pruners.HyperbandPruner(max_resource=params.train.epochs)
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1)
    return optuna.pruners.NopPruner()
