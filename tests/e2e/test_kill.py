"""SIGKILL of the train stage at ten random moments, as a power cut would do it: no finished trial is lost,
none runs twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from toy_project import environment, make_project, report

from pipeline.params import load_params
from pipeline.tuning.study import open_search

KILLS, TRIALS = 10, 8
SECONDS_AN_EPOCH = 0.3  # two epochs a trial
# What the stage has said when it is killed, a moment later; the first is at some moment of its start-up. At
# the last one a trial is finished for sure.
SAID = ("", r"\ntrial", r"  complete", r"\ntrial", r"\([1-9]/8 done\)")
IMPORTS = (
    "pipeline.stages.train",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.system_metrics.system_metrics_monitor",
    "mlflow.tracing.processor",
    "sqlalchemy.dialects.sqlite",
    "alembic.command",
    "git",
)


def run_stage(folder: str) -> None:
    """The train stage, in a process that was forked with everything imported."""
    os.chdir(folder)
    log = os.open("log.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, sys.stdout.fileno())
    from pipeline.__main__ import cli  # noqa: PLC0415 - in the forked process only

    cli(["train"])


def wait_for(said: str, folder: Path, stage: Any) -> None:
    """Returns when the stage has said that, or has ended."""
    while stage.is_alive():
        if (folder / "log.txt").exists() and re.search(said, (folder / "log.txt").read_text()):
            return
        time.sleep(0.01)


def finished_trials(folder: Path) -> dict[int, Any]:
    """Parameters and score of each finished trial, by number."""
    dataset = {"name": "toy", "padded_digest": "sha256:" + "ab" * 32}
    study = open_search(load_params(folder / "params.yaml"), dataset)
    return {trial.number: (trial.params, trial.value) for trial in study.ranked()}


@pytest.mark.slow
def test_a_study_survives_ten_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_project(tmp_path, {"trials": TRIALS}, cluster={"jobs_a_process": TRIALS})
    for key, value in environment(folder, stand_in=True, STAND_IN_SECONDS=str(SECONDS_AN_EPOCH)).items():
        monkeypatch.setenv(key, value)
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.search_experiments()  # makes the store, which alone would take all of the first moments
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTS))
    moments = random.Random(4)
    seen: dict[int, Any] = {}
    for kill in range(KILLS):
        (folder / "log.txt").unlink(missing_ok=True)
        stage = context.Process(target=run_stage, args=(str(folder),))
        stage.start()
        wait_for(SAID[kill % len(SAID)], folder, stage)
        time.sleep(moments.uniform(0, SECONDS_AN_EPOCH))
        assert stage.is_alive(), (folder / "log.txt").read_text()
        stage.kill()
        stage.join()
        now = finished_trials(folder)
        assert seen.items() <= now.items(), "a finished trial was lost or changed"
        seen = now
    assert 0 < len(seen) < TRIALS

    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "train"],
        cwd=folder,
        env=environment(folder, stand_in=True, STAND_IN_SECONDS="0"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    delivered = report(folder)
    dataset = {"name": "toy", "padded_digest": "sha256:" + "ab" * 32}
    more = load_params(folder / "params.yaml").replace({"tune.trials": TRIALS + 1})
    study = open_search(more, dataset)  # wants one more, so it is the delivered study itself
    final = {trial.number: (trial.params, trial.value) for trial in study.ranked()}
    assert study.name == delivered["study"]
    assert seen.items() <= final.items()
    assert len(final) == TRIALS
    assert len({str(params) for params, _ in final.values()}) == TRIALS, "none ran twice"

    best = max(final, key=lambda number: (final[number][1], -number))
    params, score = final[best]
    assert (delivered["trial"], delivered["validation_accuracy"]) == (best, score)
    network = (folder / "models/stacked_rnn.keras").read_text()
    assert network == f"{params['model.units']} units, dropout {params['model.dropout']}, seed 42"

    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000)
    assert [run.info.run_id for run in runs if run.info.status == "RUNNING"] == []
    recorded = {run.data.tags.get("trial.number") for run in runs if run.info.status == "FINISHED"}
    assert recorded >= {str(number) for number in final}
