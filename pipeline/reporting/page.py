"""A report as one HTML file that needs nothing else: pictures and styles lie in it, and it runs no script.

Templates (Jinja2) lie in templates/. All text is escaped by their environment, and the page's own
Content-Security-Policy forbids the browser to load anything, so a review can't bring markup, a script or an
address into it. The same content always gives the same bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from pipeline.reporting import count_text, duration, p_text, span
from pipeline.reporting.stack import Stack

TableCell = str | int | float
TEMPLATES = Path(__file__).parent / "templates"
_NUMBER = re.compile(r"[-+]?[\d,.]+%?")
_UNBROKEN = {  # what a browser would break a line within
    "n-gram": "n\N{NON-BREAKING HYPHEN}gram",
    **{broken: broken.replace(" ", "\N{NO-BREAK SPACE}") for broken in (" ↑", " ↓", "p < ", "p = ")},
}


@dataclass(frozen=True)
class Picture:
    """A PNG file, embedded; ``name`` says what it shows, as its title does, ``reading`` how to read it."""

    path: Path
    name: str
    reading: str = ""

    @property
    def description(self) -> str:
        """What a reader who can't see it is told."""
        return f"{self.name}: {self.reading}" if self.reading else self.name

    @property
    def data(self) -> str:
        """The file as base64."""
        return b64encode(self.path.read_bytes()).decode("ascii")


@dataclass(frozen=True)
class Table:
    """Rows under column names: a float is shown with four decimals, an int with thousands separated.

    ``folded`` hides the rows behind the caption until it is clicked.

    Raises:
        ValueError: if a row isn't as long as ``columns``.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    caption: str = ""
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row must have {len(self.columns)} cells, but got {list(row)}")
        if self.folded and not self.caption:
            raise ValueError("a folded table must have a caption, but got none")

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether it holds numbers or shares and no text, and so is set to the right."""
        cells = ([row[place] for row in self.rows if row[place] != ""] for place in range(len(self.columns)))
        return [
            bool(column) and all(not isinstance(cell, str) or _NUMBER.fullmatch(cell) for cell in column)
            for column in cells
        ]


def render(template: str, folder: Path = TEMPLATES, **content: Any) -> str:
    """The text of a template in ``folder``, with ``content`` under the names that it uses; Markdown as it is.

    Raises:
        jinja2.UndefinedError: if the template uses a name that isn't there.
    """
    plain: dict[str, Any] = {"autoescape": False, "finalize": None, "keep_trailing_newline": True}
    options = plain if template.endswith(".md") else {}
    environment = _ENVIRONMENT.overlay(loader=jinja2.FileSystemLoader([folder, TEMPLATES]), **options)
    return environment.get_template(template).render(**content)


def stack_svg(drawing: Stack) -> str:
    """A drawing of a network's layers as SVG that stands alone, outside a page."""
    macros: Any = _ENVIRONMENT.get_template("parts.html").module
    alone = '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
    return str(macros.stack(drawing)).strip().replace("<svg ", alone, 1)


def cell_text(cell: TableCell) -> str:
    """A cell's text: ``0.8487``, ``12,500``, or the str itself."""
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _unbroken(value: Any) -> Any:
    if isinstance(value, str):
        for broken, whole in _UNBROKEN.items():
            value = value.replace(broken, whole)
    return value


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_unbroken,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "cell_text": cell_text,
    "span": span,
    "p_text": p_text,
    "count_text": count_text,
    "duration": duration,
    "percent": "{:.1%}".format,
}
