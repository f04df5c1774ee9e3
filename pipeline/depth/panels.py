"""What the study's figures share: panels, the cells' colours, a line through seeds' means, one legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.reporting import figures

# Okabe & Ito's colours, which colour-blind people tell apart; the markers tell the cells apart in grey.
CELL_STYLE: dict[str, dict[str, Any]] = {
    "simple_rnn": {"color": "#0072B2", "marker": "o", "label": "simple RNN"},
    "lstm": {"color": "#D55E00", "marker": "s", "label": "LSTM"},
    "gru": {"color": "#009E73", "marker": "^", "label": "GRU"},
}
BASELINE_STYLE: dict[str, Any] = {"color": "#555555", "linestyle": ":", "label": "bag of n-grams"}
PANEL = (3.6, 3.0)  # inches
Axis = np.ndarray  # of Axes


def limit(panels: Axis) -> None:
    """Keeps a shared axis of accuracies to what they can be, however wide an interval is."""
    low, high = panels.flat[0].get_ylim()
    panels.flat[0].set_ylim(max(low, 0.0), min(high, 1.0))


def dodged(cells: Sequence[str]) -> list[tuple[float, str]]:
    """The cells with a shift to the side, so that their dots don't hide each other."""
    return [(0.08 * (index - (len(cells) - 1) / 2), cell) for index, cell in enumerate(cells)]


def seeds_line(axes: Axes, x: Sequence[float], samples: Sequence[Sequence[float]], cell: str) -> None:
    """A line through the samples' means, and a dot for each value: a seed."""
    style = CELL_STYLE[cell]
    axes.plot(x, [float(np.mean(sample)) for sample in samples], markersize=5, linewidth=1.4, **style)
    places = [place for place, sample in zip(x, samples, strict=True) for _ in sample]
    values = [value for sample in samples for value in sample]
    axes.scatter(places, values, s=9, color=style["color"], alpha=0.55, zorder=3)


def make_panels(
    rows: int, columns: int, share_y: Literal["all", "row", False] = "all"
) -> tuple[Figure, Axis]:
    """A figure of ``rows`` x ``columns`` empty panels."""
    figure = Figure(figsize=(PANEL[0] * max(columns, 2), PANEL[1] * rows + 1), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=share_y, squeeze=False)
    for axes in panels.flat:
        axes.grid(color=figures.GRID_COLOR, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def outer_labels(panels: Axis) -> None:
    """Leaves a column's title to its top panel and its x label to the bottom one, where others repeat it."""
    for column in panels.T:
        for axes in column[1:]:
            if axes.get_title() == column[0].get_title():
                axes.set_title("")
        for axes in column[:-1]:
            if axes.get_xlabel() == column[-1].get_xlabel():
                axes.set_xlabel("")


def shared_legend(figure: Figure, panels: Axis) -> None:
    """One legend below all panels."""
    handles: dict[str, Any] = {}
    for axes in panels.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=5, frameon=False)
