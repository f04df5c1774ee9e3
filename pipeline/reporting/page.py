"""A report as one HTML file that needs nothing else: pictures and styles lie in it, and it runs no script.

All text is escaped, and the page's own Content-Security-Policy forbids the browser to load anything, so a
review can't bring markup, a script or an address into it. The same content always gives the same bytes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

Cell = str | int | float

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { --ink: #1c2430; --quiet: #5b6675; --line: #dde2e8; --accent: #1f5fa8; --band: #f5f7f9; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink); background: #fff;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { border-bottom: 3px solid var(--accent); margin-bottom: 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; }
header p { color: var(--quiet); margin: .4rem 0 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .92rem; }
a { color: var(--accent); }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; }
p { max-width: 46rem; }
.pictures { display: grid; gap: 1.5rem; align-items: start; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; }
figcaption, caption { color: var(--quiet); font-size: .9rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .93rem; }
caption { caption-side: bottom; padding-top: .4rem; text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .8rem; text-align: left; vertical-align: top; }
th { border-bottom-color: var(--quiet); white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--band); }
.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
td:not(.number) { max-width: 46rem; overflow-wrap: anywhere; }
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Picture:
    """A PNG file, embedded; ``caption`` stands below it and is its alternative text."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows under column names: a float is shown with four decimals, an int with thousands separated.

    Raises:
        ValueError: if a row isn't as long as ``columns``.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row must have {len(self.columns)} cells, but got {list(row)}")


Part = str | Picture | Table


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; a str is a paragraph, pictures in a row stand side by side."""

    title: str
    parts: Sequence[Part]


def render(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """A complete HTML document, with links to its sections at the top.

    Args:
        title: the heading and the browser's title.
        subtitle: one line below it.
        sections: in the order of the page.

    Raises:
        OSError: if a picture can't be read.
    """
    links = "\n".join(
        f'<a href="#section-{number}">{escape(section.title)}</a>'
        for number, section in enumerate(sections, start=1)
    )
    body = "\n".join(_section(number, section) for number, section in enumerate(sections, start=1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p>{escape(subtitle)}</p>
</header>
<nav>
{links}
</nav>
<main>
{body}
</main>
</body>
</html>
"""


def _section(number: int, section: Section) -> str:
    blocks = []
    for kind, parts in groupby(section.parts, type):
        drawn = "\n".join(map(_part, parts))
        blocks.append(f'<div class="pictures">\n{drawn}\n</div>' if kind is Picture else drawn)
    heading = f'<h2 id="section-{number}">{escape(section.title)}</h2>'
    return "\n".join(["<section>", heading, *blocks, "</section>"])


def _part(part: Part) -> str:
    if isinstance(part, Picture):
        return _picture(part)
    return _table(part) if isinstance(part, Table) else f"<p>{escape(part)}</p>"


def _picture(picture: Picture) -> str:
    data, caption = b64encode(picture.path.read_bytes()).decode("ascii"), escape(picture.caption)
    return (
        f'<figure>\n<img src="data:image/png;base64,{data}" alt="{caption}">\n'
        f"<figcaption>{caption}</figcaption>\n</figure>"
    )


def _table(table: Table) -> str:
    numeric = [
        bool(table.rows) and all(not isinstance(row[column], str) for row in table.rows)
        for column in range(len(table.columns))
    ]
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    head = _row(table.columns, numeric, "th")
    rows = "\n".join(_row(list(map(_shown, row)), numeric, "td") for row in table.rows)
    return (
        f'<div class="table">\n<table>\n{caption}<thead>\n{head}\n</thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _row(cells: Sequence[str], numeric: Sequence[bool], tag: str) -> str:
    drawn = ""
    for cell, right in zip(cells, numeric, strict=True):
        style = ' class="number"' if right else ""
        drawn += f"<{tag}{style}>{escape(cell)}</{tag}>"
    return f"<tr>{drawn}</tr>"


def _shown(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return f"{cell:,}" if isinstance(cell, int) else cell
