"""A stage whose reader, terminal or disk is gone ends, and says so where somebody hears it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest
from toy_project import environment, make_project, run_stage

from e2e.conftest import Project
from pipeline.__main__ import cli

full_disks = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


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
        timeout=400,
        check=False,
    )
    os.close(output)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path, empty_store: bytes) -> Path:
    """A project of formulas that has padded reviews, and others in a file."""
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    rows = "".join(f"word{row} good film,{row % 2}\n" for row in range(40))
    (tmp_path / "mine.csv").write_text(f"text,label\n{rows}")
    return make_project(tmp_path, {"trials": 2}, data={"source": "file", "path": "mine.csv"})


@full_disks
def test_a_stage_ends_where_its_output_goes_nowhere(folder: Path) -> None:
    env, full_disk = environment(folder, stand_in=True), os.open("/dev/full", os.O_WRONLY)
    assert "Input/output error" in ends_with_one_message(folder, "train", closed_terminal(), env)
    assert "No space left on device" in ends_with_one_message(folder, "download", full_disk, env)
    run_stage(folder, "download")
    ends_with_one_message(folder, "pad", closed_pipe(), env)


def test_closed_streams_are_none_to_a_stage(folder: Path) -> None:
    project = Project(folder, environment(folder, stand_in=True))
    for closed in ("<&- >&-", "<&- >&- 2>&-"):
        project.run("sh", "-c", f'exec "$0" -m pipeline download {closed}', sys.executable)
    assert (folder / "data/raw/reviews.npz").exists()


@pytest.mark.slow
@full_disks
def test_an_evaluation_without_output_changes_nothing_and_one_with_it_agrees_digit_for_digit(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its twin is no champion."""
    card, metrics = project.path("reports/model_card.md"), project.path("reports/metrics.json")
    written, before = card.stat().st_mtime_ns, metrics.read_text()
    project.enter(monkeypatch)
    full_disk = os.open("/dev/full", os.O_WRONLY)
    for output, named in ((closed_terminal(), "Input/output error"), (full_disk, "No space left on device")):
        with monkeypatch.context() as patch, pytest.raises(click.ClickException, match=named):
            patch.setattr(sys, "stdout", os.fdopen(output, "w", buffering=1))
            cli.main(["evaluate"], standalone_mode=False)
    assert card.stat().st_mtime_ns == written, "what the last whole run made is there"
    said = " ".join(project.call("evaluate").split())
    assert "Registered as stacked-rnn-mine version 2, challenger" in said
    assert "not surely better than champion version 1" in said
    assert card.stat().st_mtime_ns > written
    assert metrics.read_text() == before
