"""`serve`: MLflow's own server for a registered version, in this environment."""

from __future__ import annotations

import os
import sys

import click
import mlflow

from pipeline.api.versions import find_version
from pipeline.commands.options import of_version
from pipeline.runtime.cores import THREAD_LIMITS, cores
from pipeline.runtime.ports import require_free_port


@click.command()
@of_version
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 in a container."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that answer.  [default: one a core]")
def serve(name: str | None, port: int, host: str, workers: int | None) -> None:
    """Serve the champion on loopback, as `mlflow models serve` does."""
    from pipeline.serving.server import MODEL_VARIABLE  # noqa: PLC0415 - a second; no other command needs it

    require_free_port(port)
    version = find_version(name)
    uri = f"models:/{version.name}/{version.version}"
    click.echo(f"{uri} on http://{host}:{port}/invocations", err=True)
    os.environ |= dict.fromkeys(THREAD_LIMITS, "1")  # a core a worker
    os.environ |= {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(), MODEL_VARIABLE: uri}
    words = [sys.executable, "-m", "uvicorn", "--factory", "pipeline.serving.server:app"]
    words += ["--host", host, "--port", str(port), "--no-access-log"]
    words += ["--workers", str(workers or cores())]
    os.execv(sys.executable, words)  # noqa: S606 - the server takes this process's place and signals
