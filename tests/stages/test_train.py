"""The train stage without a network: what it refuses; its files change together, or not at all."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from e2e.toy_project import PROJECT, make_project
from pipeline.params import Params, ParamsError, load_params
from pipeline.runtime.paths import MODEL, TRAIN_REPORT
from pipeline.stages import train
from tuning.stand_in import fit_formula

AUTHOR = ["-c", "user.name=t", "-c", "user.email=t@example.org"]


def test_a_lost_network_leaves_the_files_of_the_last_good_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path, {"trials": 1})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr(train, "fit", fit_formula)
    monkeypatch.setattr("tuning.stand_in.score_of", lambda params, seed, epoch: float("nan"))
    for file in (MODEL, TRAIN_REPORT):
        file.parent.mkdir(parents=True)
        file.write_text("of the last good run")
    with pytest.raises(ValueError, match="trial 0 failed: loss is nan"):
        train.run(load_params())
    assert MODEL.read_text() == TRAIN_REPORT.read_text() == "of the last good run"
    assert {path.name for path in (*MODEL.parent.iterdir(), *TRAIN_REPORT.parent.iterdir())} == {
        MODEL.name,
        TRAIN_REPORT.name,
    }


def test_a_value_of_one_experiment_is_refused_where_it_is_also_searched(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    for words in (["init", "--quiet"], ["add", "."], [*AUTHOR, "commit", "--quiet", "-m", "baseline"]):
        subprocess.run(["git", *words], check=True)
    train.refuse_searched(params, "HEAD")
    changed = params.replace({"model.depth": 3})
    with pytest.raises(ParamsError, match=r"model.depth is 3 .* -S tune.search_space.model.depth=null"):
        train.refuse_searched(changed, "HEAD")
    train.refuse_searched(changed, None)
    train.refuse_searched(changed.replace({"tune.search_space.model.depth": None}), "HEAD")
    train.refuse_searched(changed.replace({"tune.search_space.model.depth.high": 5}), "HEAD")
    train.refuse_searched(params.replace({"model.embedding_dim": 7}), "HEAD")
