"""The study's figures, and how to read each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.params import Cell
from pipeline.reporting import cell_name
from pipeline.reporting.page import Picture
from pipeline.runtime.plotting import COLORS, ShareY, make_panels, save, shared_legend
from studies.depth.claims import initial_decades, trained_decades
from studies.depth.fits import CLIPPING, DROPOUT, PLAIN, Fit, Record, Records
from studies.depth.tables import When, mean_norms, repeats

# What figures of several networks share: the cells' colours, named panels, a line through seeds' means.

CELL_STYLE: dict[str, dict[str, Any]] = {
    cell: {"color": color, "marker": marker, "label": cell_name(cell)}
    for cell, color, marker in zip(get_args(Cell), COLORS, "os^D", strict=False)
}
BASELINE_STYLE: dict[str, Any] = {"color": "#555555", "linestyle": ":", "label": "bag of n-grams"}


def draw_panels(
    rows: Mapping[str, Any],
    columns: Mapping[str, Any],
    draw: Callable[[Axes, Any, Any], None],
    share_y: ShareY = "all",
) -> Figure:
    """A figure with a panel for each row, by the label of its y axis, and each column, by its title.

    Titles stand above the top row only, labels of the x axis below the bottom row.
    """
    figure, panels = make_panels(len(rows), len(columns), share_y)
    for number, (line, (label, row)) in enumerate(zip(panels, rows.items(), strict=True), start=1):
        line[0].set_ylabel(label)
        for axes, (title, column) in zip(line, columns.items(), strict=True):
            draw(axes, row, column)
            if number == 1:
                axes.set_title(title)
            if number < len(rows):
                axes.set_xlabel("")
    shared_legend(figure)
    return figure


def limit_accuracy(figure: Figure) -> Figure:
    """Keeps a shared axis of accuracies to what they can be, however wide an interval is."""
    low, high = figure.axes[0].get_ylim()
    figure.axes[0].set_ylim(max(low, 0.0), min(high, 1.0))
    return figure


def dodge(cells: Sequence[str]) -> list[tuple[float, str]]:
    """The cells with a shift to the side, so that their dots don't hide each other."""
    return [(0.08 * (index - (len(cells) - 1) / 2), cell) for index, cell in enumerate(cells)]


def seeds_line(axes: Axes, x: Sequence[float], samples: Sequence[Sequence[float]], cell: str) -> None:
    """A line through the samples' means, and a dot for each value: a seed."""
    style = CELL_STYLE[cell]
    axes.plot(x, [float(np.mean(sample)) for sample in samples], markersize=5, linewidth=1.4, **style)
    places = [place for place, sample in zip(x, samples, strict=True) for _ in sample]
    values = [value for sample in samples for value in sample]
    axes.scatter(places, values, s=9, color=style["color"], alpha=0.55, zorder=3)


Number = Callable[[Record], float]


def _cells(records: Records) -> list[str]:
    return [cell for cell in CELL_STYLE if any(fit.cell == cell for fit in records)]


def _depths(records: Records) -> list[int]:
    return sorted({fit.depth for fit in records})


def _skips(records: Records) -> dict[str, str]:
    """By the title of its panel."""
    there = {fit.skip for fit in records}
    return {f"skip: {skip}": skip for skip in ("none", "residual", "highway") if skip in there}


def write(records: Records, dataset: str, baseline: float, folder: Path) -> list[Picture]:
    """Draws all figures as PNG in ``folder``, in the order of their numbers, from 1.

    Titles carry the data set's name; ``baseline`` is the validation accuracy of the bag of n-grams.
    """
    drawn = []
    for stem, (name, reading, draw) in FIGURES.items():
        figure = draw(records, baseline)
        figure.suptitle(f"{name}, {dataset}")
        save(figure, folder / f"{stem}.png")
        drawn.append(Picture(folder / f"{stem}.png", name, reading))
    return drawn


def accuracy_figure(records: Records, baseline: float) -> Figure:
    def draw(axes: Axes, split: str, skip: str) -> None:
        _by_depth(axes, records, skip, lambda record: record.scores[f"{split}_accuracy"])
        if split == "validation":
            axes.axhline(baseline, **BASELINE_STYLE)

    rows = {f"{split} accuracy": split for split in ("validation", "test")}
    return limit_accuracy(draw_panels(rows, _skips(records), draw))


def gradient_figure(records: Records, _baseline: float) -> Figure:
    deepest = _depths(records)[-1]
    colors = colormaps["viridis"](np.linspace(0, 0.9, deepest))
    rows: dict[str, tuple[When, str]] = {
        "before training": ("initial", PLAIN),
        "after training": ("trained", PLAIN),
        "after training,\nclipped": ("trained", CLIPPING),
    }

    def draw(axes: Axes, row: tuple[When, str], cell: str) -> None:
        when, variant = row
        (shallow,) = mean_norms(records, Fit(cell, 1, "none", variant, 0), when)
        norms = mean_norms(records, Fit(cell, deepest, "none", variant, 0), when)
        steps = np.arange(1, len(shallow) + 1)
        axes.plot(steps, shallow, color="#555555", linestyle="--", label="depth 1")
        for layer, (values, color) in enumerate(zip(norms, colors, strict=True), start=1):
            axes.plot(steps, values, color=color, label=f"depth {deepest}, layer {layer}")
        axes.set_yscale("log")
        axes.set_xlabel("time step")

    labelled = {f"{title}\nnorm of dLoss/dh": row for title, row in rows.items()}
    return draw_panels(labelled, {CELL_STYLE[cell]["label"]: cell for cell in _cells(records)}, draw)


