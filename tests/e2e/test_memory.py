"""Memory over a study: what real networks leave behind in a process, and how many a process fits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pipeline.tuning.workers import TRIALS_A_PROCESS
from toy_project import environment, make_project, report

MEASURE = """
import psutil
from pipeline.params import load_params
from pipeline.stages import train

params = load_params()
fit = train.fit_on(params, train.read_splits(), dict(padded_digest="sha256:1"))
for trial in range(1, {trials} + 1):
    print(psutil.Process().memory_info().rss, flush=True)
    fit(params, params.seed, None)
"""


@pytest.mark.slow
def test_the_last_trial_of_a_process_starts_with_little_more_memory_than_the_third(tmp_path: Path) -> None:
    tiny = {"cell": "simple_rnn", "depth": 1, "units": 2, "embedding_dim": 2, "dropout": 0.0}
    folder = make_project(tmp_path, {"trials": 1}, model=tiny, train={"epochs": 1})
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(trials=TRIALS_A_PROCESS)],
        cwd=folder,
        env=environment(folder, stand_in=False),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    resident = [int(line) for line in done.stdout.split()]
    assert len(resident) == TRIALS_A_PROCESS
    assert resident[-1] <= 1.10 * resident[2]


@pytest.mark.slow
def test_no_process_runs_more_trials_than_it_should(tmp_path: Path) -> None:
    folder = make_project(tmp_path, {"trials": TRIALS_A_PROCESS + 1})
    command = [sys.executable, "-m", "pipeline", "train"]
    subprocess.run(command, cwd=folder, env=environment(folder, stand_in=True), check=True)
    entries = map(json.loads, (folder / "studies/journal.log").read_text().splitlines())
    owners = [entry["user_attr"]["process"] for entry in entries if "process" in entry.get("user_attr", {})]
    assert sorted(Counter(owners).values()) == [1, TRIALS_A_PROCESS]
    assert report(folder)["trials"]["complete"] == TRIALS_A_PROCESS + 1
