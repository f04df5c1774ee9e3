"""The whole of a study: open or continue it, run its trials here or in workers, choose the winner."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.params import Params
from pipeline.runtime.cores import worker_count
from pipeline.runtime.interruption import Interruption, interruptible
from pipeline.tuning.study import FINISHED, SCORE, Study
from pipeline.tuning.trials import Fit, Observer, run_trials
from pipeline.tuning.winner import Winner, choose_winner
from pipeline.tuning.workers import TRIALS_A_PROCESS, needs_workers, run_workers

if TYPE_CHECKING:  # a process that only coordinates never loads Keras
    from pipeline.training.fitting import Fitted, OnEpoch


def search(study: Study, fit: Fit, observer: Observer) -> Winner:
    """Runs the trials that ``study`` lacks and returns its best.

    Args:
        study: from ``open_study``.
        fit: trains a network of the given params and seed.
        observer: told of each trial of this process.

    Raises:
        InterruptedError: after Ctrl-C or SIGTERM; the study is kept, and its message says how to go on.
        ValueError: if no trial is complete, or workers failed.
    """
    tune = study.params.tune
    study.set_attribute("deadline", None if tune.timeout is None else time.time() + tune.timeout)
    study.set_attribute("delivered", False)
    observer.opened(study.name, len(study.trials(*FINISHED)))
    with interruptible() as interruption:
        try:
            if needs_workers(study):
                run_workers(study, observer, interruption)
            else:
                run_trials(study, fit, observer, interruption)
            return choose_winner(study, _stoppable(fit, interruption), observer)
        except KeyboardInterrupt:
            raise InterruptedError(_how_to_go_on(study)) from None


def _stoppable(fit: Fit, interruption: Interruption) -> Fit:
    """``fit``, ended after an epoch by an interruption; a trial's own fit looks after that itself."""

    def stoppable(params: Params, seed: int, on_epoch: OnEpoch | None) -> Fitted:
        def then_look(epoch: int, metrics: Mapping[str, float]) -> None:
            if on_epoch is not None:
                on_epoch(epoch, metrics)
            if interruption.requested:
                raise KeyboardInterrupt

        return fit(params, seed, then_look)

    return stoppable


def work(study: Study, fit: Fit, observer: Observer, coordinator: int | None) -> None:
    """Runs trials of a study that another process has opened.

    Args:
        coordinator: pid of the process that keeps this one at work: then a few trials are run here. Without
            one, this process is the coordinator of ``tune.workers`` others on its machine.

    Raises:
        InterruptedError: after Ctrl-C or SIGTERM, or when the process ``coordinator`` is gone.
        ValueError: if a worker failed, or all were killed.
    """
    observer.opened(study.name, len(study.trials(*FINISHED)))
    with interruptible(coordinator) as interruption:
        try:
            if coordinator is None:
                run_workers(study, observer, interruption)
            else:
                run_trials(study, fit, observer, interruption, TRIALS_A_PROCESS)
        except KeyboardInterrupt:
            raise InterruptedError(f"worker of study {study.name} stopped; the others go on") from None


def search_order(params: Params) -> str:
    """What a report says about the order in which the search space was tried."""
    workers = worker_count(params.tune.workers)
    if workers == 1:
        return "one after another, the same each time"
    return f"depends on the timing of {workers} workers; the winner trained again gives the same digits"


def _how_to_go_on(study: Study) -> str:
    finished, ranked = len(study.trials(*FINISHED)), study.ranked()
    lines = [f"study {study.name} was interrupted with {finished} of {study.trials_wanted} trials finished"]
    if ranked:
        lines.append(f"best so far: trial {ranked[0].number}, {SCORE} {ranked[0].value:.4f}")
    lines.append("`dvc repro` goes on with it")
    if ranked and finished > 1:
        lines.append(f"`dvc exp run -S tune.trials={finished}` settles for these trials")
    return "\n".join(lines)
