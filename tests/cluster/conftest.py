"""A Dask scheduler and two workers on loopback, each started in an empty folder, without a checkout."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from e2e.servers import free_port
from pipeline.params import ClusterParams

WORKERS = 2


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler's address; what its workers import comes from the environment's packages alone."""
    address = f"tcp://127.0.0.1:{free_port()}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    dask = [sys.executable, "-P", "-m", "dask"]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [[*dask, "scheduler", *local, "--port", address.rpartition(":")[2]]]
    commands += [[*dask, "worker", address, *local, "--nthreads", "1", "--memory-limit", "0"]] * WORKERS
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    empty = tmp_path_factory.mktemp("empty")
    processes = [subprocess.Popen(command, cwd=empty, env=environment, **silent) for command in commands]
    try:
        with Client(address, timeout=60) as client:
            client.wait_for_workers(WORKERS, timeout=120)
            client.upload_file(str(Path(__file__).with_name("cluster_jobs.py")))
        yield address
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(scheduler: str) -> ClusterParams:
    return ClusterParams(address=scheduler, jobs_a_process=100)
