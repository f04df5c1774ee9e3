"""Ctrl-C, `kill` of either kind, and what stops a service: the run ends when its stage has."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml
from toy_project import environment, make_project


@pytest.fixture
def project(tmp_path: Path, empty_store: bytes) -> Path:
    """A DVC project whose one stage is a study of formulas: eight trials of two epochs, 0.3 s each."""
    folder = make_project(tmp_path, {"trials": 8})
    stage = {"cmd": "python -m pipeline train", "outs": [{"reports/train.json": {"cache": False}}]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}), encoding="utf-8")
    (folder / "mlflow.db").write_bytes(empty_store)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = True\n")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "is_for_all"),
    [(signal.SIGTERM, False), (signal.SIGHUP, False), (signal.SIGINT, True)],
    ids=["kill", "kill -HUP", "Ctrl-C"],
)
def test_a_run_ends_with_its_stage(project: Path, number: signal.Signals, is_for_all: bool) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--until", "train"],
        cwd=project,
        env=environment(project, stand_in=True, STAND_IN_SECONDS="0.3", PATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of processes of its own
    )
    assert run.stdout is not None
    said = ""
    while "epoch" not in said:
        said += (line := run.stdout.readline())
        assert line, said
    processes = psutil.Process(run.pid).children(recursive=True)
    if is_for_all:
        os.killpg(run.pid, number)  # as a terminal does
    else:
        run.send_signal(number)
    run.wait(60)
    left = [each for each in psutil.wait_procs(processes, timeout=1)[1] if each.status() != "zombie"]
    assert left == [], "nothing goes on behind the user's back"
    said += run.stdout.read()
    assert run.returncode != 0
    assert "was interrupted with" in said, said
    assert not (project / "reports/train.json").exists()
