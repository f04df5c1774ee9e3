"""The whole of a search: run what is missing, train finalists with more seeds, choose the winner."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import optuna
from optuna.trial import TrialState

from pipeline.cluster.jobs import Job, Pool, call, run_all
from pipeline.cluster.pool import worker_count
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import Interruption, interruptible
from pipeline.runtime.live import LiveLine, wrap
from pipeline.training.task import Trained
from pipeline.tuning.progress import Progress, show_epoch
from pipeline.tuning.sampling import configured_suggestions
from pipeline.tuning.storage import hold
from pipeline.tuning.study import REASON, SCORE, Search, repeat_key, score_text
from pipeline.tuning.trials import Plan, Result, run_trials

Fitter = Callable[..., Trained]  # (params, seed, data, listen)


@dataclass(frozen=True, kw_only=True)
class Winner(Trained):
    """The best trial's network: the kept one, or one trained again from its params and seed.

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


def search_order(params: Params) -> str:
    """What a report says about the order in which the search space was tried."""
    workers = "the cluster's" if params.cluster.address else worker_count(params.tune.workers)
    if workers == 1:
        return "one after another, the same each time"
    return f"depends on the timing of {workers} workers; the winner trained again gives the same digits"


def search(study: Search, fit: Fitter, pool: Pool, progress: Progress) -> Winner:
    """Runs the trials that ``study`` lacks and returns its best.

    Args:
        study: from ``open_search``.
        fit: trains a network of the given params and seed; another process must be able to import it.
        pool: where networks are fitted.
        progress: told of each trial.

    Raises:
        InterruptedError: after Ctrl-C or SIGTERM; the study is kept, and its message says how to go on.
        UserError: if no trial is complete, a further fit fails, or another process runs the study.
    """
    with hold(study.folder, study.name), interruptible() as interruption:
        study.set_attribute("delivered", False)
        progress.opened(study.name, len(study.finished_trials()), study.params.tune.trials)
        plan = Plan(
            _trials(study),
            fit,
            lambda trial: (study.params_of(trial), study.params.seed),
            lambda trial, trained: _keep(study, trial, trained),
        )
        try:
            run_trials(study, plan, pool, progress, interruption)
            study.forget_outdone()
            winner = _choose_winner(study, fit, pool, progress, interruption)
            if study.params.tune.epochs is None:
                return winner
            return _train_in_full(study, winner, fit, pool, interruption)
        except KeyboardInterrupt:
            raise InterruptedError(_how_to_go_on(study)) from None


def _trials(study: Search) -> Iterator[tuple[optuna.Trial, str]]:
    """The configured model, the values of trials that were cut short, then the sampler's draws."""
    tune, started = study.params.tune, time.monotonic()
    while tune.timeout is None or time.monotonic() - started < tune.timeout:
        study.forget_outdone()
        taken = len(study.finished_trials()) + len(study.trials(TrialState.RUNNING))
        if taken >= tune.trials:
            return
        waiting = [configured_suggestions(study.params)] if taken == 0 else study.values_cut_short()
        trial = study.ask(waiting[0] if waiting else None)
        yield trial, f"trial {trial.number}"


def _keep(study: Search, trial: optuna.Trial, trained: Trained) -> Result:
    """Saves the network if it may win."""
    score, finalists = float(study.score(trained.best)), study.params.tune.finalists
    best = study.ranked_trials()[:finalists]
    if len(best) < finalists or score > float(best[-1].value or 0):
        study.keep_network(trial.number, trained.network)
    attributes = {"best_epoch": trained.best_epoch, "implementation": trained.implementation}
    texts = {"model_summary.txt": trained.summary} if trained.summary else {}
    metrics = {f"best_{SCORE}": float(trained.best[SCORE]), f"best_{study.score_name}": score}
    return Result(score, attributes, metrics, texts)


