"""Which fonts of this machine draw a text: matplotlib's own lacks most scripts beyond Europe's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from matplotlib import rcParams
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

_REGULAR = 400
_EVERY_BOX = "LastResort"  # matplotlib's font of boxes with a script's name


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


def can_be_drawn(text: str) -> bool:
    """Whether each character of ``text`` has a glyph in one font of :func:`families_for`."""
    missing = frozenset(text)
    for family in families_for(missing):
        missing = _missing(findfont(FontProperties(family=family)), missing)
    return not missing


def names_in_figures(names: Sequence[str]) -> list[str]:
    """The labels' names as figures have them: if one can't be drawn all are numbered, ``class 1``."""
    if all(map(can_be_drawn, names)):
        return list(names)
    return [f"class {number}" for number in range(1, len(names) + 1)]


def _missing(file: str, characters: frozenset[str]) -> frozenset[str]:
    glyphs = _glyphs(file)
    return frozenset(each for each in characters if not each.isspace() and ord(each) not in glyphs)


@cache
def _glyphs(file: str) -> frozenset[int]:
    return frozenset(get_font(file).get_charmap())


def _is_plain(entry: object) -> bool:
    """Whether a font is upright and of usual weight, and draws more than boxes."""
    name, style, weight = (getattr(entry, key) for key in ("fname", "style", "weight"))
    return style == "normal" and weight == _REGULAR and _EVERY_BOX not in name
