"""`serve`: MLflow's own server for a registered version, in this environment."""

from __future__ import annotations

import os
import sys

import click
import mlflow

from pipeline.commands.store import chosen_version, open_store
from pipeline.runtime.ports import require_free_port


@click.command()
@click.option("--model", help="models:/NAME/VERSION or models:/NAME@ALIAS.")
@click.option("--dataset", help="The data set whose champion is served; else the one in data/padded.")
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
def serve(model: str | None, dataset: str | None, port: int) -> None:
    """Start `mlflow models serve` for the champion on loopback."""
    require_free_port(port)
    version = chosen_version(open_store(), model, dataset)
    uri = f"models:/{version.name}/{version.version}"
    click.echo(f"{uri} on http://127.0.0.1:{port}/invocations", err=True)
    os.environ["MLFLOW_TRACKING_URI"] = mlflow.get_tracking_uri()
    words = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri]
    words += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    os.execv(sys.executable, words)  # noqa: S606 - the server takes this process's place and signals
