"""`compare`: experiments beside each other."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from pipeline.commands.store import open_store
from pipeline.registry.comparing import Row, compared
from pipeline.runtime.errors import UserError


@click.command()
@click.option("--dataset", help="Only runs on this data set.")
@click.option("--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many runs.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
def compare(dataset: str | None, last: int, as_json: bool) -> None:
    """Show the newest evaluated runs, the best on the test reviews first, and in what they differ."""
    rows = compared(open_store(), dataset, last)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
        return
    if not rows:
        raise UserError("no run has been evaluated yet: run `make run` first")
    table = Table(title="accuracy, and in points the difference from the first row with its 95 % interval")
    table.add_column("run")
    table.add_column("valid.", justify="right")
    table.add_column("test", justify="right")
    table.add_column("difference", justify="right")
    table.add_column("what differs", ratio=1)
    for row in rows:
        validation = "" if row.validation_accuracy is None else f"{row.validation_accuracy:.4f}"
        table.add_row(row.name, validation, f"{row.test_accuracy:.4f}", _difference(row), _settings(row))
    console = Console()
    console.print(table)
    console.print(
        "The difference is that on the reviews which neither run was fitted to; where its interval holds 0, "
        "the two can't be told apart.",
        highlight=False,
    )


def _difference(row: Row) -> str:
    if row.difference is None:
        return ""
    points = (100 * value for value in (row.difference.accuracy, row.difference.low, row.difference.high))
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*points)


def _settings(row: Row) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in row.settings.items() if value)
