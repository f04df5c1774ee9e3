"""The whole of a search: run what is missing, train finalists with more seeds, choose the winner."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from pipeline.cluster import needs_processes, open_pool, worker_count
from pipeline.params import Params
from pipeline.runtime.interruption import interruptible
from pipeline.training.task import Trained, num_epochs
from pipeline.tuning.search_space import configured_suggestions
from pipeline.tuning.storage import held
from pipeline.tuning.study import Search
from pipeline.tuning.trials import Observer, Result, run_trials
from pipeline.tuning.winner import Fit, Winner, choose_winner, train_in_full


def search(study: Search, fit: Fit, data: Mapping[str, np.ndarray], observer: Observer) -> Winner:
    """Runs the trials that ``study`` lacks and returns its best.

    Args:
        study: from ``open_search``.
        fit: trains a network of the given params and seed; another process must be able to import it.
        data: what every fit reads, sent to each worker once.
        observer: told of each trial.

    Raises:
        InterruptedError: after Ctrl-C or SIGTERM; the study is kept, and its message says how to go on.
        UserError: if no trial is complete, or another process runs the study.
    """
    with held(study.folder, study.name), interruptible() as interruption:
        study.set_attribute("delivered", False)
        study.set_attribute("trials", study.params.tune.trials)
        observer.opened(study.name, len(study.finished()), study.params.tune.trials)
        plan = _Plan(study, fit, num_epochs(study.params, data))
        try:
            count = _num_missing(study)
            with open_pool(study.name, study.params.cluster, study.params.tune.workers, count, data) as pool:
                run_trials(study, plan, pool, observer, interruption)
                study.forget_outdone()
                winner = choose_winner(study, fit, pool, observer, interruption)
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
