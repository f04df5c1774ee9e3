"""`registry`, `promote`, `rollback`: what is registered, and who is champion."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline import interface as api
from pipeline.commands import echo_error
from pipeline.interface import load_champion
from pipeline.registry import lineage, rebuilding, versions
from pipeline.registry.names import CHAMPION, parse_uri
from pipeline.registry.packaging import write_export
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
        table = Table(title=model, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for title in ("version", "alias", "validation", "test", "data", "run", "commit"):  # in 80 columns
            table.add_column(title, no_wrap=True)
        for version in group:
            scores = (version.validation_accuracy, version.test_accuracy)
            table.add_row(
                str(version.version),
                ", ".join(version.aliases),
                *("?" if score is None else f"{score:.4f}" for score in scores),
                str(version.digest or "")[7:15],
                str(version.run)[:8],
                str(version.commit or "none")[:8],
            )
        console.print(table)
    for version in listed:
        if CHAMPION in version.aliases:
            reason = version.decision or "the alias was set by other means"
            console.print(
                f"{version.model}: version {version.version} is champion: {reason}.",
                soft_wrap=not console.is_terminal,
            )


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
    was, now = versions.rollback(client, parse_uri(versions.address_of(dataset))[0])
    click.echo(f"{now.name}: version {now.version} is champion again; before: version {was.version}")


# `trace` and `rebuild`: from a registered version back to what made it.


@click.command()
@click.argument("model")
@click.option("--all", "everything", is_flag=True, help="Every parameter, hash and package too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with everything, instead.")
def trace(model: str, everything: bool, as_json: bool) -> None:
    """Print what made MODEL (models:/NAME/VERSION or @ALIAS, or the data set of a champion).

    Commit, data, study, parameters; DVC hashes, metrics and packages.
    """
    described = api.trace(model)
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
    outcome = rebuilding.rebuild(lineage.read_record(api.find_version(model)), click.echo)
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


# `export`: a registered version as a folder that needs only onnxruntime and numpy.


@click.command()
@click.argument("model")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export(model: str, folder: Path) -> None:
    """Write the network of MODEL (models:/NAME/VERSION or @ALIAS) as ONNX into DIR, with an example."""
    version = load_champion(model)
    write_export(version.folder, folder)
    echo_error(f"{version.name} -> {folder}; try: python {folder / 'example.py'}")
