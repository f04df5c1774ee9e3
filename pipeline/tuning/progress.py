"""Who hears of a study: each epoch and trial as a line of 80 columns, and in MLflow as a child run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

from pipeline.runtime.live import WIDTH, LiveLine, bar
from pipeline.tracking import PipelineRun
from pipeline.tracking.runs import STUDY_TAG
from pipeline.training.task import Epoch
from pipeline.tuning.study import SCORE, score_text

_STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}  # Optuna: MLflow


class Progress:
    """Shows a study and logs it; runs that are still open at the end were interrupted.

    Args:
        parent: the run of which trials are children.
        dataset: its name.
        score_name: what trials are ranked by.
    """

    def __init__(self, parent: PipelineRun, dataset: str, score_name: str = SCORE) -> None:
        self._parent, self._dataset, self._score_name = parent, dataset, score_name
        self._started = time.monotonic()
        self._epochs_done = self._finished = self._wanted = 0
        self._study = ""
        self._titles: dict[int, str] = {}
        self._runs: dict[int, PipelineRun] = {}
        self._live = LiveLine()

    def opened(self, study: str, finished: int, wanted: int) -> None:
        """The study called ``study`` begins, or goes on after ``finished`` trials."""
        self._study, self._finished, self._wanted = study, finished, wanted
        before = f": {finished} of {wanted} trials finished before" if finished else ""
        self._live.say(f"study {study}{before}; accuracy is that of the validation reviews")
        self._parent.set_tags({STUDY_TAG: study, "study.trials_before": finished})

    def started(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        """Trial ``number``, which a person calls ``name``, begins with ``values``."""
        unnamed = values if name == f"trial {number}" else {}  # another name tells them already
        shown = [f"{key.split('.')[-1]} {_short(value)}" for key, value in unnamed.items()]
        self._titles[number] = name
        self._live.say(shorten(f"{name} ({self._finished}/{self._wanted} done)", *shown))
        self._live.wait(f"{name} is prepared")
        tags = {STUDY_TAG: self._study, "trial.number": str(number), "dataset": self._dataset}
        self._runs[number] = self._parent.start_child(name, values, tags)

    def heard(self, number: int, epoch: Epoch) -> None:
        """What the fit of trial ``number`` says; the time left is that if every trial ran to its end."""
        left = ""
        if epoch.has_ended:
            self._epochs_done += 1
            epochs_left = max(0, (self._wanted - self._finished) * epoch.most - epoch.number)
            seconds = (time.monotonic() - self._started) / self._epochs_done * epochs_left
            left = "{}:{:02d} left".format(*divmod(round(seconds), 60))
            self._runs[number].log_metrics(epoch.metrics, epoch.number)
        show_epoch(self._live, self._titles[number], epoch, left)

    def ended(
        self,
        number: int,
        state: str,
        metrics: Mapping[str, float],
        reason: str | None,
        texts: Mapping[str, str],
    ) -> None:
        """Trial ``number`` ended as COMPLETE, PRUNED or FAIL, the latter two perhaps for a ``reason``.

        ``metrics`` are ``seconds`` and, of a complete trial, its scores, as many of which are shown as fit;
        ``texts`` are what it made, by the names of files.
        """
        self._finished += 1
        why = f": {reason}" if reason else ""
        ended = f"{self._titles[number]}  {state.lower()} after {metrics['seconds']:.0f} s{why}"
        # As in the epochs' lines, scores are those of the validation reviews: short words, which have room.
        shown = [score_text(name, value, 3) for name, value in metrics.items() if "seconds" not in name]
        self._live.say(shorten(ended, *shown))
        run = self._runs[number]
        for name, text in texts.items():
            run.log_text(text, name)
        run.log_metrics(metrics)
        run.set_tags({"trial.state": state} | ({"trial.reason": reason} if reason else {}))
        self._runs.pop(number).end(_STATUS[state])

    def lost(self, number: int) -> None:
        """The process that ran trial ``number`` is gone."""
        self._live.say(f"trial {number} was killed; its values are tried again")
        self._parent.end_lost_trial(self._study, number)

    def repeated(self, number: int, seed: int, score: float) -> None:
        """The network of trial ``number`` was trained again with another seed, the metric's step."""
        name = self._score_name
        self._live.say(f"finalist trial {number}, seed {seed}: validation {score_text(name, score)}")
        self._parent.log_metrics({f"trial_{number}_{name}": score}, seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run in self._runs.values():
            run.cut_short()


def show_epoch(live: LiveLine, title: str, epoch: Epoch, left: str = "") -> None:
    """Shows a line for an epoch that has ended, else a bar."""
    line = epoch_line(title, epoch, left)
    if epoch.has_ended:
        live.say(line)
        live.wait(title)
    else:
        live.show(line)


def epoch_line(title: str, epoch: Epoch, left: str = "") -> str:
    """An epoch's number and scores, or how far it is, as every line of a training shows them.

    >>> epoch_line("trial 3", Epoch(2, 5, 0.25, {}))
    'trial 3  epoch 2/5  [#####...............]  25%'
    """
    number = f"epoch {epoch.number}/{epoch.most}" if epoch.number else "pretraining"
    if not epoch.has_ended:
        return shorten(title, number, bar(epoch.share))
    accuracy = f"accuracy {epoch.metrics[SCORE]:.3f}"
    losses = f"loss {epoch.metrics['loss']:.3f}, validation {epoch.metrics['validation_loss']:.3f}"
    return shorten(title, number, accuracy, losses, left)


def shorten(*parts: str) -> str:
    """The parts side by side, without the last ones if a line of the terminal doesn't hold them.

    >>> shorten("trial 3", "epoch 1/5", "word " * 20)
    'trial 3  epoch 1/5'
    """
    line = parts[0]
    for part in parts[1:]:
        if part and len(line) + 2 + len(part) <= WIDTH:
            line += f"  {part}"
    return line


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
