"""A stage whose reader, terminal or disk is gone ends, and says so where somebody hears it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_project import environment, make_project, report

from e2e.conftest import Project


def full_log() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def closed_terminal() -> int:
    ours, theirs = pty.openpty()
    os.close(ours)
    return theirs


def ends_with_one_message(folder: Path, stage: str, output: int, env: dict[str, str]) -> str:
    """Runs the stage, whose standard output is ``output``; returns what it says on the other one."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", stage],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(output)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("stage", "open_output", "said"),
    [
        ("download", full_log, "No space left on device"),
        ("pad", closed_pipe, ""),
        ("train", closed_terminal, "Input/output error"),
    ],
)
def test_a_stage_ends_where_its_output_goes_nowhere(
    stage: str, open_output: Callable[[], int], said: str, tmp_path: Path
) -> None:
    folder = make_project(tmp_path, {"trials": 2}, data={"source": "file", "path": "mine.csv"})
    rows = "".join(f"word{row} good film,{row % 2}\n" for row in range(40))
    (folder / "mine.csv").write_text(f"text,label\n{rows}")
    env = environment(folder, stand_in=True)
    if stage == "pad":
        subprocess.run([sys.executable, "-m", "pipeline", "download"], cwd=folder, env=env, check=True)
    assert said in ends_with_one_message(folder, stage, open_output(), env)


def test_closed_streams_are_none_to_a_stage(tmp_path: Path) -> None:
    folder = make_project(tmp_path, {}, data={"source": "snippets", "unlabelled": "none"})
    for closed in ("<&- >&-", "<&- >&- 2>&-"):
        words = ["sh", "-c", f'exec "$0" -m pipeline download {closed}', sys.executable]
        env = environment(folder, stand_in=True)
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (folder / "data/raw/reviews.npz").exists()


def log_under_nohup(folder: Path, stage: str, env: dict[str, str]) -> str:
    """What ``nohup.out`` says of a stage whose terminal is closed once it has said a word."""
    ours, theirs = pty.openpty()
    words, log = ["nohup", sys.executable, "-m", "pipeline", stage], folder / "nohup.out"
    with subprocess.Popen(words, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as started:
        os.close(theirs)
        while started.poll() is None and not (log.exists() and log.stat().st_size):
            time.sleep(0.1)
        os.close(ours)
        started.send_signal(signal.SIGHUP)  # as a terminal that is closed does
        assert started.wait(timeout=120) == 0
    return " ".join(log.read_text().split())


def test_a_study_outlives_its_terminal_under_nohup(tmp_path: Path) -> None:
    folder = make_project(tmp_path, {"trials": 3}, cluster={"jobs_a_process": 50})
    said = log_under_nohup(folder, "train", environment(folder, stand_in=True, STAND_IN_SECONDS="0.2"))
    assert "trial 2 complete" in said
    assert report(folder)["trial"] in (0, 1, 2)


@pytest.mark.slow
def test_an_evaluation_outlives_its_terminal_under_nohup_and_ends_without_it_otherwise(
    project: Project,
) -> None:
    card = project.path("reports/model_card.md")
    written = card.stat().st_mtime_ns
    said = ends_with_one_message(project.folder, "evaluate", closed_terminal(), project.environment)
    assert "Input/output error" in said
    assert card.stat().st_mtime_ns == written, "what the last whole run made is there"
    said = log_under_nohup(project.folder, "evaluate", project.environment)
    assert "Registered as stacked-rnn-mine version 2" in said
    assert card.stat().st_mtime_ns > written
