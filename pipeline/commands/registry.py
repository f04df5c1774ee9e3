"""`registry`, `promote`, `rollback`: what is registered, and who is champion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import click
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.commands.store import chosen_name, open_store
from pipeline.registry import versions
from pipeline.registry.names import CHAMPION, registered_name
from pipeline.runtime.errors import UserError
from pipeline.tracking import DIGEST_TAG


@click.command(name="registry")
@click.option("--dataset", help="Only this data set's versions.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead.")
def list_versions(dataset: str | None, as_json: bool) -> None:
    """List the registered versions: alias, scores, run, commit."""
    client = open_store()
    listed = versions.list_versions(registered_name(dataset) if dataset else None)
    if not listed and not as_json:
        raise UserError("the registry has no such model: run `make run` first")
    named = {name: versions.aliases(client, name) for name in {version.name for version in listed}}
    if as_json:
        entries = [_entry(client, version, named[version.name]) for version in listed]
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for name, group in groupby(listed, key=lambda version: version.name):
        console.print(_table(client, name, list(group), named[name]))
    for version in listed:
        if CHAMPION in named[version.name].get(str(version.version), []):
            reason = version.tags.get(versions.DECISION_TAG, "the alias was set by other means")
            console.print(
                f"{version.name}: version {version.version} is champion: {reason}.",
                soft_wrap=not console.is_terminal,
            )


def _table(
    client: MlflowClient, name: str, listed: list[ModelVersion], named: Mapping[str, list[str]]
) -> Table:
    """The versions of one model, in 80 columns."""
    table = Table(title=name, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("version", "alias", "validation", "test", "data", "run", "commit"):
        table.add_column(title, no_wrap=True)
    for version in listed:
        entry = _entry(client, version, named)
        table.add_row(
            str(entry["version"]),
            ", ".join(entry["aliases"]),
            _score(entry["validation_accuracy"]),
            _score(entry["test_accuracy"]),
            str(entry["digest"] or "")[7:15],
            str(entry["run"])[:8],
            str(entry["commit"] or "none")[:8],
        )
    return table


def _score(accuracy: float | None) -> str:
    return "?" if accuracy is None else f"{accuracy:.4f}"


def _entry(client: MlflowClient, version: ModelVersion, named: Mapping[str, list[str]]) -> dict[str, Any]:
    test, commit = versions.run_facts(client, version)
    validation = version.tags.get("validation_accuracy")
    return {
        "model": version.name,
        "version": int(version.version),
        "aliases": named.get(str(version.version), []),
        "dataset": version.tags.get("dataset.name"),
        "digest": version.tags.get(DIGEST_TAG),
        "validation_accuracy": float(validation) if validation else None,
        "test_accuracy": test and round(test, 4),
        "run": version.run_id,
        "commit": commit,
        "decision": version.tags.get(versions.DECISION_TAG),
    }


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
    was, now = versions.rollback(client, chosen_name(dataset))
    click.echo(f"{now.name}: version {now.version} is champion again; before: version {was.version}")
