"""What several test modules share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before any test imports a library that reads them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from pipeline.params import Params, load_params

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def params() -> Params:
    """The project's own params.yaml."""
    return load_params(PROJECT / "params.yaml")
