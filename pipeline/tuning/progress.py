"""The study as a person watches it: a line for each epoch, with the time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pipeline.params import Params
from pipeline.tuning import Observer


class Progress:
    """Prints each epoch of each trial and passes everything on to another observer."""

    def __init__(self, params: Params, then: Observer) -> None:
        self._params = params
        self._then = then
        self._started = time.monotonic()
        self._epochs_done = 0
        self._finished = 0
        self._title = ""

    def opened(self, study: str, finished: int) -> None:
        """Names the study and what it has already."""
        trials = self._params.tune.trials
        print(
            f"study {study}: {finished} of {trials} trials finished before" if finished else f"study {study}"
        )
        self._then.opened(study, finished)

    def started(self, number: int, values: Mapping[str, Any], finished: int) -> None:
        """Names the trial and its values."""
        self._finished = finished
        shown = "  ".join(f"{key.split('.')[1]} {_short(value)}" for key, value in values.items())
        self._title = f"trial {number} ({self._finished}/{self._params.tune.trials} done)"
        print(f"{self._title}  {shown}")
        self._then.started(number, values, finished)

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Prints the scores of the epoch and the time left if every trial ran all its epochs."""
        self._epochs_done += 1
        trials, epochs = self._params.tune.trials, self._params.trial_epochs
        left = max(0, (trials - self._finished) * epochs - epoch)
        seconds = (time.monotonic() - self._started) / self._epochs_done * left
        print(
            f"{self._title}  epoch {epoch}/{epochs}  loss {metrics['loss']:.4f}  "
            f"validation loss {metrics['validation_loss']:.4f}  "
            f"accuracy {metrics['validation_accuracy']:.4f}  "
            f"at most {_clock(seconds)} left"
        )
        self._then.epoch(number, epoch, metrics)

    def finished(self, number: int, state: str, metrics: Mapping[str, float], summary: str | None) -> None:
        """Says how the trial ended."""
        print(f"{self._title}  {state.lower()} after {metrics['seconds']:.0f} s")
        self._then.finished(number, state, metrics, summary)

    def lost(self, number: int) -> None:
        """Says that a trial was killed."""
        print(f"trial {number} was killed; its values are tried again")
        self._then.lost(number)

    def repeated(self, number: int, seed: int, score: float) -> None:
        """Prints a finalist's score with another seed."""
        print(f"finalist trial {number}, seed {seed}: validation accuracy {score:.4f}")
        self._then.repeated(number, seed, score)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
