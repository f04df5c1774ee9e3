"""A project's folder of its own, and params of a small study."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.params import Params, parse_params


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project's folder; studies go below it."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def toy(params: Params, project: Path) -> Params:
    """Four trials of two epochs over units and dropout, without pruning."""
    tree = params.model_dump(mode="json")
    tree["seed"] = 42
    tree["model"] |= {"units": 16, "dropout": 0.2, "depth": 2}
    tree["train"]["epochs"] = 2
    tree["tune"] |= {
        "trials": 4,
        "pruner": "none",
        "search_space": {"model.units": {"low": 8, "high": 32}, "model.dropout": {"low": 0.0, "high": 0.5}},
    }
    return parse_params(tree, "test")
