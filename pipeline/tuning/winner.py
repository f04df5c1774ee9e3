"""Which trial won, and its network: the kept one, or one trained again from its params and seed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from pipeline.cluster import Job, JobList, Pool
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption
from pipeline.runtime.live import LiveLine, wrapped
from pipeline.training.task import Data, Trained, num_epochs
from pipeline.tuning.progress import show_epoch
from pipeline.tuning.sampling import REASON
from pipeline.tuning.study import Search, repeat_key, score_name, score_of
from pipeline.tuning.trials import Observer

Fit = Callable[..., Trained]  # (params, seed, data, on_epoch)


@dataclass(frozen=True, kw_only=True)
class Winner(Trained):
    """The best trial's network.

    Attributes:
        number: the trial's.
        params: what it ran with.
        scores: what the study maximises, with the configured seed, then with each further one.
        retrained: whether the network had to be trained again, since none was kept here.
        seconds_in_full: wall time of the full training after a search of short trials; None without one.
    """

    number: int
    params: Params
    scores: tuple[float, ...]
    retrained: bool
    seconds_in_full: float | None = None

    @property
    def mean(self) -> float:
        """Of ``scores``."""
        return statistics.fmean(self.scores)

    @property
    def spread(self) -> float | None:
        """Sample standard deviation of ``scores``; None for a single one."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None


def choose_winner(
    study: Search, fit: Fit, pool: Pool, observer: Observer, interruption: Interruption
) -> Winner:
    """The best finalist by its mean over ``tune.seeds`` seeds; of equals the one that ranked higher.

    Each finalist is trained with each further seed once over the study's life.

    Raises:
        KeyboardInterrupt: if ``interruption`` was requested.
        UserError: if no trial is complete, or a further fit fails.
    """
    finalists = study.ranked()[: study.params.tune.finalists]
    if not finalists:
        raise UserError(_why_none(study))
    seeds = study.repeat_seeds()
    missing = {
        repeat_key(trial.number, seed): (study.params_of(trial), seed)
        for trial in finalists
        for seed in seeds
        if repeat_key(trial.number, seed) not in study.attributes
    }

    def keep(key: str, trained: Trained) -> None:
        study.set_attribute(key, float(study.score(trained.best)))

    jobs = [Job(key, fit, arguments) for key, arguments in missing.items()]
    pool.run(JobList(jobs, keep, interruption))
    _stop_if(interruption)
    scores = {trial.number: [float(trial.value or 0)] for trial in finalists}
    for trial in finalists:
        for seed in seeds:
            scores[trial.number].append(float(study.attributes[repeat_key(trial.number, seed)]))
            observer.repeated(trial.number, seed, scores[trial.number][-1])
    best = max(finalists, key=lambda trial: statistics.fmean(scores[trial.number]))
    return _deliver(study, best, scores[best.number], fit, pool, interruption)


def train_in_full(winner: Winner, fit: Fit, data: Data, pool: Pool, interruption: Interruption) -> Winner:
    """The winner of trials of ``tune.epochs``, trained as ``distill`` and ``train`` say.

    Raises:
        KeyboardInterrupt: if ``interruption`` was requested.
        UserError: if the fit fails.
    """
    params = winner.params.replace({"tune.epochs": None})
    passes, started = num_epochs(params, data), time.perf_counter()
    print(f"trial {winner.number} won the search; it is now trained in full, {passes} epochs at most")
    live, title = LiveLine(), f"trial {winner.number} in full"
    live.wait(f"{title} is prepared")
    try:
        trained = _fit_once(
            params, fit, pool, interruption, lambda epoch, said: show_epoch(live, title, epoch, passes, said)
        )
    finally:
        live.clear()
    return replace(
        winner,
        **vars(trained),
        params=params,
        scores=(float(score_of(score_name(params), trained.best)),),
        seconds_in_full=time.perf_counter() - started,
    )


def _deliver(
    study: Search,
    best: FrozenTrial,
    scores: Sequence[float],
    fit: Fit,
    pool: Pool,
    interruption: Interruption,
) -> Winner:
    params, file, kept = study.params_of(best), study.network_file(best.number), best.user_attrs
    retrained = not file.exists()
    if retrained:
        print(f"no network of trial {best.number} is kept here: it is trained again")
        trained = _fit_once(params, fit, pool, interruption)
        study.keep_network(best.number, trained.network)
        scores = (float(study.score(trained.best)), *scores[1:])
        _compare(best, scores[0])
    else:
        curve = tuple(kept["curve"])
        trained = Trained(file.read_bytes(), curve, kept["best_epoch"], kept["implementation"])
    return Winner(
        **vars(trained), number=best.number, params=params, scores=tuple(scores), retrained=retrained
    )


def _fit_once(
    params: Params,
    fit: Fit,
    pool: Pool,
    interruption: Interruption,
    on_message: Callable[[int, Any], None] = lambda epoch, said: None,
) -> Trained:
    fitted: dict[str, Trained] = {}
    job = Job("winner", fit, (params, params.seed))
    pool.run(JobList([job], fitted.__setitem__, interruption, on_message))
    _stop_if(interruption)
    return fitted["winner"]


def _stop_if(interruption: Interruption) -> None:
    if interruption.requested:
        raise KeyboardInterrupt


def _why_none(study: Search) -> str:
    reasons = [
        f"trial {trial.number} failed: {trial.user_attrs[REASON]}"
        for trial in study.trials(TrialState.FAIL, TrialState.PRUNED)
        if REASON in trial.user_attrs
    ]
    return "\n".join(
        [f"study {study.name} has no complete trial", *reasons[-3:]]
        if reasons
        else [f"study {study.name} has no complete trial: raise tune.trials or tune.timeout"]
    )


def _compare(trial: FrozenTrial, score: float) -> None:
    if score == trial.value:
        print(f"the same digits as before: {score}")
    else:
        print(
            wrapped(
                f"trained again it scores {score}, not {trial.value}: "
                "the trial ran on another machine or with another number of threads"
            )
        )
