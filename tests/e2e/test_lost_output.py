"""A stage whose reader, terminal or disk is gone ends, and says so where somebody hears it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_project import environment, make_project


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
    if stage == "pad":
        made = [sys.executable, "-m", "pipeline", "download"]
        subprocess.run(made, cwd=folder, env=environment(folder, stand_in=True), check=True)
    output = open_output()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", stage],
        cwd=folder,
        env=environment(folder, stand_in=True),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(output)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
