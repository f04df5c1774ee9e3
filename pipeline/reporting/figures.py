"""The figures of a run, as PNG for people: in MLflow, in reports/figures and on the page of `dvc plots show`.

Every title names the data set, so that a picture can't be taken for one of other data.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.calibration import BINS as RELIABILITY_BINS
from pipeline.reporting.fonts import families_for
from pipeline.runtime.files import Row, written_whole

Rows = Sequence[Row]
SIZE = (5.2, 4.2)  # inches
MODEL_COLOR, BASELINE_COLOR, GRID_COLOR = "#1f5fa8", "#c7611b", "#d8d8d8"
COLORS = (MODEL_COLOR, BASELINE_COLOR, "#3f8f4f", "#8a5aa8")  # of a model and its rivals, in their order

_ROOMY = 6  # labels whose confusion matrix has room for shares in its cells
_WIDE_NAMES = 50  # characters of all labels that have room beside each other


def save(figure: Figure, path: Path) -> None:
    """Writes the figure as PNG; the same figure always gives the same bytes.

    A character that matplotlib's own font lacks is taken from a font of this machine, if there is one.
    """
    texts = [*figure.findobj(Text)]
    for axes in figure.axes:  # whose ticks have their texts only when they are asked for
        texts += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    characters = frozenset("".join(text.get_text() for text in texts))
    fonts = rc_context({"font.sans-serif": list(families_for(characters))})
    with fonts, warnings.catch_warnings(), written_whole(path) as temporary:
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(temporary, dpi=144, bbox_inches="tight", metadata={"Software": None})


def curve_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, diagonal: bool = False) -> Figure:
    """One line for each named curve; ``x`` and ``y`` are the columns drawn.

    ``diagonal`` adds the line that guessing would give (ROC).
    """
    figure, axes = _axes(title, x, y)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=GRID_COLOR, linestyle="--", linewidth=1)
    colors = COLORS if len(curves) <= len(COLORS) else colormaps["turbo"](np.linspace(0, 1, len(curves)))
    for (name, rows), color in zip(curves.items(), colors, strict=False):
        axes.plot([row[x] for row in rows], [row[y] for row in rows], label=name, color=color, linewidth=1.4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower right" if diagonal else "lower left", fontsize="small")
    return figure


def binned_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, label: str) -> Figure:
    """Shares by bin with their intervals, one line for each named curve, a little apart from each other.

    The rows have the columns ``x``, which is called ``label``, ``y``, low, high, from and to.
    """
    figure, axes = _axes(title, label, f"{y} (95 % interval)")
    _error_lines(axes, curves, x, y)
    axes.legend(frameon=False, loc="best", fontsize="small")
    return figure


def reliability_figure(curves: Mapping[str, Rows], title: str, share: str) -> Figure:
    """The reliability diagram of each curve above how many reviews each bin of the first one holds.

    The rows have the columns probability, positive_share, low, high, from, to and reviews. On the dashed line
    both are equal: a calibrated classifier. ``share`` is what positive_share is called.
    """
    figure = Figure(figsize=(SIZE[0], 1.25 * SIZE[1]), layout="constrained")
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shares.set_title(title)
    _style(shares, "", f"{share} (95 % interval)")
    shares.plot([0, 1], [0, 1], color=GRID_COLOR, linestyle="--", linewidth=1)
    _error_lines(shares, curves, "probability", "positive_share")
    shares.set_xlim(0, 1)
    shares.set_ylim(0, 1)
    shares.legend(frameon=False, loc="upper left", fontsize="small")
    name, rows = next(iter(curves.items()))
    _style(counts, "probability", "reviews")
    places = [np.floor(min(row["from"], 0.999) * RELIABILITY_BINS) / RELIABILITY_BINS for row in rows]
    counts.bar(
        places, [row["reviews"] for row in rows], 0.9 / RELIABILITY_BINS, align="edge", color=MODEL_COLOR
    )
    counts.set_title(f"reviews by probability, {name}", fontsize="small", loc="left")
    return figure


def _error_lines(axes: Axes, curves: Mapping[str, Rows], x: str, y: str) -> None:
    for place, ((name, rows), color) in enumerate(zip(curves.items(), COLORS, strict=False)):
        values = {key: np.array([row[key] for row in rows]) for key in (x, y, "low", "high")}
        # Wilson's interval of a share of 0 or 1 ends there, but for rounding.
        reach = np.maximum([values[y] - values["low"], values["high"] - values[y]], 0)
        width = 1.8 if place == 0 else 1.0
        style: dict[str, Any] = {
            "color": color,
            "marker": "o",
            "markersize": 4,
            "capsize": 2,
            "linewidth": width,
        }
        axes.errorbar(values[x], values[y], yerr=reach, label=name, zorder=9 - place, **style)


def training_figure(history: Rows, metric: str, best_epoch: int, title: str) -> Figure:
    """Training and validation ``metric``, accuracy or loss, by epoch, the kept epoch marked."""
    figure, axes = _axes(title, "epoch", metric)
    epochs = [row["epoch"] for row in history]
    for split, color in (("training", BASELINE_COLOR), ("validation", MODEL_COLOR)):
        axes.plot(epochs, [row[f"{split}_{metric}"] for row in history], marker="o", label=split, color=color)
    axes.axvline(best_epoch, color="grey", linestyle=":", label="kept epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def confusion_figure(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Counts of actual against predicted labels; both arrays (num_reviews,), numbers of ``names``."""
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (labels.astype(int), predicted.astype(int)), 1)
    figure, axes = _axes(title, "predicted", "actual")
    axes.grid(False)
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        share = count / max(counts[row].sum(), 1)
        color = "white" if count > counts.max() / 2 else "black"
        text = f"{count:,}\n{share:.1%}" if len(names) <= _ROOMY else f"{count:,}"
        size = "medium" if len(names) <= _ROOMY else "x-small"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=0 if sum(map(len, names)) < _WIDE_NAMES else 90)
    axes.set_yticks(ticks, names)
    return figure


def histogram_figure(samples: Mapping[str, np.ndarray], x: str) -> Figure:
    """The shares of each sample's values, (num_reviews,), in the same bins, up to the 99th percentile."""
    figure, axes = _axes(x, x, "share")
    values = np.concatenate(list(samples.values()))
    edges = np.linspace(values.min(), max(np.quantile(values, 0.99), values.min() + 1e-9), 31).tolist()
    for (name, sample), color in zip(samples.items(), COLORS, strict=False):
        weights = np.full(len(sample), 1 / len(sample))
        axes.hist(sample, edges, weights=weights, histtype="step", color=color, linewidth=1.4, label=name)
    axes.legend(frameon=False, fontsize="small")
    return figure


def over_time_figure(rows: Rows, expected: float) -> Figure:
    """Accuracy by period with its interval, and the expected one; rows have since, accuracy, low and high."""
    figure, axes = _axes("accuracy over time", "since", "accuracy (95 % interval)")
    places = range(len(rows))
    accuracies = np.array([row["accuracy"] for row in rows])
    reach = np.maximum(
        [accuracies - [row["low"] for row in rows], [row["high"] for row in rows] - accuracies], 0
    )
    axes.errorbar(places, accuracies, yerr=reach, color=MODEL_COLOR, marker="o", markersize=4, capsize=2)
    axes.axhline(expected, color="grey", linestyle="--", linewidth=1)
    step = -(-len(rows) // 6)
    axes.set_xticks(places[::step], [str(row["since"]) for row in rows[::step]], rotation=30)
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
