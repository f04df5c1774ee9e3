"""Why the winner won: a table of the trials, and figures: who scored what, who was stopped, what a value did.

Figures are of complete and pruned trials; ``winner`` is a trial's number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from pipeline.runtime.plotting import BLUE, GREY, LINE, ORANGE, make_panels, save, shared_legend
from pipeline.tuning.sampling import decode
from pipeline.tuning.study import ENDED, SCORE, Search

COMPLETE, PRUNED, WINNER = BLUE, GREY, ORANGE  # the markers say the same without colours
FEWEST_FOR_IMPORTANCE, TRIALS_A_PARAMETER = 20, 8  # complete trials; of fewer, importance is mostly chance


def trials_table(study: Search) -> list[dict[str, Any]]:
    """One row a trial that ended, by number: state, score, epochs, seconds, and the values it ran with.

    A pruned trial's score is that of its last epoch; a failed one's cells are empty. The validation accuracy
    is there beside another score.
    """
    scores = {study.score_name: score}
    scores.setdefault(SCORE, _accuracy)
    rows = []
    for trial in study.trials(*ENDED):
        values, found = decode(trial.params), {name: of(trial) for name, of in scores.items()}
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name,
                **{name: "" if math.isnan(value) else value for name, value in found.items()},
                "epochs": len(trial.intermediate_values),
                "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else "",
                **{key: values.get(key, "") for key in study.space},
            }
        )
    return rows


def _accuracy(trial: FrozenTrial) -> float:
    """Of the epoch that was kept, or of the last one of a pruned trial; NaN of a failed one."""
    curve = trial.user_attrs.get("curve")
    if trial.state == TrialState.FAIL or not curve:
        return math.nan
    return float(curve[trial.user_attrs.get("best_epoch", len(curve)) - 1][SCORE])


def pictures(study: Search, winner: int, dataset: str) -> dict[str, Figure]:
    """Figures by file stem: history always, epochs where a trial had two, slices where two trials differ,
    importance where there are trials enough to tell it."""
    ended, complete = study.trials(TrialState.COMPLETE, TrialState.PRUNED), study.trials(TrialState.COMPLETE)
    repeats = {trial.number: scores for trial in complete if (scores := study.repeats(trial.number))}
    label = study.score_name.replace("neg_", "negative ").replace("_", " ")
    figures = {"history": history_figure(ended, repeats, winner, label, f"Trials, {dataset}")}
    if any(len(trial.intermediate_values) > 1 for trial in ended):  # else it would show history's points
        figures["epochs"] = epochs_figure(ended, winner, label, f"Trials by epoch, {dataset}")
    searched = {
        key: distribution
        for key, distribution in study.space.items()
        if len({trial.params[key] for trial in ended if key in trial.params}) > 1
    }
    if searched:
        title = f"Score by parameter, {dataset}"
        figures["slices"] = slices_figure(ended, winner, searched, label, title)
    if searched and len(complete) >= max(FEWEST_FOR_IMPORTANCE, TRIALS_A_PARAMETER * len(searched)):
        evaluator = FanovaImportanceEvaluator(seed=0)
        importances = get_param_importances(study.optuna, evaluator=evaluator, params=list(searched))
        figures["importance"] = importance_figure(importances, len(complete), f"Importance, {dataset}")
    return figures


def write_pictures(study: Search, winner: int, dataset: str, folder: Path) -> None:
    """Writes each picture as FOLDER/NAME.png, and removes one that an earlier study drew and this doesn't."""
    figures = pictures(study, winner, dataset)
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    for old in folder.glob("[!.]*.png"):  # others are being written
        if old.stem not in figures:
            old.unlink()


def history_figure(
    trials: Sequence[FrozenTrial], repeats: Mapping[int, Sequence[float]], winner: int, label: str, title: str
) -> Figure:
    """The score of each trial by its number, the best so far as a step line; a bar spans a trial's seeds.

    ``repeats`` are, by a trial's number, its scores with other seeds.
    """
    figure, (axes,) = _panels(1, title, label)
    if complete := _complete(trials):
        best = np.maximum.accumulate([score(trial) for trial in complete])
        numbers = [trial.number for trial in complete]
        axes.step(numbers, best, where="post", color=LINE, linewidth=1.5, label="best so far", zorder=1)
    _draw_scores(axes, trials, winner, lambda trial: trial.number)
    for number, others in repeats.items():
        scores = [*others, *(score(trial) for trial in complete if trial.number == number)]
        axes.vlines(number, min(scores), max(scores), color=COMPLETE, linewidth=1)
        axes.scatter([number] * len(others), others, s=12, color=COMPLETE, alpha=0.6, zorder=3)
    if repeats:
        axes.plot([], [], ".", color=COMPLETE, alpha=0.6, label="other seeds")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    shared_legend(figure)
    return figure


