"""`compare`: experiments beside each other."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.interface import open_store
from pipeline.registry.comparing import EvaluatedRun, compare_runs
from pipeline.runtime.errors import UserError


@click.command()
@click.option("--dataset", help="Only runs on this data set.")
@click.option("--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many runs.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
def compare(dataset: str | None, last: int, as_json: bool) -> None:
    """Show the newest evaluated runs, the best on the test reviews first, and in what they differ."""
    rows = compare_runs(open_store(), dataset, last)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    if not rows:
        raise UserError("no run has been evaluated yet: run `make run` first")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run")
    for title in ("test accuracy", "difference"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, f"{row.test_accuracy:.4f}", _difference(row))
    console = Console(highlight=False)
    console.print(table)
    if rows[0].settings:
        console.print("What differs:")
        for row in rows:
            console.print(Padding(Text(f"{row.name}: {_settings(row)}"), (0, 0, 0, 2)))
    console.print(
        "\nA run is named after its network and validation accuracy. The difference is that from the first "
        "run, in points with its 95 % interval, on the validation reviews that neither was fitted to or "
        "chosen by; where the interval holds 0, the two can't be told apart."
    )


def _difference(row: EvaluatedRun) -> str:
    if row.difference is None:
        return ""
    points = (100 * value for value in (row.difference.accuracy, row.difference.low, row.difference.high))
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*points)


def _settings(row: EvaluatedRun) -> str:
    return ", ".join(
        f"{key.rpartition('.')[2]} {_short(value)}" for key, value in row.settings.items() if value
    )


def _short(value: str) -> str:
    """``0.3945`` of MLflow's text 0.39449263258102085; other values as they are, none as YAML says it."""
    if value == "None":
        return "null"
    try:
        return value if value.isdigit() else f"{float(value):.4g}"
    except ValueError:
        return value
