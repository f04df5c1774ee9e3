"""Figures of several panels, with one legend below all."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

LINE = "#d8d8d8"
PANEL = (3.6, 3.0)  # inches
ShareY = Literal["all", "row", False]


def make_panels(rows: int, columns: int, share_y: ShareY = "all") -> tuple[Figure, np.ndarray]:
    """A figure of ``rows`` x ``columns`` empty panels, and these."""
    figure = Figure(figsize=(PANEL[0] * max(columns, 2), PANEL[1] * rows + 1), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=share_y, squeeze=False)
    for axes in panels.flat:
        axes.grid(color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def shared_legend(figure: Figure) -> None:
    """One legend below all panels, if anything is labelled."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend([*handles.values()], [*handles], loc="outside lower center", ncols=4, frameon=False)
