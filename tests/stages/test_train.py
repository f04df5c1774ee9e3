"""The train stage, where it needs no network: what a worker does that comes too late."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline import tuning
from pipeline.params import Params
from pipeline.runtime.files import write_json
from pipeline.runtime.paths import PADDED_DATASET
from pipeline.stages import train


def test_a_worker_that_comes_too_late_fails_only_if_a_person_started_it(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    dataset = {"name": "toy", "padded_digest": "sha256:ab", "sizes": {"train": 64}}
    write_json(PADDED_DATASET, dataset)
    study = tuning.open_study(params, dataset)
    study.set_attribute("trials", 0)
    study.set_attribute("delivered", True)
    train.work(params, coordinator=os.getppid())
    with pytest.raises(tuning.StudyFinishedError, match="nothing to join"):
        train.work(params, coordinator=None)
