"""Three workers on a real PostgreSQL, each in a folder of its own as on three machines; one is killed."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from toy_project import environment, make_project, report

from pipeline.params import load_params
from pipeline.tuning import Study, open_study
from pipeline.tuning.study import FINISHED

TRIALS = 9
DATASET = {"name": "toy", "padded_digest": "sha256:" + "ab" * 32}


def find_binaries() -> Path | None:
    """The folder of initdb and postgres: on PATH, or where Debian's package puts them."""
    found = shutil.which("initdb")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else versions[-1].parent if versions else None


def unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root; then it runs as the user that its package made."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@pytest.fixture
def server() -> Iterator[str]:
    """The URL of an empty database on loopback."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg isn't installed: pip install '.[postgresql]'")
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    if unprivileged():
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("this is root, and there is no user postgres to run the server as")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    create = [binaries / "initdb", "-D", folder / "data", "-U", "tuner", "--auth=trust", "--no-sync"]
    subprocess.run([*unprivileged(), *create], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*unprivileged(), binaries / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w"]
    subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        yield f"postgresql://tuner@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )
        shutil.rmtree(folder)


@pytest.mark.slow
def test_three_workers_share_a_study_and_one_is_killed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowClient(store).search_experiments()

    def start(command: str, name: str, seconds: str) -> subprocess.Popen[str]:
        folder = tmp_path / name
        if not folder.exists():
            make_project(folder, {"trials": TRIALS, "storage": server})
        variables = environment(folder, stand_in=True, STAND_IN_SECONDS=seconds, MLFLOW_TRACKING_URI=store)
        arguments = [sys.executable, "-m", "pipeline", command]
        return subprocess.Popen(arguments, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True)

    train = start("train", "one", "2")
    assert train.stdout is not None
    assert train.stdout.readline().startswith("study toy-"), "the study is open, so that workers may join"
    killed = start("worker", "two", "60")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "one"))
    study = open_study(load_params(tmp_path / "one/params.yaml"), DATASET)
    deadline = time.monotonic() + 240
    while not (victims := trials_of(study, killed)) and time.monotonic() < deadline:
        time.sleep(0.1)
    trainers = children_of(train)
    other = start("worker", "three", "0.1")
    while (
        not children_of(other) and time.monotonic() < deadline
    ):  # it has joined; the victim keeps the study open
        time.sleep(0.1)
    (victims_process,) = children_of(killed)
    os.kill(victims_process, signal.SIGKILL)
    assert killed.wait(timeout=300) == 1, "it has no worker left"
    train.communicate(timeout=300)
    other.communicate(timeout=300)
    assert (train.returncode, other.returncode) == (0, 0)

    trials = study.trials()
    finished = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert len(finished) == TRIALS
    owners = {int(trial.user_attrs["process"].split("/")[1]) for trial in finished}
    assert trainers < owners
    assert victims_process not in owners
    (victim,) = victims
    assert trials[victim].state.name == "FAIL"
    queued = [trial for trial in trials if trial.user_attrs.get("retry_of") == victim]
    # Two processes may see the loss and queue it at the same moment; then the second one stands down.
    (retry,) = [trial for trial in queued if trial.state in FINISHED]
    assert all(
        trial.state.name == "WAITING" or trial.user_attrs["stood_down"] for trial in queued if trial != retry
    )
    assert (retry.params, retry.state.name) == (trials[victim].params, "COMPLETE")

    best = max(finished, key=lambda trial: (trial.value, -trial.number))
    delivered = report(tmp_path / "one")
    assert (delivered["trial"], delivered["validation_accuracy"]) == (best.number, best.value)
    if int(best.user_attrs["process"].split("/")[1]) in trainers:
        assert not delivered["retrained"]
    complete = complete_runs(MlflowClient(store), delivered["run_id"])
    assert sorted(complete) == sorted(str(trial.number) for trial in finished)


def complete_runs(client: MlflowClient, parent: str) -> list[str]:
    """The trials of the child runs that are complete; no run of the store may still be RUNNING."""
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert [run.info.run_name for run in runs if run.info.status == "RUNNING"] == []
    return [
        run.data.tags["trial.number"]
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == parent
        and run.data.tags.get("trial.state") == "COMPLETE"
    ]


def children_of(process: subprocess.Popen[str]) -> set[int]:
    """Pids of the workers that ``process`` coordinates; a child of a moment, such as git, is none."""
    begun = time.time() - 2
    return {child.pid for child in psutil.Process(process.pid).children() if child.create_time() < begun}


def trials_of(study: Study, coordinator: subprocess.Popen[str]) -> list[int]:
    """Numbers of the trials that have their values and run in workers of ``coordinator``."""
    owners = children_of(coordinator)
    return [
        trial.number
        for trial in study.trials()
        if int(trial.user_attrs.get("process", "//0").split("/")[1] or 0) in owners and len(trial.params) == 2
    ]
