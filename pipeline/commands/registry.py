"""`registry`, `promote`, `rollback`: what is registered, and who is champion."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from pipeline.commands.store import chosen_name, open_store
from pipeline.registry import versions


@click.command(name="registry")
@click.option("--dataset", help="Only this data set's versions.")
def list_versions(dataset: str | None) -> None:
    """List the registered versions: alias, scores, run, commit."""
    client = open_store()
    listed = versions.list_versions(client, versions.registered_name(dataset) if dataset else None)
    if not listed:
        raise ValueError("the registry has no such model: run `make run` first")
    named = {name: versions.aliases(client, name) for name in {version.name for version in listed}}
    table = Table()
    for title in ("model", "version", "alias", "data set", "validation", "test", "run", "commit"):
        table.add_column(title, no_wrap=True)
    for version in listed:
        scores, commit = versions.run_facts(client, version)
        table.add_row(
            version.name,
            str(version.version),
            ", ".join(named[version.name].get(str(version.version), [])),
            f"{version.tags.get('dataset.name', '?')} {version.tags.get(versions.DIGEST_TAG, '')[7:15]}",
            version.tags.get("validation_accuracy", "?")[:6],
            scores,
            str(version.run_id)[:8],
            commit[:8],
        )
    console = Console()
    # A pipe has no width: there, whole lines are wanted.
    Console(width=None if console.is_terminal else 200).print(table)
    for version in listed:
        if versions.CHAMPION in named[version.name].get(str(version.version), []):
            reason = version.tags.get(versions.DECISION_TAG, "alias set by other means")
            click.echo(f"{version.name}: version {version.version} is champion: {reason}")


@click.command()
@click.argument("model")
def promote(model: str) -> None:
    """Make MODEL, models:/NAME/VERSION or models:/NAME@ALIAS, the champion."""
    client = open_store()
    version = versions.find_version(client, model)
    before = versions.promote(client, version)
    was = f"before: version {before.version}" if before else "there was none before"
    click.echo(f"{version.name}: version {version.version} is champion; {was}")


@click.command()
@click.option("--dataset", help="The data set whose champion is meant; else the one in data/padded.")
def rollback(dataset: str | None) -> None:
    """Make the champion's predecessor champion again."""
    client = open_store()
    was, now = versions.rollback(client, chosen_name(client, dataset))
    click.echo(f"{now.name}: version {now.version} is champion again; before: version {was.version}")
