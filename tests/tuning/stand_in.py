"""A study of a network whose score is a formula: no training, no tracking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.params import Params, Value
from pipeline.tuning import Study, Winner, open_study, search

DATASET = {"name": "toy", "padded_digest": "sha256:" + "ab" * 32}


def score_of(params: Params, seed: int, epoch: int) -> float:
    """Best at 20 units and dropout 0.3; each epoch adds 0.01, each seed above 42 takes 0.001."""
    units, dropout = params.model.layer_units[0], params.model.dropout
    return 0.8 - abs(units - 20) / 1000 - abs(dropout - 0.3) / 10 + epoch / 100 - (seed - 42) / 1000


@dataclass(frozen=True)
class StandInNetwork:
    """Saves what it was fitted with, so that a test can tell whose network a file holds."""

    text: str

    def save(self, path: Path) -> None:
        path.write_text(self.text)


@dataclass(frozen=True)
class StandInFitted:
    model: StandInNetwork
    history: tuple[Mapping[str, float], ...]
    implementation: str = "formula"

    @property
    def best_epoch(self) -> int:
        return len(self.history)

    @property
    def best(self) -> Mapping[str, float]:
        return self.history[-1]


@dataclass
class StandInFit:
    """Counts its calls; ``before_epoch`` is called with the call's index and the epoch to come."""

    before_epoch: Callable[[int, int], None] = lambda call, epoch: None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, params: Params, seed: int, on_epoch: Any) -> Any:
        call = len(self.calls)
        self.calls.append({"units": params.model.units, "dropout": params.model.dropout, "seed": seed})
        history = []
        for epoch in range(1, params.train.epochs + 1):
            self.before_epoch(call, epoch)
            score = score_of(params, seed, epoch)
            metrics = {"loss": 1 - score, "validation_loss": 1 - score, "validation_accuracy": score}
            history.append(metrics)
            if on_epoch is not None:
                on_epoch(epoch, metrics)
        text = f"{params.model.units} units, dropout {params.model.dropout}, seed {seed}"
        return StandInFitted(StandInNetwork(text), tuple(history))


class Recorder:
    """An observer that keeps what it was told, as (event, trial) pairs."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def opened(self, study: str, finished: int) -> None:
        self.events.append(("opened", finished))

    def started(self, number: int, values: Mapping[str, Value], finished: int) -> None:
        self.events.append(("started", number))

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        pass

    def finished(self, number: int, state: str, metrics: Mapping[str, float], summary: str | None) -> None:
        self.events.append((state, number))

    def lost(self, number: int) -> None:
        self.events.append(("lost", number))

    def repeated(self, number: int, seed: int, score: float) -> None:
        self.events.append((f"seed {seed}", number))


def run_study(params: Params, fit: Any, observer: Any = None) -> tuple[Study, Winner]:
    """Opens, runs and delivers a study, as the train stage does."""
    study = open_study(params, DATASET)
    winner = search(study, fit, observer or Recorder())
    study.set_attribute("delivered", True)
    return study, winner
