"""Servers that run while a test asks them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from e2e.conftest import Project


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def tracking_server(folder: Path, address: str) -> list[str]:
    """The command of `mlflow server`, whose store lies in ``folder``."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", address.rpartition(":")[2], "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    return [*command, "--artifacts-destination", str(folder / "artifacts")]


@contextmanager
def running(command: list[str], project: Project, ready: str, log: Path) -> Iterator[None]:
    """A server while the block runs; ends it and its workers."""
    environment = project.environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # else eight more
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=project.folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_ready(process, ready, log)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:  # MLflow's server, on a machine that is busy
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(3_000):  # a labelling tool makes its database first
        if process.poll() is not None:
            raise AssertionError(f"the server ended:\n{log.read_text()}")
        try:
            if requests.get(address, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise AssertionError(f"{address} doesn't answer:\n{log.read_text()}")
