"""The study's figures: which trial scored what, where trials were stopped, and what each parameter did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from pipeline.runtime.plotting import BLUE, GREY, LINE, ORANGE, make_panels, shared_legend

COMPLETE, PRUNED, WINNER = BLUE, GREY, ORANGE  # the markers say the same without colours
Space = Mapping[str, BaseDistribution]
Repeats = Mapping[int, Sequence[float]]  # by a trial's number, its scores with other seeds


def history_figure(trials: Sequence[FrozenTrial], repeats: Repeats, label: str, title: str) -> Figure:
    """The score of each trial by its number, the best so far as a step line; a bar spans a trial's seeds.

    Args:
        trials: complete and pruned ones; a pruned one's score is that of its last epoch.
        repeats: scores of finalists that were trained again.
        label: what the score is.
        title: of the figure.
    """
    figure, (axes,) = make_panels(1, 1)
    complete, pruned = _of(trials, TrialState.COMPLETE), _of(trials, TrialState.PRUNED)
    if complete:
        best = np.maximum.accumulate([score(trial) for trial in complete])
        numbers = [trial.number for trial in complete]
        axes[0].step(numbers, best, where="post", color=LINE, linewidth=1.5, label="best so far", zorder=1)
    _points(axes[0], [trial.number for trial in complete], complete, COMPLETE, "o", "ran to its end")
    _points(axes[0], [trial.number for trial in pruned], pruned, PRUNED, "x", "pruned, score when stopped")
    for number, others in repeats.items():
        scores = [*others, *(score(trial) for trial in complete if trial.number == number)]
        axes[0].vlines(number, min(scores), max(scores), color=COMPLETE, linewidth=1)
        axes[0].scatter([number] * len(others), others, s=12, color=COMPLETE, alpha=0.6, zorder=3)
    if repeats:
        axes[0].plot([], [], ".", color=COMPLETE, alpha=0.6, label="other seeds")
    if (winner := chosen(complete, repeats)) is not None:
        _circle(axes[0], winner.number, winner)
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, axes, "trial", label, title)
    return figure


def epochs_figure(trials: Sequence[FrozenTrial], repeats: Repeats, label: str, title: str) -> Figure:
    """The score of each trial by epoch; a pruned trial's line ends in a cross."""
    figure, (axes,) = make_panels(1, 1)
    winner = chosen(_of(trials, TrialState.COMPLETE), repeats)
    for trial in trials:
        epochs = sorted(trial.intermediate_values)
        values = [trial.intermediate_values[epoch] for epoch in epochs]
        if not epochs:
            continue
        is_winner = winner is not None and trial.number == winner.number
        pruned = trial.state == TrialState.PRUNED
        color = WINNER if is_winner else PRUNED if pruned else COMPLETE
        axes[0].plot(
            epochs, values, color=color, linewidth=2.2 if is_winner else 1, zorder=3 if is_winner else 2
        )
        axes[0].plot(epochs[-1], values[-1], "x" if pruned else "o", color=color, markersize=5, zorder=4)
    for color, marker, said in (
        (COMPLETE, "o", "ran to its end"),
        (PRUNED, "x", "pruned"),
        (WINNER, "o", "winner"),
    ):
        axes[0].plot([], [], color=color, marker=marker, markersize=5, label=said)
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, axes, "epoch", label, title)
    return figure


def slices_figure(
    trials: Sequence[FrozenTrial], repeats: Repeats, searched: Space, label: str, title: str
) -> Figure:
    """The score by each searched parameter: a panel each, on the scale that it was searched on."""
    figure, (axes,) = make_panels(1, len(searched))
    complete, pruned = _of(trials, TrialState.COMPLETE), _of(trials, TrialState.PRUNED)
    for panel, (key, distribution) in zip(axes, searched.items(), strict=True):
        _points(panel, _places(complete, key, distribution), complete, COMPLETE, "o", "ran to its end")
        _points(panel, _places(pruned, key, distribution), pruned, PRUNED, "x", "pruned, score when stopped")
        if (winner := chosen(complete, repeats)) is not None:
            _circle(panel, _places([winner], key, distribution)[0], winner)
        _scale(panel, distribution)
        panel.set_xlabel(key)
    _finish(figure, axes, None, label, title)
    return figure


def importance_figure(importances: Mapping[str, float], count: int, title: str) -> Figure:
    """The share of the scores' variance that each parameter explains (fANOVA), the largest on top."""
    figure, (axes,) = make_panels(1, 1)
    keys = sorted(importances, key=lambda key: importances[key])
    axes[0].barh(keys, [importances[key] for key in keys], color=COMPLETE, height=0.6)
    axes[0].set_xlim(0, 1)
    _finish(figure, axes, f"share of the variance explained, from {count} trials", "", title)
    return figure


def score(trial: FrozenTrial) -> float:
    """The value of a complete trial, the last epoch's score of a pruned one; NaN of a failed one."""
    if trial.state == TrialState.PRUNED and trial.last_step is not None:
        return trial.intermediate_values[trial.last_step]
    return float("nan") if trial.value is None else float(trial.value)


def chosen(complete: Sequence[FrozenTrial], repeats: Repeats) -> FrozenTrial | None:
    """The winner: the best mean over its seeds among those trained again, else the best score."""
    finalists = [trial for trial in complete if trial.number in repeats] or list(complete)
    return max(
        finalists,
        key=lambda trial: float(np.mean([score(trial), *repeats.get(trial.number, ())])),
        default=None,
    )


def _of(trials: Sequence[FrozenTrial], state: TrialState) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == state]


def _points(
    axes: Axes, x: Sequence[float], trials: Sequence[FrozenTrial], color: str, marker: str, label: str
) -> None:
    if trials:
        axes.scatter(
            x, [score(trial) for trial in trials], color=color, marker=marker, s=28, label=label, zorder=2
        )


def _circle(axes: Axes, x: float, trial: FrozenTrial) -> None:
    place = [x], [score(trial)]
    axes.scatter(*place, s=120, facecolors="none", edgecolors=WINNER, linewidths=2, zorder=4, label="winner")


def _places(trials: Sequence[FrozenTrial], key: str, distribution: BaseDistribution) -> list[float]:
    if isinstance(distribution, CategoricalDistribution):
        return [distribution.choices.index(trial.params[key]) for trial in trials]
    return [float(trial.params[key]) for trial in trials]


def _scale(axes: Axes, distribution: BaseDistribution) -> None:
    match distribution:
        case CategoricalDistribution(choices=choices):
            axes.set_xticks(range(len(choices)), list(map(str, choices)))
            axes.set_xlim(-0.5, len(choices) - 0.5)
        case IntDistribution(log=False):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        case IntDistribution(log=True, low=low, high=high):
            axes.set_xscale("log", base=2)
            ticks = [2**power for power in range(64) if low <= 2**power <= high] or [low, high]
            axes.set_xticks(ticks, list(map(str, ticks)))
            axes.minorticks_off()
        case FloatDistribution(log=True):
            axes.set_xscale("log")


def _finish(figure: Figure, axes: Sequence[Axes], x: str | None, y: str, title: str) -> None:
    """Labels, a title, and one legend below all panels."""
    figure.suptitle(title)
    axes[0].set_ylabel(y)
    if x is not None:
        axes[0].set_xlabel(x)
    shared_legend(figure)
