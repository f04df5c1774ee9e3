"""`depth` on a toy project: it reports, keeps what is finished, and ends well when interrupted.

Its networks are a formula; tests/depth fits one, and tests/cluster runs a study on workers.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
from toy_project import environment, make_project

TINY: dict[str, Any] = {"cells": ["simple_rnn"], "depths": [1, 2], "skips": ["none"], "seeds": 2, "units": 4}
TINY |= {"epochs": 2, "batch_size": 16, "probe_reviews": 64, "gradient_reviews": 8, "workers": 1}


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "studies", "depth"],
        cwd=folder,
        env=environment(folder, stand_in=True, STAND_IN_SECONDS="0.05"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C must reach it even where a shell started the tests in the background, deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.mark.slow
def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path, empty_store: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    folder = make_project(tmp_path, {}, depth=TINY, cluster={"jobs_a_process": 12})
    first = start(folder)
    assert first.stdout is not None
    for line in first.stdout:
        if "complete after" in line:
            first.send_signal(signal.SIGINT)
            break
    _, errors = first.communicate(timeout=300)
    assert first.returncode == 1, errors
    found = re.search(r"interrupted with (\d+) of 12 trials finished; .* goes on with the rest", errors)
    assert found, errors
    assert "Traceback" not in errors
    kept = int(found[1])
    assert 1 <= kept < 12
    assert not (folder / "reports").exists()

    output, errors = start(folder).communicate(timeout=300)
    assert f"{kept} of 12 trials finished before" in output, errors
    assert output.count("complete after") == 12 - kept, "nothing was fitted twice"
    names = {path.name for path in (folder / "reports/depth").iterdir()}
    assert {"report.html", "summary.json", "fits.csv", "accuracy.png", "gradients.png"} <= names

    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    (parent,) = (run for run in runs if run.info.run_name == "depth study")  # one for both attempts
    assert parent.info.status == "FINISHED"
    assert [run for run in runs if run.info.status == "RUNNING"] == []
    children = [run for run in runs if run.data.tags.get("trial.state") == "COMPLETE"]
    assert len({run.info.run_name for run in children}) == len(children) == 12
    assert {"validation_accuracy", "test_accuracy", "seconds", "loss"} <= set(children[0].data.metrics)
    curve = client.get_metric_history(children[0].info.run_id, "validation_loss")
    assert [point.step for point in curve] == [1, 2]
    assert "depth/report.html" in {file.path for file in client.list_artifacts(parent.info.run_id, "depth")}