def reach_figure(records: Records, _baseline: float) -> Figure:
    moments = {"before": initial_decades, "after": trained_decades}
    rows = {f"{moment} training\npowers of ten": number for moment, number in moments.items()}

    def draw(axes: Axes, number: Number, skip: str) -> None:
        _by_depth(axes, records, skip, number)

    return draw_panels(rows, _skips(records), draw, share_y="row")


def curves_figure(records: Records, _baseline: float) -> Figure:
    def draw(axes: Axes, variant: str, depth: int) -> None:
        for cell in _cells(records):
            found = repeats(records, Fit(cell, depth, "none", variant, 0))
            for key, changed in (("validation_loss", {}), ("loss", {"linestyle": "--", "label": None})):
                curve = np.mean([[epoch[key] for epoch in record.curve] for record in found], axis=0)
                style = {**CELL_STYLE[cell], "markersize": 4} | changed
                axes.plot(range(1, len(curve) + 1), curve, **style)
        axes.plot([], [], color="black", label="validation")
        axes.plot([], [], color="black", linestyle="--", label="training")
        axes.set_xlabel("epoch")
        axes.set_xticks(range(1, len(found[0].curve) + 1))

    rows = {"no dropout\ncross-entropy": PLAIN, "dropout\ncross-entropy": DROPOUT}
    return draw_panels(rows, {f"depth {depth}": depth for depth in _depths(records)}, draw)


def probe_figure(records: Records, baseline: float) -> Figure:
    def draw(axes: Axes, _row: None, depth: int) -> None:
        for offset, cell in dodge(_cells(records)):
            found = repeats(records, Fit(cell, depth, "none", PLAIN, 0))
            layers = range(depth + 1)
            probes = [[record.probes[layer] for record in found] for layer in layers]
            seeds_line(axes, [layer + offset for layer in layers], probes, cell)
        axes.axhline(baseline, **BASELINE_STYLE)
        axes.set_xlabel("layer (0: embeddings)")
        axes.set_xticks(range(depth + 1))

    columns = {f"depth {depth}": depth for depth in _depths(records)}
    return limit_accuracy(draw_panels({"validation accuracy of the probe": None}, columns, draw))


def cost_figure(records: Records, baseline: float) -> Figure:
    costs: dict[str, tuple[str, Number]] = {
        "by size": ("weights above the embeddings", lambda record: record.parameters),
        "by time": ("seconds of a fit", lambda record: record.seconds),
    }

    def draw(axes: Axes, _row: None, named: tuple[str, Number]) -> None:
        name, cost = named
        axes.set_xlabel(name)
        for cell in _cells(records):
            found = [repeats(records, Fit(cell, depth, "none", PLAIN, 0)) for depth in _depths(records)]
            x = [float(np.mean([cost(record) for record in seeds])) for seeds in found]
            accuracies = [[record.scores["validation_accuracy"] for record in seeds] for seeds in found]
            seeds_line(axes, x, accuracies, cell)
            style = {"xytext": (5, 5), "textcoords": "offset points", "color": CELL_STYLE[cell]["color"]}
            for depth, at, values in zip(_depths(records), x, accuracies, strict=True):
                axes.annotate(str(depth), (at, float(np.mean(values))), **style)
        axes.axhline(baseline, **BASELINE_STYLE)

    return limit_accuracy(draw_panels({"validation accuracy": None}, costs, draw))


def _by_depth(axes: Axes, records: Records, skip: str, number: Number) -> None:
    """A line for each cell; the depths stand at even distances, the cells a little apart."""
    depths = _depths(records)
    for offset, cell in dodge(_cells(records)):
        found = [repeats(records, Fit(cell, depth, skip, PLAIN, 0)) for depth in depths]
        places = [place + offset for place in range(len(depths))]
        seeds_line(axes, places, [[number(record) for record in seeds] for seeds in found], cell)
    axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    axes.set_xlabel("recurrent layers")


# By file: the name, how to read it, and what draws it.
FIGURES: dict[str, tuple[str, str, Callable[[Records, float], Figure]]] = {
    "accuracy": (
        "Accuracy by depth",
        "The mean over the seeds and, as small dots, each seed, on the validation and on the test "
        "reviews. The dotted line is the better bag of n-grams.",
        accuracy_figure,
    ),
    "gradients": (
        "Gradient by layer and time step",
        "The norm of the loss's gradient by each layer's state, the mean over validation reviews and "
        "seeds, for the deepest stack and, dashed, for one layer. The loss is at the right end: lines "
        "that fall towards the left vanish, lines that rise explode.",
        gradient_figure,
    ),
    "reach": (
        "Reach of the gradient by depth",
        "By how many powers of ten its norm at the bottom layer's first tenth of the time steps differs "
        "from that at the top layer's last step. 0 is a gradient that arrives as it left; small dots are "
        "seeds.",
        reach_figure,
    ),
    "curves": (
        "Training and validation loss by depth",
        "The mean over the seeds. The training loss is the mean over an epoch's steps, with dropout where "
        "there is dropout.",
        curves_figure,
    ),
    "probes": (
        "What each layer knows",
        "Validation accuracy of a logistic regression on the mean of a layer's states over the time "
        "steps; small dots are seeds. The dotted line is the better bag of n-grams.",
        probe_figure,
    ),
    "cost": (
        "Accuracy by cost",
        "Validation accuracy against the number of weights above the embeddings and the wall time of a "
        "fit, compilation included. The numbers are depths, the small dots seeds.",
        cost_figure,
    ),
}
