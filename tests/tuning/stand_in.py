"""A study of a network whose score is a formula: no training, no tracking."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import create_autospec

from pipeline.cluster.pool import SerialPool
from pipeline.params import Params, Value
from pipeline.tracking import PipelineRun
from pipeline.training.task import Epoch, Trained
from pipeline.tuning.progress import Progress
from pipeline.tuning.search import Winner, search
from pipeline.tuning.study import Search, open_search

DATASET = {"name": "toy", "padded_digest": "sha256:" + "ab" * 32}


def score_of(params: Params, seed: int, epoch: int) -> float:
    """Best at 20 units and dropout 0.3; each epoch adds 0.01, each seed above 42 takes 0.001."""
    units, dropout = params.model.layer_units[0], params.model.dropout
    return 0.8 - abs(units - 20) / 1000 - abs(dropout - 0.3) / 10 + epoch / 100 - (seed - 42) / 1000


@dataclass
class StandInFit:
    """Counts its calls; ``before_epoch`` is called with the call's index and the epoch to come."""

    before_epoch: Callable[[int, int], None] = lambda call, epoch: None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, params: Params, seed: int, data: Any, listen: Any) -> Trained:
        call = len(self.calls)
        self.calls.append({"units": params.model.units, "dropout": params.model.dropout, "seed": seed})

        def heard(epoch: Epoch) -> None:
            listen(epoch)
            if epoch.number < epoch.most:
                self.before_epoch(call, epoch.number + 1)

        self.before_epoch(call, 1)
        return fit_formula(params, seed, data, heard)


def send(signal_number: int, in_call: int, before_epoch: int) -> Callable[[int, int], None]:
    """A ``before_epoch`` that sends this process a signal."""

    def send(call: int, epoch: int) -> None:
        if (call, epoch) == (in_call, before_epoch):
            os.kill(os.getpid(), signal_number)

    return send


def fit_formula(params: Params, seed: int, data: Any, listen: Any) -> Trained:
    """Its network says what it was fitted with, so that a test can tell whose network a file holds."""
    history = []
    for epoch in range(1, params.trial_epochs + 1):
        score = score_of(params, seed, epoch)
        metrics = {"loss": 1 - score, "accuracy": score}
        history.append(metrics | {f"validation_{name}": value for name, value in metrics.items()})
        listen(Epoch(epoch, params.trial_epochs, 1.0, history[-1]))
    text = f"{params.model.units} units, dropout {params.model.dropout}, seed {seed}"
    return Trained(text.encode(), tuple(history), len(history), "formula")


class Recorder(Progress):
    """Keeps what it was told, as (event, trial) pairs, and shows and logs nothing."""

    def __init__(self) -> None:
        super().__init__(create_autospec(PipelineRun, instance=True), "toy")
        self.events: list[tuple[str, Any]] = []
        self.heard_epochs: list[tuple[int, int]] = []

    def opened(self, study: str, finished: int, wanted: int) -> None:
        self.events.append(("opened", finished))

    def started(self, number: int, name: str, values: Mapping[str, Value]) -> None:
        self.events.append(("started", number))

    def heard(self, number: int, epoch: Epoch) -> None:
        self.heard_epochs.append((number, epoch.number))

    def ended(self, number: int, state: str, *_: Any) -> None:
        self.events.append((state, number))

    def lost(self, number: int) -> None:
        self.events.append(("lost", number))

    def repeated(self, number: int, seed: int, score: float) -> None:
        self.events.append((f"seed {seed}", number))


def run_search(study: Search, fit: Any, progress: Progress | None = None) -> Winner:
    """Searches in this process."""
    return search(study, fit, SerialPool({}), progress or Recorder())


def run_study(params: Params, fit: Any, progress: Progress | None = None) -> tuple[Search, Winner]:
    """Opens, runs and delivers a study, as the train stage does."""
    study = open_search(params, DATASET)
    winner = run_search(study, fit, progress)
    study.set_attribute("delivered", True)
    return study, winner