def epochs_figure(trials: Sequence[FrozenTrial], winner: int, label: str, title: str) -> Figure:
    """The score of each trial by epoch; a pruned trial's line ends in a cross."""
    figure, (axes,) = _panels(1, title, label)
    for trial in trials:
        epochs = sorted(trial.intermediate_values)
        if not epochs:
            continue
        values = [trial.intermediate_values[epoch] for epoch in epochs]
        is_winner, pruned = trial.number == winner, trial.state == TrialState.PRUNED
        color = WINNER if is_winner else PRUNED if pruned else COMPLETE
        width, zorder = (2.2, 3) if is_winner else (1, 2)
        axes.plot(epochs, values, color=color, linewidth=width, zorder=zorder)
        axes.plot(epochs[-1], values[-1], "x" if pruned else "o", color=color, markersize=5, zorder=4)
    kinds = {"ran to its end": (COMPLETE, "o"), "pruned": (PRUNED, "x"), "winner": (WINNER, "o")}
    for kind, (color, marker) in kinds.items():
        axes.plot([], [], color=color, marker=marker, markersize=5, label=kind)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    shared_legend(figure)
    return figure


def slices_figure(
    trials: Sequence[FrozenTrial],
    winner: int,
    searched: Mapping[str, BaseDistribution],
    label: str,
    title: str,
) -> Figure:
    """The score by each searched parameter: a panel each, on the scale that it was searched on."""
    figure, axes = _panels(len(searched), title, label)
    for panel, (key, distribution) in zip(axes, searched.items(), strict=True):
        choices = getattr(distribution, "choices", ())

        def place(trial: FrozenTrial, key: str = key, choices: Sequence[object] = choices) -> float:
            value = trial.params[key]
            return choices.index(value) if choices else float(value)

        _draw_scores(panel, trials, winner, place)
        _set_scale(panel, distribution)
        panel.set_xlabel(key)
    shared_legend(figure)
    return figure


def importance_figure(importances: Mapping[str, float], count: int, title: str) -> Figure:
    """The share of the scores' variance that each parameter explains (fANOVA), the largest on top."""
    figure, (axes,) = _panels(1, title)
    keys = sorted(importances, key=lambda key: importances[key])
    axes.barh(keys, [importances[key] for key in keys], color=COMPLETE, height=0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"share of the variance explained, from {count} trials")
    return figure


def score(trial: FrozenTrial) -> float:
    """The value of a complete trial, the last epoch's score of a pruned one; NaN of a failed one."""
    if trial.state == TrialState.PRUNED and trial.last_step is not None:
        return trial.intermediate_values[trial.last_step]
    return float("nan") if trial.value is None else float(trial.value)


def _complete(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def _panels(count: int, title: str, y: str = "") -> tuple[Figure, Sequence[Axes]]:
    figure, (axes,) = make_panels(1, count)
    figure.suptitle(title)
    axes[0].set_ylabel(y)
    return figure, axes


def _draw_scores(
    axes: Axes, trials: Sequence[FrozenTrial], winner: int, place: Callable[[FrozenTrial], float]
) -> None:
    """A point for each trial at its ``place``, with a circle around the winner."""
    complete = _complete(trials)
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    for drawn, color, marker, label in (
        (complete, COMPLETE, "o", "ran to its end"),
        (pruned, PRUNED, "x", "pruned, score when stopped"),
    ):
        if drawn:
            points = [place(trial) for trial in drawn], [score(trial) for trial in drawn]
            axes.scatter(*points, color=color, marker=marker, s=28, label=label, zorder=2)
    for trial in (trial for trial in complete if trial.number == winner):
        point = [place(trial)], [score(trial)]
        around = axes.scatter(*point, s=120, facecolors="none", edgecolors=WINNER, linewidths=2, zorder=4)
        around.set_label("winner")


def _set_scale(axes: Axes, distribution: BaseDistribution) -> None:
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
