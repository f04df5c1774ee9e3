"""The study's figures: one function for each, every title with the name of the data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.depth.comparisons import Measure, initial_decades, trained_decades, validation_accuracy
from pipeline.depth.grid import CLIPPING, DROPOUT, PLAIN, Fit
from pipeline.depth.panels import (
    BASELINE_STYLE,
    CELL_STYLE,
    dodged,
    limit,
    make_panels,
    outer_labels,
    seeds_line,
    shared_legend,
)
from pipeline.depth.records import Record, Records
from pipeline.depth.tables import When, mean_norms, repeats
from pipeline.reporting import figures
from pipeline.reporting.page import Picture


class _Kinds(NamedTuple):
    """What the records hold, each in the order that pictures show it in."""

    cells: list[str]
    depths: list[int]
    skips: list[str]

    @classmethod
    def of(cls, records: Records) -> _Kinds:
        skips = [skip for skip in ("none", "residual", "highway") if any(fit.skip == skip for fit in records)]
        cells = [cell for cell in CELL_STYLE if any(fit.cell == cell for fit in records)]
        return cls(cells, sorted({fit.depth for fit in records}), skips)


def write(records: Records, dataset: str, baseline: float, folder: Path) -> list[Picture]:
    """Draws all figures and writes them as PNG.

    Args:
        records: of every fit of the study.
        dataset: the name that titles carry.
        baseline: validation accuracy of the bag of words.
        folder: where the files go.

    Returns:
        The figures in the order of their numbers, from 1.
    """
    drawn = []
    for stem, name, reading, draw in FIGURES:
        figure = draw(records, baseline)
        figure.suptitle(f"{name}, {dataset}")
        figures.save(figure, folder / f"{stem}.png")
        drawn.append(Picture(folder / f"{stem}.png", name, reading))
    return drawn


def accuracy_figure(records: Records, baseline: float) -> Figure:
    """Validation and test accuracy against depth: a row for each split, a panel for each skip."""
    kinds = _Kinds.of(records)
    figure, panels = make_panels(2, len(kinds.skips))
    for row, split in zip(panels, ("validation", "test"), strict=True):
        for axes, skip in zip(row, kinds.skips, strict=True):
            _by_depth(axes, records, kinds, skip, _accuracy(split))
            axes.set_title(f"skip: {skip}")
            if split == "validation":
                axes.axhline(baseline, **BASELINE_STYLE)
        row[0].set_ylabel(f"{split} accuracy")
    limit(panels)
    outer_labels(panels)
    shared_legend(figure, panels)
    return figure


def gradient_figure(records: Records, _baseline: float) -> Figure:
    """The gradient's norm at every time step of the deepest stack, a line for each layer; depth 1 beside."""
    kinds = _Kinds.of(records)
    rows: Sequence[tuple[str, When, str]] = (
        ("before training", "initial", PLAIN),
        ("after training", "trained", PLAIN),
        ("after training,\nclipped", "trained", CLIPPING),
    )
    figure, panels = make_panels(len(rows), len(kinds.cells))
    deepest = kinds.depths[-1]
    colors = colormaps["viridis"](np.linspace(0, 0.9, deepest))
    for axes_row, (title, when, variant) in zip(panels, rows, strict=True):
        for axes, cell in zip(axes_row, kinds.cells, strict=True):
            (shallow,) = mean_norms(records, Fit(cell, 1, "none", variant, 0), when)
            steps = np.arange(1, len(shallow) + 1)
            axes.plot(steps, shallow, color="#555555", linestyle="--", label="depth 1")
            norms = mean_norms(records, Fit(cell, deepest, "none", variant, 0), when)
            for layer, (row, color) in enumerate(zip(norms, colors, strict=True), start=1):
                axes.plot(steps, row, color=color, label=f"depth {deepest}, layer {layer}")
            axes.set_yscale("log")
            axes.set_title(CELL_STYLE[cell]["label"])
            axes.set_xlabel("time step")
        axes_row[0].set_ylabel(f"{title}\nnorm of dLoss/dh")
    outer_labels(panels)
    shared_legend(figure, panels)
    return figure


def reach_figure(records: Records, _baseline: float) -> Figure:
    """How far the gradient vanishes or explodes, against depth: before and after training, for each skip."""
    kinds = _Kinds.of(records)
    figure, panels = make_panels(2, len(kinds.skips), share_y="row")
    measures = (("before training", initial_decades), ("after training", trained_decades))
    for row, (title, measure) in zip(panels, measures, strict=True):
        for axes, skip in zip(row, kinds.skips, strict=True):
            _by_depth(axes, records, kinds, skip, measure)
            axes.set_title(f"skip: {skip}")
        row[0].set_ylabel(f"{title}\npowers of ten")
    outer_labels(panels)
    shared_legend(figure, panels)
    return figure


def curves_figure(records: Records, _baseline: float) -> Figure:
    """Training and validation loss by epoch, a panel for each depth; without and with dropout."""
    kinds = _Kinds.of(records)
    figure, panels = make_panels(2, len(kinds.depths))
    rows = ((PLAIN, "no dropout"), (DROPOUT, "dropout"))
    for axes_row, (variant, title) in zip(panels, rows, strict=True):
        for axes, depth in zip(axes_row, kinds.depths, strict=True):
            for cell in kinds.cells:
                found = repeats(records, Fit(cell, depth, "none", variant, 0))
                style = {**CELL_STYLE[cell], "markersize": 4}
                axes.plot(*_mean_curve(found, "validation_loss"), **style)
                del style["label"]
                axes.plot(*_mean_curve(found, "loss"), linestyle="--", **style)
            axes.set_title(f"depth {depth}")
            axes.set_xlabel("epoch")
            axes.set_xticks(range(1, len(found[0].curve) + 1))
        axes_row[0].set_ylabel(f"{title}\ncross-entropy")
    panels[0][0].plot([], [], color="black", label="validation")
    panels[0][0].plot([], [], color="black", linestyle="--", label="training")
    outer_labels(panels)
    shared_legend(figure, panels)
    return figure


