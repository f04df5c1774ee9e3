"""Which trial won, and its network: the kept one, or one trained again from its params and seed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial

from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import written_whole
from pipeline.tuning.study import SCORE, Study, repeat_key
from pipeline.tuning.trials import Fit, Observer, network_file


@dataclass(frozen=True)
class Winner:
    """The best trial.

    Attributes:
        number: the trial's.
        params: what it ran with.
        network: a .keras file of the weights of ``best_epoch``.
        curve: the metrics of each epoch.
        best_epoch: the epoch (from 1) that was kept.
        implementation: how the recurrent layers were computed.
        scores: validation accuracy with the configured seed, then with each further one.
        retrained: whether the network had to be trained again, since no process here had kept it.
    """

    number: int
    params: Params
    network: Path
    curve: tuple[Mapping[str, float], ...]
    best_epoch: int
    implementation: str
    scores: tuple[float, ...]
    retrained: bool

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of the kept epoch."""
        return self.curve[self.best_epoch - 1]

    @property
    def mean(self) -> float:
        """Of ``scores``."""
        return statistics.fmean(self.scores)

    @property
    def spread(self) -> float | None:
        """Sample standard deviation of ``scores``; None for a single one."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None


def choose_winner(study: Study, fit: Fit, observer: Observer) -> Winner:
    """The best finalist by its mean over ``tune.seeds`` seeds; of equals the one that ranked higher.

    Raises:
        UserError: if no trial is complete.
    """
    finalists = study.ranked()[: study.params.tune.finalists]
    if not finalists:
        raise UserError(f"study {study.name} has no complete trial: raise tune.trials or tune.timeout")
    scores = {trial.number: _scores(study, trial, fit, observer) for trial in finalists}
    best = max(finalists, key=lambda trial: statistics.fmean(scores[trial.number]))
    attributes = best.user_attrs
    curve, best_epoch, retrained = tuple(attributes["curve"]), attributes["best_epoch"], False
    implementation, network = attributes["implementation"], network_file(study, best.number)
    if not network.exists():
        print(f"no process here kept the network of trial {best.number}: it is trained again")
        fitted = fit(study.params_of(best), study.params.seed, None)
        with written_whole(network) as temporary:
            fitted.model.save(temporary)
        _compare(best, float(fitted.best[SCORE]))
        curve, best_epoch, retrained = fitted.history, fitted.best_epoch, True
        implementation = fitted.implementation
        scores[best.number] = (float(fitted.best[SCORE]), *scores[best.number][1:])
    return Winner(
        best.number,
        study.params_of(best),
        network,
        curve,
        best_epoch,
        implementation,
        scores[best.number],
        retrained,
    )


def _scores(study: Study, trial: FrozenTrial, fit: Fit, observer: Observer) -> tuple[float, ...]:
    """The trial's own score and those with further seeds, each trained once over the study's life."""
    scores = [float(trial.value or 0)]
    for seed in study.repeat_seeds():
        key = repeat_key(trial.number, seed)
        if key not in study.attributes:
            fitted = fit(study.params_of(trial), seed, None)
            study.set_attribute(key, float(fitted.best[SCORE]))
        scores.append(float(study.attributes[key]))
        observer.repeated(trial.number, seed, scores[-1])
    return tuple(scores)


def _compare(trial: FrozenTrial, score: float) -> None:
    if score == trial.value:
        print(f"the same digits as before: {score}")
    else:
        print(
            f"trained again it scores {score}, not {trial.value}: "
            "the trial ran on another machine or with another number of threads"
        )
