"""`export`: a registered version as a folder that needs only onnxruntime and numpy."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.store import open_store
from pipeline.registry import versions
from pipeline.registry.exporting import export as export_version


@click.command()
@click.argument("model")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export(model: str, folder: Path) -> None:
    """Write the network of MODEL (models:/NAME/VERSION or @ALIAS) as ONNX into DIR, with an example."""
    version = versions.find_version(open_store(), model)
    export_version(version, folder)
    click.echo(
        f"{version.name} version {version.version} -> {folder}; try: python {folder / 'example.py'}", err=True
    )
