"""A study as a person watches it: a bar within each epoch, then a line; 80 columns hold every one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pipeline.runtime.live import WIDTH, LiveLine, bar
from pipeline.tuning.study import SCORE
from pipeline.tuning.trials import Observer


class Progress:
    """Prints each epoch of each trial and passes everything on to another observer."""

    def __init__(self, epochs: int, then: Observer, score_name: str = SCORE) -> None:
        self._epochs, self._then, self._score_name = epochs, then, score_name.replace("_", " ")
        self._started = time.monotonic()
        self._epochs_done = 0
        self._finished = self._wanted = 0
        self._titles: dict[int, str] = {}
        self._live = LiveLine()

    def opened(self, study: str, finished: int, wanted: int) -> None:
        """Names the study and what it has already."""
        self._finished, self._wanted = finished, wanted
        before = f": {finished} of {wanted} trials finished before" if finished else ""
        self._live.say(f"study {study}{before}; accuracy is that of the validation reviews")
        self._then.opened(study, finished, wanted)

    def started(self, number: int, name: str, values: Mapping[str, Any], finished: int) -> None:
        """Names the trial and its values."""
        unnamed = values if name == f"trial {number}" else {}  # another name tells them already
        shown = [f"{key.split('.')[-1]} {_short(value)}" for key, value in unnamed.items()]
        self._titles[number] = name
        self._live.say(shortened(f"{name} ({self._finished}/{self._wanted} done)", *shown))
        self._live.wait(f"{name} is prepared")
        self._then.started(number, name, values, finished)

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Prints the scores of the epoch and the time left if every trial ran all its epochs."""
        self._epochs_done += 1
        left = max(0, (self._wanted - self._finished) * self._epochs - epoch)
        seconds = (time.monotonic() - self._started) / self._epochs_done * left
        show_epoch(self._live, self._titles[number], epoch, self._epochs, metrics, f"{_clock(seconds)} left")
        self._then.epoch(number, epoch, metrics)

    def within(self, number: int, epoch: int, share: float) -> None:
        """Moves the bar."""
        show_epoch(self._live, self._titles[number], epoch, self._epochs, share)
        self._then.within(number, epoch, share)

    def wrote(self, number: int, texts: Mapping[str, str]) -> None:
        """Prints nothing of them."""
        self._then.wrote(number, texts)

    def finished(self, number: int, state: str, metrics: Mapping[str, float], reason: str | None) -> None:
        """Says how the trial ended, and its scores as far as the line holds them."""
        self._finished += 1
        why = f": {reason}" if reason else ""
        ended = f"{self._titles[number]}  {state.lower()} after {metrics['seconds']:.0f} s{why}"
        scores = {name: value for name, value in metrics.items() if "seconds" not in name}
        # As in the epochs' lines, accuracy is that of the validation reviews: a short word, which has room.
        shown = [
            f"{'accuracy' if name == SCORE else name.replace('_', ' ')} {_short(value)}"
            for name, value in scores.items()
        ]
        self._live.say(shortened(ended, *shown))
        self._then.finished(number, state, metrics, reason)

    def lost(self, number: int) -> None:
        """Says that a trial was killed."""
        self._live.say(f"trial {number} was killed; its values are tried again")
        self._then.lost(number)

    def repeated(self, number: int, seed: int, score: float) -> None:
        """Prints a finalist's score with another seed."""
        self._live.say(f"finalist trial {number}, seed {seed}: {self._score_name} {score:.4f}")
        self._then.repeated(number, seed, score)


def show_epoch(
    live: LiveLine, title: str, epoch: int, epochs: int, said: Mapping[str, float] | float, left: str = ""
) -> None:
    """The scores of an epoch that has ended, or how far the one under way is."""
    if isinstance(said, float):
        live.show(share_line(title, epoch, epochs, said))
    else:
        live.say(epoch_line(title, epoch, epochs, said, left))
        live.wait(title)


def epoch_line(title: str, epoch: int, epochs: int, metrics: Mapping[str, float], left: str = "") -> str:
    """An epoch's number and scores, as every line of a training shows them."""
    losses = f"loss {metrics['loss']:.3f}, validation {metrics['validation_loss']:.3f}"
    return shortened(
        title, f"epoch {epoch}/{epochs}", f"accuracy {metrics['validation_accuracy']:.3f}", losses, left
    )


def share_line(title: str, epoch: int, epochs: int, share: float) -> str:
    """How far an epoch is; epoch 0 is pretraining."""
    return shortened(title, f"epoch {epoch}/{epochs}" if epoch else "pretraining", bar(share))


def shortened(*parts: str) -> str:
    """The parts side by side, without the last ones if a line of the terminal doesn't hold them.

    >>> shortened("trial 3", "epoch 1/5", "word " * 20)
    'trial 3  epoch 1/5'
    """
    line = parts[0]
    for part in parts[1:]:
        if part and len(line) + 2 + len(part) <= WIDTH:
            line += f"  {part}"
    return line


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
