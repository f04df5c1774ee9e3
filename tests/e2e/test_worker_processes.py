"""Workers on this machine: they share a study, and an interrupt stops them all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy_project import environment, make_project, report


def start_train(folder: Path, seconds: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "train"],
        cwd=folder,
        env=environment(folder, stand_in=True, STAND_IN_SECONDS=seconds),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_workers_share_a_study_and_an_interrupt_stops_them_all(tmp_path: Path) -> None:
    folder = make_project(tmp_path, {"trials": 12, "workers": 2})
    train = start_train(folder, seconds="1.5")
    assert train.stdout is not None
    begun = 0  # the coordinator and its two workers each name the study as they begin
    for line in train.stdout:
        begun += line.startswith("study")
        if begun == 3 and "complete" in line:
            train.send_signal(signal.SIGINT)
            break
    _, errors = train.communicate(timeout=300)
    assert train.returncode == 1
    assert "`dvc repro` goes on with it" in errors
    assert "Traceback" not in errors
    assert not (folder / "reports/train.json").exists()
    journal = (folder / "studies/journal.log").read_text().splitlines()
    owners = {line["user_attr"]["process"] for line in map(json.loads, journal) if "process" in str(line)}
    assert len(owners) == 2
    assert all(not Path(f"/proc/{owner.split('/')[1]}").exists() for owner in owners)

    again = start_train(folder, seconds="0")
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    delivered = report(folder)
    assert delivered["trials"]["complete"] == 12
    assert delivered["search_order"].startswith("depends on the timing of 2 workers")
    assert not delivered["retrained"], "the worker that ran it kept its network beside the study"
