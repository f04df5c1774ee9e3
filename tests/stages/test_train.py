"""The train stage without a network: its files change together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from e2e.toy_project import make_project
from pipeline.params import load_params
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import MODEL, TRAIN_REPORT
from pipeline.stages import train
from tuning.stand_in import fit_formula


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of one trial in the working folder; its network is a formula."""
    make_project(tmp_path, {"trials": 1})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(train, "fit", fit_formula)
    monkeypatch.setattr(train, "select_backend", lambda train: None)
    monkeypatch.setattr(train, "describe_device", lambda: "a formula")
    return tmp_path


def test_a_lost_network_leaves_the_files_of_the_last_good_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.stand_in.score_of", lambda params, seed, epoch: float("nan"))
    for file in (MODEL, TRAIN_REPORT):
        file.parent.mkdir(parents=True)
        file.write_text("of the last good run")
    with pytest.raises(UserError, match="trial 0 failed: loss is nan"):
        train.run(load_params())
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    assert {run.info.status for run in client.search_runs(experiments)} == {"FAILED"}  # parent and trial
    assert MODEL.read_text() == TRAIN_REPORT.read_text() == "of the last good run"
    assert {path.name for path in (*MODEL.parent.iterdir(), *TRAIN_REPORT.parent.iterdir())} == {
        MODEL.name,
        TRAIN_REPORT.name,
    }


def test_a_broken_file_leaves_a_failed_run(project: Path) -> None:
    (project / "data/padded/validation.npz").write_bytes(b"not an archive")
    with pytest.raises(UserError, match=r"validation\.npz"):
        train.run(load_params())
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    assert {run.info.status for run in client.search_runs(experiments)} == {"FAILED"}


def test_finalists_with_more_seeds_and_another_objective_are_reported(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The formula's loss is 1 less its score, which each seed above the first lowers by 0.001."""
    make_project(project, {"trials": 2, "finalists": 2, "seeds": 2, "epochs": None, "objective": "log_loss"})
    monkeypatch.setattr(train, "_deliver", lambda winner, validation: {"scale": 1.0})
    monkeypatch.setattr(train, "_curve_row", lambda epoch, metrics: {"epoch": epoch})
    train.run(load_params())
    report = read_json(TRAIN_REPORT)
    first, second = report["validation_neg_log_loss_by_seed"]
    assert first == pytest.approx(report["validation_accuracy"] - 1)
    assert second == pytest.approx(first - 0.001)
    assert report["objective"] == "log_loss"
