"""How every picture looks: its colours, axes, panels and fonts, and the one way to a PNG."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

from pipeline.runtime.files import Row, written_whole

# Okabe & Ito's colours, which colour-blind people tell apart.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#999999"
COLORS = (BLUE, ORANGE, GREEN, PURPLE)  # of a model and its rivals, in their order
LINE = "#d8d8d8"  # of grids and of what lies behind the data
_SIZE, _PANEL = (5.2, 4.2), (3.6, 3.0)  # inches
_REGULAR = 400
_EVERY_BOX = "LastResort"  # matplotlib's font of boxes with a script's name
ShareY = Literal["all", "row", False]


def make_axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """A figure of one plot, and this."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    style(axes, x.replace("_", " "), y.replace("_", " "))
    return figure, axes


def make_panels(rows: int, columns: int, share_y: ShareY = "all") -> tuple[Figure, np.ndarray]:
    """A figure of ``rows`` x ``columns`` empty panels, and these."""
    figure = Figure(figsize=(_PANEL[0] * max(columns, 2), _PANEL[1] * rows + 1), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=share_y, squeeze=False)
    for axes in panels.flat:
        style(axes)
    return figure, panels


def style(axes: Axes, x: str = "", y: str = "") -> None:
    """A grid behind the data, no box around it, and the labels of both axes."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def shared_legend(figure: Figure) -> None:
    """One legend below all panels, if anything is labelled."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend([*handles.values()], [*handles], loc="outside lower center", ncols=4, frameon=False)


def draw_intervals(axes: Axes, x: Sequence[float], rows: Sequence[Row], y: str, **look: Any) -> None:
    """A line through ``y`` of the rows at ``x``, with bars from their low to their high."""
    values, low, high = (np.array([float(row[key]) for row in rows]) for key in (y, "low", "high"))
    # Wilson's interval of a share of 0 or 1 ends there, but for rounding.
    reach = np.maximum([values - low, high - values], 0)
    axes.errorbar(x, values, yerr=reach, **{"marker": "o", "markersize": 4, "capsize": 2, **look})


def draw_curves(axes: Axes, curves: Mapping[str, Sequence[Row]], x: str, y: str) -> None:
    """:func:`draw_intervals` of each named curve, the first one's in front."""
    for place, ((name, rows), color) in enumerate(zip(curves.items(), COLORS, strict=False)):
        look = {"color": color, "label": name, "zorder": 9 - place, "linewidth": 1.0 if place else 1.8}
        draw_intervals(axes, [float(row[x]) for row in rows], rows, y, **look)


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


def names_in_figures(names: Sequence[str]) -> list[str]:
    """The labels' names as figures have them: if one can't be drawn all are numbered, ``class 1``."""
    missing = characters = frozenset("".join(names))
    for family in families_for(characters):
        missing = _missing(findfont(FontProperties(family=family)), missing)
    return [f"class {number}" for number in range(1, len(names) + 1)] if missing else list(names)


@cache
def families_for(characters: frozenset[str]) -> tuple[str, ...]:
    """Matplotlib's own font, then those of this machine that draw what it lacks: the most useful first."""
    own = str(rcParams["font.sans-serif"][0])
    chosen, missing = [own], _missing(findfont(FontProperties(family=own)), characters)
    others = {each.name: each.fname for each in fontManager.ttflist if _is_plain(each)} if missing else {}
    while missing:
        left = {name: _missing(file, missing) for name, file in sorted(others.items())}
        best = min(left, key=lambda name: len(left[name]), default="")
        if not best or len(left[best]) == len(missing):
            break
        chosen.append(best)
        missing = left[best]
    return tuple(chosen)


def _missing(file: str, characters: frozenset[str]) -> frozenset[str]:
    glyphs = _glyphs(file)
    return frozenset(each for each in characters if not each.isspace() and ord(each) not in glyphs)


@cache
def _glyphs(file: str) -> frozenset[int]:
    return frozenset(get_font(file).get_charmap())


def _is_plain(entry: Any) -> bool:
    """Whether a font is upright and of usual weight, and draws more than boxes."""
    return entry.style == "normal" and entry.weight == _REGULAR and _EVERY_BOX not in entry.fname
