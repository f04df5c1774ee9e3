"""A study as a person watches it: a line for each epoch, with the time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pipeline.tuning.trials import Observer


class Progress:
    """Prints each epoch of each trial and passes everything on to another observer."""

    def __init__(self, epochs: int, then: Observer) -> None:
        self._epochs, self._then = epochs, then
        self._started = time.monotonic()
        self._epochs_done = 0
        self._finished = self._wanted = 0
        self._titles: dict[int, str] = {}

    def opened(self, study: str, finished: int, wanted: int) -> None:
        """Names the study and what it has already."""
        self._finished, self._wanted = finished, wanted
        print(f"study {study}" + (f": {finished} of {wanted} trials finished before" if finished else ""))
        self._then.opened(study, finished, wanted)

    def started(self, number: int, name: str, values: Mapping[str, Any], finished: int) -> None:
        """Names the trial and its values."""
        shown = "  ".join(f"{key.split('.')[-1]} {_short(value)}" for key, value in values.items())
        self._titles[number] = name
        print(f"{self._title(number)}  {shown}")
        self._then.started(number, name, values, finished)

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Prints the scores of the epoch and the time left if every trial ran all its epochs."""
        self._epochs_done += 1
        left = max(0, (self._wanted - self._finished) * self._epochs - epoch)
        seconds = (time.monotonic() - self._started) / self._epochs_done * left
        print(
            f"{self._title(number)}  {epoch_text(epoch, self._epochs, metrics)}  "
            f"at most {_clock(seconds)} left"
        )
        self._then.epoch(number, epoch, metrics)

    def wrote(self, number: int, texts: Mapping[str, str]) -> None:
        """Prints nothing of them."""
        self._then.wrote(number, texts)

    def finished(self, number: int, state: str, metrics: Mapping[str, float], reason: str | None) -> None:
        """Says how the trial ended."""
        self._finished += 1
        why = f": {reason}" if reason else ""
        print(f"{self._title(number)}  {state.lower()} after {metrics['seconds']:.0f} s{why}")
        self._then.finished(number, state, metrics, reason)

    def lost(self, number: int) -> None:
        """Says that a trial was killed."""
        print(f"trial {number} was killed; its values are tried again")
        self._then.lost(number)

    def repeated(self, number: int, seed: int, score: float) -> None:
        """Prints a finalist's score with another seed."""
        print(f"finalist trial {number}, seed {seed}: validation accuracy {score:.4f}")
        self._then.repeated(number, seed, score)

    def _title(self, number: int) -> str:
        return f"{self._titles[number]} ({self._finished}/{self._wanted} done)"


def epoch_text(epoch: int, epochs: int, metrics: Mapping[str, float]) -> str:
    """An epoch's number and scores, as every line of a training shows them."""
    return (
        f"epoch {epoch}/{epochs}  loss {metrics['loss']:.4f}  validation loss "
        f"{metrics['validation_loss']:.4f}  accuracy {metrics['validation_accuracy']:.4f}"
    )


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
