"""What figures of several networks share: the cells' colours, named panels, a line through seeds' means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.tuning.panels import ShareY, make_panels, shared_legend

# Okabe & Ito's colours, which colour-blind people tell apart; the markers tell the cells apart in grey.
CELL_STYLE: dict[str, dict[str, Any]] = {
    "simple_rnn": {"color": "#0072B2", "marker": "o", "label": "simple RNN"},
    "lstm": {"color": "#D55E00", "marker": "s", "label": "LSTM"},
    "gru": {"color": "#009E73", "marker": "^", "label": "GRU"},
}
BASELINE_STYLE: dict[str, Any] = {"color": "#555555", "linestyle": ":", "label": "bag of n-grams"}
Row = TypeVar("Row")
Column = TypeVar("Column")


def draw_panels(
    rows: Mapping[str, Row],
    columns: Mapping[str, Column],
    draw: Callable[[Axes, Row, Column], None],
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


def limit_accuracy(figure: Figure) -> None:
    """Keeps a shared axis of accuracies to what they can be, however wide an interval is."""
    low, high = figure.axes[0].get_ylim()
    figure.axes[0].set_ylim(max(low, 0.0), min(high, 1.0))


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


def reading_of(draw: Callable[..., Figure]) -> str:
    """What is said below a figure: the docstring of what draws it."""
    return " ".join((draw.__doc__ or "").split())
