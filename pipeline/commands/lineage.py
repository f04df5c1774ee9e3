"""`trace` and `rebuild`: from a registered version back to what made it."""

from __future__ import annotations

import json

import click
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.api import versions
from pipeline.registry import lineage, rebuilding


@click.command()
@click.argument("model")
@click.option("--all", "everything", is_flag=True, help="Every parameter, hash and package too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with everything, instead.")
def trace(model: str, everything: bool, as_json: bool) -> None:
    """Print what made MODEL (models:/NAME/VERSION or @ALIAS, or the data set of a champion).

    Commit, data, study, parameters; DVC hashes, metrics and packages.
    """
    described = versions.trace(model)
    if as_json:
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
        return
    shown = described if everything else {name: described[name] for name in lineage.IN_SHORT}
    for title, values in shown.items():
        click.secho(title, bold=True)
        width = max((len(name) for name in values), default=0)
        for name, value in values.items():
            click.echo(f"  {name:<{width}}  {value}")
    if not everything:
        click.echo(f"--all adds {', '.join(name for name in described if name not in lineage.IN_SHORT)}")


@click.command()
@click.argument("model")
def rebuild(model: str) -> None:
    """Train MODEL again in a clean worktree of its commit; say whether the metrics are the same."""
    outcome = rebuilding.rebuild(lineage.read_record(versions.find_version(model)), click.echo)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("metric", "recorded", "rebuilt"):
        table.add_column(title, overflow="fold")
    for name, (recorded, rebuilt) in outcome.metrics.items():
        table.add_row(name, repr(recorded), "the same" if recorded == rebuilt else repr(rebuilt))
    Console(highlight=False).print(table)
    for difference in outcome.differences:
        click.echo(f"not as it was: {difference}")
    same = outcome.same
    click.echo(f"the metrics are {'the same, digit for digit' if same else 'NOT the same'}")
    raise SystemExit(0 if same else 1)
