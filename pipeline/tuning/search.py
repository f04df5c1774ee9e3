"""The whole of a search: run what is missing, train finalists with more seeds, choose the winner."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from pipeline.cluster import Job, JobList, Pool, needs_processes, open_pool, worker_count
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption, interruptible
from pipeline.runtime.live import LiveLine, wrapped
from pipeline.training.epoch import Listen
from pipeline.training.task import Data, Trained, num_epochs
from pipeline.tuning.progress import Progress, show_epoch
from pipeline.tuning.sampling import REASON, configured_suggestions
from pipeline.tuning.storage import held
from pipeline.tuning.study import Search, repeat_key, score_name, score_of
from pipeline.tuning.trials import Result, run_trials

# Which trial won, and its network: the kept one, or one trained again from its params and seed.

Fit = Callable[..., Trained]  # (params, seed, data, listen)


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
    study: Search, fit: Fit, pool: Pool, progress: Progress, interruption: Interruption
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
            progress.repeated(trial.number, seed, scores[trial.number][-1])
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
            params, fit, pool, interruption, lambda epoch: show_epoch(live, title, epoch, passes)
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
    listen: Listen = lambda epoch: None,
) -> Trained:
    fitted: dict[str, Trained] = {}
    job = Job("winner", fit, (params, params.seed))
    pool.run(JobList([job], fitted.__setitem__, interruption, listen))
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


def search(study: Search, fit: Fit, data: Mapping[str, np.ndarray], progress: Progress) -> Winner:
    """Runs the trials that ``study`` lacks and returns its best.

    Args:
        study: from ``open_search``.
        fit: trains a network of the given params and seed; another process must be able to import it.
        data: what every fit reads, sent to each worker once.
        progress: told of each trial.

    Raises:
        InterruptedError: after Ctrl-C or SIGTERM; the study is kept, and its message says how to go on.
        UserError: if no trial is complete, or another process runs the study.
    """
    with held(study.folder, study.name), interruptible() as interruption:
        study.set_attribute("delivered", False)
        study.set_attribute("trials", study.params.tune.trials)
        progress.opened(study.name, len(study.finished()), study.params.tune.trials)
        plan = _Plan(study, fit, num_epochs(study.params, data))
        try:
            count = _num_missing(study)
            with open_pool(study.name, study.params.cluster, study.params.tune.workers, count, data) as pool:
                run_trials(study, plan, pool, progress, interruption)
                study.forget_outdone()
                winner = choose_winner(study, fit, pool, progress, interruption)
                if study.params.tune.epochs is None:
                    return winner
                return train_in_full(winner, fit, data, pool, interruption)
        except KeyboardInterrupt:
            raise InterruptedError(_how_to_go_on(study)) from None


def needs_workers(study: Search) -> bool:
    """Whether other processes fit the networks that ``study`` lacks, and not this one."""
    return needs_processes(study.params.cluster, study.params.tune.workers, _num_missing(study))


def search_order(params: Params) -> str:
    """What a report says about the order in which the search space was tried."""
    workers = "the cluster's" if params.cluster.address else worker_count(params.tune.workers)
    if workers == 1:
        return "one after another, the same each time"
    return f"depends on the timing of {workers} workers; the winner trained again gives the same digits"


class _Plan:
    """The configured model, then the sampler's draws, until there are ``tune.trials``."""

    def __init__(self, study: Search, fit: Fit, epochs: int) -> None:
        self._study, self.function, self.epochs = study, fit, epochs
        self._tune = study.params.tune
        self._deadline = None if self._tune.timeout is None else time.monotonic() + self._tune.timeout

    def next_trial(self) -> optuna.Trial | None:
        """The configured model, the values of a trial that was cut short, or the sampler's draw."""
        self._study.forget_outdone()
        taken = len(self._study.finished()) + len(self._study.trials(TrialState.RUNNING))
        late = self._deadline is not None and time.monotonic() >= self._deadline
        if late or taken >= self._tune.trials:
            return None
        if taken == 0:
            return self._study.ask(configured_suggestions(self._study.params))
        waiting = self._study.cut_short()
        return self._study.ask(waiting[0] if waiting else None)

    def name(self, trial: optuna.Trial) -> str:
        """``trial 3``."""
        return f"trial {trial.number}"

    def arguments(self, trial: optuna.Trial) -> tuple[Any, ...]:
        """The trial's params and their seed."""
        params = self._study.params_of(trial)
        return params, params.seed

    def keep(self, trial: optuna.Trial, value: Trained) -> Result:
        """Saves the network if it may win."""
        score = float(self._study.score(value.best))
        best = self._study.ranked()[: self._tune.finalists]
        if len(best) < self._tune.finalists or score > float(best[-1].value or 0):
            self._study.keep_network(trial.number, value.network)
        attributes = {"best_epoch": value.best_epoch, "implementation": value.implementation}
        texts = {"model_summary.txt": value.summary} if value.summary else {}
        return Result(score, attributes, {f"best_{self._study.score_name}": score}, texts)


def _num_missing(study: Search) -> int:
    tune = study.params.tune
    in_full = tune.epochs is not None
    return max(0, tune.trials - len(study.finished())) + tune.finalists * (tune.seeds - 1) + in_full


def _how_to_go_on(study: Search) -> str:
    finished, ranked = len(study.finished()), study.ranked()
    wanted = study.params.tune.trials
    lines = [f"study {study.name} was interrupted with {finished} of {wanted} trials finished"]
    if ranked:
        lines.append(f"best so far: trial {ranked[0].number}, {study.score_name} {ranked[0].value:.4f}")
    lines.append("`dvc repro` goes on with it")
    if ranked and finished > 1:
        lines.append(f"`dvc exp run -S tune.trials={finished}` settles for these trials")
    return "\n".join(lines)
