"""A project's folder of its own, and params of a small study."""

from pathlib import Path

import pytest

from pipeline.params import Params


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project's folder; studies go below it."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def toy(params: Params, project: Path) -> Params:
    """Four trials of two epochs over units and dropout, without pruning."""
    space = {"model.units": {"low": 8, "high": 32}, "model.dropout": {"low": 0.0, "high": 0.5}}
    model = {"model.units": 16, "model.dropout": 0.2, "model.depth": 2}
    study = {"tune.trials": 4, "tune.pruner": "none", "tune.search_space": space}
    return params.replace({"seed": 42, "train.epochs": 2} | model | study)
