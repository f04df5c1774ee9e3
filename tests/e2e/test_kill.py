"""SIGKILL of the train stage at random moments, as a power cut would do it: no finished trial is lost, none
runs twice."""

import multiprocessing
import os
import random
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from toy_project import environment, finished_trials, make_project, report, run_stage

TRIALS = 8
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


def train(folder: str) -> None:
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


@pytest.mark.slow
def test_a_study_survives_kills(tmp_path: Path, empty_store: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_project(tmp_path, {"trials": TRIALS}, cluster={"jobs_a_process": TRIALS})
    for key, value in environment(folder, stand_in=True, STAND_IN_SECONDS=str(SECONDS_AN_EPOCH)).items():
        monkeypatch.setenv(key, value)
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (folder / "mlflow.db").write_bytes(empty_store)  # to make it would take all of the first moments
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTS))
    moments = random.Random(4)
    seen: dict[int, Any] = {}
    for said in SAID:
        (folder / "log.txt").unlink(missing_ok=True)
        stage = context.Process(target=train, args=(str(folder),))
        stage.start()
        wait_for(said, folder, stage)
        time.sleep(moments.uniform(0, SECONDS_AN_EPOCH))
        assert stage.is_alive(), (folder / "log.txt").read_text()
        stage.kill()
        stage.join()
        _, now = finished_trials(folder)
        assert seen.items() <= now.items(), "a finished trial was lost or changed"
        seen = now
    assert 0 < len(seen) < TRIALS

    run_stage(folder, "train")
    delivered = report(folder)
    name, final = finished_trials(folder, **{"tune.trials": TRIALS + 1})  # one more: of the delivered study
    assert name == delivered["study"]
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
