"""Draws docs/images/rooms.svg: the rooms of the code on their floors, with arrows from the real imports.

    python docs/rooms.py

A room stands on the floor above the highest room that it imports. An arrow that a way through other rooms
implies isn't drawn. `tests/test_architecture.py` holds the drawing against the imports.
"""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

import grimp

PROJECT = Path(__file__).resolve().parents[1]
DRAWING = PROJECT / "docs" / "images" / "rooms.svg"
WIDTH, BOX, GAP, FLOOR = 1160, 52, 14, 92  # pixels: page, height of a box, between boxes, between floors


def read_rooms() -> dict[str, set[str]]:
    """Each room of pipeline/, and studies/, with the rooms that it imports."""
    sys.path.insert(0, str(PROJECT))  # this checkout, whatever is installed
    graph = grimp.build_graph("pipeline", "studies")
    rooms = {
        child.split(".")[1]: child
        for child in graph.find_children("pipeline")
        if child != "pipeline.__main__"
    } | {"studies": "studies"}
    return {
        name: {
            other
            for other, package in rooms.items()
            if other != name
            and graph.direct_import_exists(importer=module, imported=package, as_packages=True)
        }
        for name, module in rooms.items()
    }


def floors_of(rooms: dict[str, set[str]]) -> dict[str, int]:
    """The floor of each room, from 0: one above the highest room that it imports."""
    floors: dict[str, int] = {}
    for name in TopologicalSorter(rooms).static_order():
        floors[name] = 1 + max((floors[other] for other in rooms[name]), default=-1)
    return floors


def sentence_of(room: str) -> str:
    """What a room is for: the first sentence of its docstring, cut where it would not fit."""
    folder = PROJECT / room if room == "studies" else PROJECT / "pipeline" / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def draw() -> str:
    """The drawing as SVG."""
    rooms = read_rooms()
    floors = floors_of(rooms)
    top = max(floors.values())
    places: dict[str, tuple[float, float, float]] = {}
    for floor in range(top + 1):
        names = sorted(name for name, level in floors.items() if level == floor)
        width = min(360.0, (WIDTH - GAP * (len(names) + 1)) / len(names))
        left = (WIDTH - len(names) * width - GAP * (len(names) - 1)) / 2
        for index, name in enumerate(names):
            places[name] = (left + index * (width + GAP), 20 + (top - floor) * FLOOR, width)
    implied = {
        (name, far) for name, near in rooms.items() for other in near for far in reachable(rooms, other)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {(top + 1) * FLOOR}" '
        'font-family="sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" fill="#5a6b7b"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{(top + 1) * FLOOR}" fill="white"/>',
    ]
    for name, others in sorted(rooms.items()):
        x, y, width = places[name]
        for other in sorted(others):
            if (name, other) not in implied:
                far_x, far_y, far_width = places[other]
                start, end = x + width / 2, far_x + far_width / 2
                lines.append(
                    f'<path d="M{start:.0f} {y + BOX:.0f}C{start:.0f} {y + BOX + 24:.0f} '
                    f'{end:.0f} {far_y - 24:.0f} {end:.0f} {far_y - 2:.0f}" '
                    'fill="none" stroke="#8fa1b3" marker-end="url(#tip)"/>'
                )
    for name, (x, y, width) in sorted(places.items()):
        words, rows = sentence_of(name).split(), [""]
        for word in words:
            if len(rows[-1]) + len(word) > width / 6.2:
                rows.append("")
            rows[-1] = f"{rows[-1]} {word}".strip()
        if len(rows) > 2:
            rows = [rows[0], f"{rows[1]} ..."]
        lines.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{BOX}" rx="4" '
            'fill="#eaf1f8" stroke="#3b5b7a"/>'
            f'<text x="{x + 8:.0f}" y="{y + 17:.0f}" font-size="14" font-weight="bold">{escape(name)}/</text>'
        )
        lines += [
            f'<text x="{x + 8:.0f}" y="{y + 32 + 13 * index:.0f}" font-size="10.5" fill="#333">'
            f"{escape(row)}</text>"
            for index, row in enumerate(rows)
        ]
    return "\n".join([*lines, "</svg>", ""])


def reachable(rooms: dict[str, set[str]], start: str) -> set[str]:
    """The rooms that ``start`` imports, directly or through others."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        found = rooms[waiting.pop()] - seen
        seen |= found
        waiting += found
    return seen


if __name__ == "__main__":
    DRAWING.write_text(draw(), encoding="utf-8")