def probe_figure(records: Records, baseline: float) -> Figure:
    """What each layer knows: a linear probe's accuracy on its mean state, a panel for each depth."""
    kinds = _Kinds.of(records)
    figure, panels = make_panels(1, len(kinds.depths))
    for axes, depth in zip(panels[0], kinds.depths, strict=True):
        for offset, cell in dodged(kinds.cells):
            found = repeats(records, Fit(cell, depth, "none", PLAIN, 0))
            layers = range(depth + 1)
            seeds_line(
                axes,
                [layer + offset for layer in layers],
                [[record.probes[layer] for record in found] for layer in layers],
                cell,
            )
        axes.axhline(baseline, **BASELINE_STYLE)
        axes.set_title(f"depth {depth}")
        axes.set_xlabel("layer (0: embeddings)")
        axes.set_xticks(range(depth + 1))
    panels[0][0].set_ylabel("validation accuracy of the probe")
    limit(panels)
    shared_legend(figure, panels)
    return figure


def cost_figure(records: Records, baseline: float) -> Figure:
    """Validation accuracy against the number of weights and the seconds of a fit; the depth at each point."""
    kinds = _Kinds.of(records)
    figure, panels = make_panels(1, 2)
    costs: Sequence[tuple[str, Measure]] = (
        ("weights above the embeddings", lambda record: record.parameters),
        ("seconds of a fit", lambda record: record.seconds),
    )
    for axes, (title, cost) in zip(panels[0], costs, strict=True):
        for cell in kinds.cells:
            found = [repeats(records, Fit(cell, depth, "none", PLAIN, 0)) for depth in kinds.depths]
            x = [float(np.mean([cost(record) for record in seeds])) for seeds in found]
            seeds_line(axes, x, [[validation_accuracy(record) for record in seeds] for seeds in found], cell)
            for depth, at, seeds in zip(kinds.depths, x, found, strict=True):
                middle = float(np.mean([validation_accuracy(record) for record in seeds]))
                axes.annotate(
                    str(depth),
                    (at, middle),
                    xytext=(5, 5),
                    textcoords="offset points",
                    color=CELL_STYLE[cell]["color"],
                )
        axes.axhline(baseline, **BASELINE_STYLE)
        axes.set_xlabel(title)
    panels[0][0].set_ylabel("validation accuracy")
    limit(panels)
    shared_legend(figure, panels)
    return figure


def _accuracy(split: str) -> Measure:
    return lambda record: record.scores[f"{split}_accuracy"]


def _by_depth(axes: Axes, records: Records, kinds: _Kinds, skip: str, measure: Measure) -> None:
    """A line through the means for each cell, a dot for each seed.

    The depths stand at even distances, the cells a little apart.
    """
    for offset, cell in dodged(kinds.cells):
        found = [repeats(records, Fit(cell, depth, skip, PLAIN, 0)) for depth in kinds.depths]
        places = [place + offset for place in range(len(kinds.depths))]
        seeds_line(axes, places, [[measure(record) for record in seeds] for seeds in found], cell)
    axes.set_xticks(range(len(kinds.depths)), [str(depth) for depth in kinds.depths])
    axes.set_xlabel("recurrent layers")


def _mean_curve(records: Sequence[Record], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The epochs, and the mean of ``key`` over the records at each."""
    values = np.array([[epoch[key] for epoch in record.curve] for record in records])
    return np.arange(1, values.shape[1] + 1), values.mean(0)


Draw = Callable[[Records, float], Figure]
FIGURES: tuple[tuple[str, str, str, Draw], ...] = (
    (
        "accuracy",
        "Accuracy by depth",
        "The mean over the seeds and, as small dots, each seed, on the validation and on the test reviews. "
        "The dotted line is the better bag of n-grams.",
        accuracy_figure,
    ),
    (
        "gradients",
        "Gradient by layer and time step",
        "The norm of the loss's gradient by each layer's state, the mean over validation reviews and seeds, "
        "for the deepest stack and, dashed, for one layer. The loss is at the right end: lines that fall "
        "towards the left vanish, lines that rise explode.",
        gradient_figure,
    ),
    (
        "reach",
        "Reach of the gradient by depth",
        "By how many powers of ten its norm at the bottom layer's first tenth of the time steps differs from "
        "that at the top layer's last step. 0 is a gradient that arrives as it left; small dots are seeds.",
        reach_figure,
    ),
    (
        "curves",
        "Training and validation loss by depth",
        "The mean over the seeds. The training loss is the mean over an epoch's steps, with dropout where "
        "there is dropout.",
        curves_figure,
    ),
    (
        "probes",
        "What each layer knows",
        "Validation accuracy of a logistic regression on the mean of a layer's states over the time steps; "
        "small dots are seeds. The dotted line is the better bag of n-grams.",
        probe_figure,
    ),
    (
        "cost",
        "Accuracy by cost",
        "Validation accuracy against the number of weights above the embeddings and the wall time of a fit, "
        "compilation included. The numbers are depths, the small dots seeds.",
        cost_figure,
    ),
)
