"""A task has a GPU for itself; no GPU is needed to see it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.cluster import pool as cores
from pipeline.cluster.shipment import Shipment
from pipeline.cluster.workers import Workers


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is thrown away."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sys, "path", list(sys.path))


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
    assert cores.gpus() == found
    if found:
        assert cores.worker_count("auto") == len(found)


@pytest.mark.usefixtures("environment")
def test_workers_of_this_machine_take_the_gpus_in_turn(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    shipment = Shipment("study", [tmp_path / "nothing"], {}, ["0", "2"], {}, {})
    shown = []
    for number in range(3):
        folder = tmp_path / str(number)
        shipment.setup(SimpleNamespace(name=number, local_directory=str(folder), address="tcp://here"))
        shown.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert shown == ["0", "2", "0"]


@pytest.mark.usefixtures("environment")
def test_a_users_workers_keep_the_gpu_that_they_were_given(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    os.environ["CUDA_VISIBLE_DEVICES"] = "7"
    shipment = Shipment("study", [tmp_path / "nothing"], {}, [], {}, {})
    shipment.setup(
        SimpleNamespace(name="worker-1", local_directory=str(tmp_path / "1"), address="tcp://there")
    )
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"


def test_where_a_worker_declares_a_gpu_only_such_are_given_fits() -> None:
    workers = Workers(None, "study", 1, {}, local=False)  # type: ignore[arg-type]
    without: dict[str, Any] = {"resources": {}}
    known = {"tcp://a": without, "tcp://b": {"resources": {"GPU": 1.0}}}
    assert workers._idle(known) == ["tcp://b"]
    assert workers._idle({"tcp://a": without, "tcp://c": without}) == ["tcp://a", "tcp://c"]
