"""`ui`: MLflow's pages for the project's store."""

from __future__ import annotations

import os
import sys

import click
import mlflow
from mlflow import MlflowClient

from pipeline.commands.store import open_store
from pipeline.params import load_params
from pipeline.registry.comparing import evaluated_runs
from pipeline.runtime.ports import require_free_port
from pipeline.tracking.view import KEY, offer_view


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def ui(port: int) -> None:
    """Open MLflow's pages on loopback: runs, trials and registered models."""
    client = open_store()
    uri = mlflow.get_tracking_uri()
    if uri.startswith(("http://", "https://")):
        click.echo(f"the runs are on the tracking server: {uri}/{_page(client)}")
        return
    require_free_port(port)
    click.echo(f"http://127.0.0.1:{port}/{_page(client)}")
    words = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    os.execv(sys.executable, [*words, "--host", "127.0.0.1", "--port", str(port)])  # noqa: S606 - takes our place


def _page(client: MlflowClient) -> str:
    """The runs of the experiment with the newest evaluated run, where `mlflow run` may have put it."""
    runs = evaluated_runs(client)
    experiment = client.get_experiment_by_name(load_params().mlflow.experiment)
    number = runs[0].info.experiment_id if runs else experiment.experiment_id if experiment else None
    if not number:
        return "#/experiments?workflowType=machine_learning"
    offer_view(client, number)
    return f"#/experiments/{number}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"
