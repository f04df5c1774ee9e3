"""`registry`, `promote`, `rollback`: what is registered, and who is champion."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby

import click
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.api import versions as api
from pipeline.api.versions import Version
from pipeline.registry import versions
from pipeline.registry.names import CHAMPION, parse_uri
from pipeline.runtime.errors import UserError


@click.command(name="registry")
@click.option("--dataset", help="Only this data set's versions.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
def list_versions(dataset: str | None, as_json: bool) -> None:
    """List the registered versions: alias, scores, run, commit."""
    listed = api.list_versions(dataset)
    if as_json:
        click.echo(json.dumps([asdict(version) for version in listed], indent=2, ensure_ascii=False))
        return
    if not listed:
        raise UserError("the registry has no such model: run `make run` first")
    console = Console(highlight=False)
    for model, group in groupby(listed, key=lambda version: version.model):
        console.print(_table(model, list(group)))
    for version in listed:
        if CHAMPION in version.aliases:
            reason = version.decision or "the alias was set by other means"
            console.print(
                f"{version.model}: version {version.version} is champion: {reason}.",
                soft_wrap=not console.is_terminal,
            )


def _table(model: str, listed: list[Version]) -> Table:
    """The versions of one model, in 80 columns."""
    table = Table(title=model, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("version", "alias", "validation", "test", "data", "run", "commit"):
        table.add_column(title, no_wrap=True)
    for version in listed:
        table.add_row(
            str(version.version),
            ", ".join(version.aliases),
            _score(version.validation_accuracy),
            _score(version.test_accuracy),
            str(version.digest or "")[7:15],
            str(version.run)[:8],
            str(version.commit or "none")[:8],
        )
    return table


def _score(accuracy: float | None) -> str:
    return "?" if accuracy is None else f"{accuracy:.4f}"


@click.command()
@click.argument("model")
def promote(model: str) -> None:
    """Make MODEL, models:/NAME/VERSION or models:/NAME@ALIAS, the champion."""
    version = api.find_version(model)
    before = versions.promote(api.open_store(), version)
    was = f"before: version {before.version}" if before else "there was none before"
    click.echo(f"{version.name}: version {version.version} is champion; {was}")


@click.command()
@click.option("--dataset", help="The data set whose champion is meant; else the one in data/padded.")
def rollback(dataset: str | None) -> None:
    """Make the champion's predecessor champion again."""
    client = api.open_store()
    was, now = versions.rollback(client, parse_uri(api.address_of(dataset))[0])
    click.echo(f"{now.name}: version {now.version} is champion again; before: version {was.version}")
