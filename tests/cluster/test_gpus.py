"""A task has a GPU for itself; no GPU is needed to see it."""

import os
from pathlib import Path
from typing import Any

import cluster_jobs
import pytest

from pipeline.cluster.jobs import Job, run_all
from pipeline.cluster.pool import open_pool, worker_count
from pipeline.params import ClusterParams
from pipeline.runtime.interruption import Interruption
from pipeline.runtime.machine import gpus


@pytest.mark.parametrize(
    ("visible", "found"),
    [("0,2", ["0", "2"]), ("GPU-8a1", ["GPU-8a1"]), ("", []), ("-1", []), (None, ["0", "1", "2"])],
)
def test_the_gpus_are_those_that_the_user_shows(
    visible: str | None, found: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listing = tmp_path / "nvidia-smi"
    lines = "".join(f"echo 'GPU {place}: NVIDIA H100'\n" for place in range(3))
    listing.write_text(f"#!/bin/sh\n{lines}")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus() == found
    if found:
        assert worker_count("auto") == len(found)


def test_processes_of_this_machine_take_the_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    values: dict[str, Any] = {}
    with open_pool("gpus", ClusterParams(), 3, 3, {}) as pool:
        jobs = [Job(str(number), cluster_jobs.environment, ("CUDA_VISIBLE_DEVICES",)) for number in range(3)]
        run_all(pool, jobs, values.__setitem__, Interruption())
    assert [values[key] for key in "012"] == ["0", "2", "0"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,2", "as before"
