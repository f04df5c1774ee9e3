"""The figures of a run, as PNG for people: in MLflow, in reports/figures and on the page of `dvc plots show`.

Every title names the data set, so that a picture can't be taken for one of other data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.runtime.files import Row, written_whole

Rows = Sequence[Row]
SIZE = (5.2, 4.2)  # inches
MODEL_COLOR, BASELINE_COLOR, GRID_COLOR = "#1f5fa8", "#c7611b", "#d8d8d8"
COLORS = (MODEL_COLOR, BASELINE_COLOR, "#3f8f4f", "#8a5aa8")  # of a model and its rivals, in their order


def save(figure: Figure, path: Path) -> None:
    """Writes the figure as PNG; the same figure always gives the same bytes."""
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=120, bbox_inches="tight", metadata={"Software": None})


def curve_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, diagonal: bool = False) -> Figure:
    """One line for each named curve; ``x`` and ``y`` are the columns drawn.

    ``diagonal`` adds the line that guessing would give (ROC).
    """
    figure, axes = _axes(title, x, y)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=GRID_COLOR, linestyle="--", linewidth=1)
    for (name, rows), color in zip(curves.items(), COLORS, strict=False):
        axes.plot([row[x] for row in rows], [row[y] for row in rows], label=name, color=color)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower right" if diagonal else "lower left")
    return figure


def binned_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, diagonal: bool = False) -> Figure:
    """Shares by bin with their intervals, one line for each named curve, above how many reviews a bin holds.

    The rows have the columns ``x``, ``y``, low, high and reviews; ``diagonal`` adds the line where both are
    equal (calibration).
    """
    figure = Figure(figsize=(SIZE[0], 1.25 * SIZE[1]), layout="constrained")
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shares.set_title(title)
    _style(shares, "", f"{y} (95 % interval)".replace("_", " "))
    _style(counts, x.replace("_", " "), "reviews")
    if diagonal:
        shares.plot([0, 1], [0, 1], color=GRID_COLOR, linestyle="--", linewidth=1)
        shares.set_xlim(0, 1)
        shares.set_ylim(0, 1)
    # Thinner bars on thicker ones where the bins are the same.
    looks = tuple(zip(COLORS, (8, 5, 3, 1), strict=True))
    for (name, rows), (color, width) in zip(curves.items(), looks, strict=False):
        values = {key: np.array([row[key] for row in rows]) for key in (x, y, "low", "high", "reviews")}
        below, above = values[y] - values["low"], values["high"] - values[y]
        style = {"color": color, "marker": "o", "markersize": 4, "capsize": 2}
        # Wilson's interval of a share of 0 or 1 ends there, but for rounding.
        shares.errorbar(values[x], values[y], yerr=np.maximum([below, above], 0), label=name, **style)
        counts.vlines(values[x], 0, values["reviews"], color=color, linewidth=width)
    counts.set_ylim(bottom=0)
    shares.legend(frameon=False, loc="best")
    return figure


def training_figure(history: Rows, best_epoch: int, title: str) -> Figure:
    """Training and validation accuracy and loss by epoch, the kept epoch marked."""
    figure = Figure(figsize=(2 * SIZE[0], SIZE[1]), layout="constrained")
    figure.suptitle(title)
    for axes, metric in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        _style(axes, "epoch", metric)
        epochs = [row["epoch"] for row in history]
        for split, color in (("training", BASELINE_COLOR), ("validation", MODEL_COLOR)):
            axes.plot(
                epochs, [row[f"{split}_{metric}"] for row in history], marker="o", label=split, color=color
            )
        axes.axvline(best_epoch, color="grey", linestyle=":", label="kept epoch")
        axes.set_xticks(epochs)
        axes.legend(frameon=False)
    return figure


def confusion_figure(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Counts of actual against predicted labels; both arrays (num_reviews,), 0 or 1."""
    counts = np.zeros((2, 2), dtype=int)
    np.add.at(counts, (labels.astype(int), predicted.astype(int)), 1)
    figure, axes = _axes(title, "predicted", "actual")
    axes.grid(False)
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        share = count / max(counts[row].sum(), 1)
        color = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, f"{count:,}\n{share:.1%}", ha="center", va="center", color=color)
    axes.set_xticks([0, 1], names)
    axes.set_yticks([0, 1], names)
    return figure


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    _style(axes, x.replace("_", " "), y.replace("_", " "))
    return figure, axes


def _style(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=GRID_COLOR, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
