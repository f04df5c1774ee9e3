"""The tracking server goes away in the middle of a study of one worker: one line says so."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_project import environment, finished_trials, make_project
from werkzeug.serving import BaseWSGIServer, make_server


@pytest.fixture
def tracking_server(
    tmp_path: Path, empty_store: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BaseWSGIServer]:
    """MLflow's own application on a free port of loopback, in a thread: it can be gone at once."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", f"sqlite:///{tmp_path}/server.db")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", (tmp_path / "artifacts").as_uri())
    from mlflow.server import app  # noqa: PLC0415 - it reads the variables

    (tmp_path / "server.db").write_bytes(empty_store)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_a_server_lost_in_a_study_of_one_worker_is_one_line_and_leaves_no_process(
    tracking_server: BaseWSGIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{tracking_server.port}"
    folder = make_project(tmp_path / "project", {"trials": 50, "workers": 1}, cluster={"jobs_a_process": 50})
    quick = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "STAND_IN_SECONDS": "0.2"}
    stage = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "train"],
        cwd=folder,
        env=environment(folder, stand_in=True, MLFLOW_TRACKING_URI=address, **quick),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert stage.stdout is not None
    for line in stage.stdout:
        if re.match(r"trial 1\b.*complete", line):
            break
    tracking_server.shutdown()
    tracking_server.server_close()
    _, said = stage.communicate(timeout=30)  # with its default of 4 attempts it waits for half a minute more
    assert stage.returncode == 1
    assert said.strip().splitlines()[-1] == (
        f"Error: the MLflow tracking server {address} is lost: start it, and the same command goes on; "
        "finished trials are kept"
    )
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # multiprocessing's tracker of resources ends a moment later
            os.killpg(stage.pid, 0)
            time.sleep(0.1)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    assert {0, 1} <= finished_trials(folder)[1].keys()
