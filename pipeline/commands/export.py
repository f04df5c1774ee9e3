"""`export`: a registered version as a folder that needs only onnxruntime and numpy."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.api.champion import load_champion
from pipeline.registry.exporting import write_export


@click.command()
@click.argument("model")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export(model: str, folder: Path) -> None:
    """Write the network of MODEL (models:/NAME/VERSION or @ALIAS) as ONNX into DIR, with an example."""
    version = load_champion(model)
    write_export(version.folder, folder)
    click.echo(f"{version.name} -> {folder}; try: python {folder / 'example.py'}", err=True)