def _choose_winner(
    study: Search, fit: Fitter, pool: Pool, progress: Progress, interruption: Interruption
) -> Winner:
    """The best finalist by its mean over ``tune.seeds`` seeds; of equals the one that ranked higher.

    Each finalist is trained with each further seed once over the study's life.
    """
    finalists, seeds = study.ranked_trials()[: study.params.tune.finalists], study.repeat_seeds()
    if not finalists:
        raise UserError(_why_none(study))
    jobs = [
        Job(repeat_key(trial.number, seed), fit, (study.params_of(trial), seed))
        for trial in finalists
        for seed in seeds
        if repeat_key(trial.number, seed) not in study.attributes
    ]

    def keep(key: str, trained: Trained) -> None:
        study.set_attribute(key, float(study.score(trained.best)))

    run_all(pool, jobs, keep, interruption)
    scores = {}
    for trial in finalists:
        repeats = study.repeats(trial.number)
        scores[trial.number] = [float(trial.value or 0), *repeats]
        for seed, score in zip(seeds, repeats, strict=True):
            progress.repeated(trial.number, seed, score)
    best = max(finalists, key=lambda trial: statistics.fmean(scores[trial.number]))
    params, file, of_best = study.params_of(best), study.network_file(best.number), scores[best.number]
    if retrained := not file.exists():
        print(f"no network of trial {best.number} is kept here: it is trained again")
        trained = call(pool, Job("winner", fit, (params, params.seed)), interruption)
        study.keep_network(best.number, trained.network)
        of_best[0] = float(study.score(trained.best))
        said = f"the same digits as before: {of_best[0]}"
        if of_best[0] != best.value:
            cause = "the trial ran on another machine or with another number of threads"
            said = f"trained again it scores {of_best[0]}, not {best.value}: {cause}"
        print(wrap(said))
    else:
        kept = best.user_attrs
        trained = Trained(file.read_bytes(), tuple(kept["curve"]), kept["best_epoch"], kept["implementation"])
    return Winner(
        **vars(trained), number=best.number, params=params, scores=tuple(of_best), retrained=retrained
    )


def _train_in_full(
    study: Search, winner: Winner, fit: Fitter, pool: Pool, interruption: Interruption
) -> Winner:
    """The winner of trials of ``tune.epochs``, trained as ``distill`` and ``train`` say."""
    params = winner.params.replace({"tune.epochs": None})
    started = time.perf_counter()
    print(f"trial {winner.number} won the search; it is now trained in full")
    live, title = LiveLine(), f"trial {winner.number} in full"
    live.wait(f"{title} is prepared")
    try:
        job = Job(title, fit, (params, params.seed))
        trained = call(pool, job, interruption, lambda epoch: show_epoch(live, title, epoch))
    finally:
        live.clear()
    scores, seconds = (float(study.score(trained.best)),), time.perf_counter() - started
    return replace(winner, **vars(trained), params=params, scores=scores, seconds_in_full=seconds)


def _why_none(study: Search) -> str:
    reasons = [
        f"trial {trial.number} failed: {trial.user_attrs[REASON]}"
        for trial in study.trials(TrialState.FAIL, TrialState.PRUNED)
        if REASON in trial.user_attrs
    ]
    none = f"study {study.name} has no complete trial"
    return "\n".join([none, *reasons[-3:]]) if reasons else f"{none}: raise tune.trials or tune.timeout"


def _how_to_go_on(study: Search) -> str:
    finished, ranked = len(study.finished_trials()), study.ranked_trials()
    done = f"{finished} of {study.params.tune.trials} trials finished"
    lines = [f"study {study.name} was interrupted with {done}"]
    if ranked:
        best = score_text(study.score_name, float(ranked[0].value or 0))
        lines.append(f"best so far: trial {ranked[0].number}, validation {best}")
    lines.append("`dvc repro` goes on with it")
    if ranked and 1 < finished < study.params.tune.trials:
        lines.append(f"`dvc exp run -S tune.trials={finished}` settles for these trials")
    return "\n".join(lines)
