"""`serve`: a registered version over HTTP, in this environment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import click
import mlflow
from mlflow import MlflowClient
from starlette.types import ASGIApp

from pipeline.cluster.processes import end_with_parent
from pipeline.commands import echo_error, of_version
from pipeline.interface import load_champion, open_store
from pipeline.params import load_params
from pipeline.registry.comparing import evaluated_runs
from pipeline.runtime.machine import THREAD_LIMITS, answers, cores, require_free_port
from pipeline.serving.answering import Answerer
from pipeline.tracking.runs import VIEW, offer_view
from pipeline.tracking.store import leave_copy, tracking_uri

_MODEL = "PIPELINE_MODEL"  # of the environment: what the server's processes answer for


@click.command()
@of_version
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 in a container."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that answer.  [default: one a core]")
def serve(name: str | None, port: int, host: str, workers: int | None) -> None:
    """Serve the champion on loopback, with the addresses and answers of `mlflow models serve`."""
    require_free_port(port)
    store = tracking_uri(load_params())
    champion = load_champion(name, echo_error)
    Answerer(champion.texts, champion.address, champion.run_id)  # before any process starts: can it log?
    echo_error(f"{champion.address} on http://{host}:{port}/invocations")
    os.environ |= dict.fromkeys(THREAD_LIMITS, "1")  # a core a worker
    os.environ |= {"MLFLOW_TRACKING_URI": store, _MODEL: champion.address}  # MLflow has noted a copy's
    words = [sys.executable, "-m", "uvicorn", "--factory", f"{__name__}:answering"]
    words += ["--host", host, "--port", str(port), "--no-access-log"]
    words += ["--workers", str(workers or cores())]
    del champion  # with its copy of the files: nothing that ends with a process outlives exec
    leave_copy()
    os.execv(sys.executable, words)  # noqa: S606 - the server takes this process's place and signals


def answering() -> ASGIApp:
    """The application of one of the server's processes; those of a killed server let go of its port."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    from pipeline.serving.server import application  # noqa: PLC0415

    champion = load_champion(os.environ[_MODEL])
    leave_copy()
    return application(Answerer(champion.texts, champion.address, champion.run_id), mlflow.__version__)


# `ui`: MLflow's pages for the project's store.

# One reader needs one process, no queue of jobs for language models, and no line after the address.
_QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
_SINGLE = ("--host", "127.0.0.1", "--workers", "1", "--uvicorn-opts", "--log-level warning")


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
    page = _page(client)
    click.echo("MLflow is starting, which takes some seconds")
    stores = ("--backend-store-uri", uri, "--registry-store-uri", mlflow.get_registry_uri())
    words = [sys.executable, "-m", "mlflow", "ui", *stores, "--port", str(port), *_SINGLE]
    with subprocess.Popen(words, env=os.environ | _QUIET) as server:
        try:
            while server.poll() is None and not answers(port):
                time.sleep(0.2)
            if server.poll() is None:
                click.echo(f"open http://127.0.0.1:{port}/{page}\nCtrl-C ends it")
            server.wait()
        except KeyboardInterrupt:  # the terminal's Ctrl-C reaches the server too, a `kill` doesn't
            server.terminate()
    raise SystemExit(server.returncode)


def _page(client: MlflowClient) -> str:
    """The runs of the experiment with the newest evaluated run, where `mlflow run` may have put it."""
    runs = evaluated_runs(client)
    experiment = client.get_experiment_by_name(load_params().mlflow.experiment)
    number = runs[0].info.experiment_id if runs else experiment.experiment_id if experiment else None
    if not number:
        return "#/experiments?workflowType=machine_learning"
    offer_view(client, number)
    return f"#/experiments/{number}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"
