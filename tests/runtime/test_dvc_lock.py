"""Whose hashes are recorded: those of the files that the present stage reads."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.runtime.source import output_hashes, upstream_lock

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """dvc.lock after a whole run; each stage has one output of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(PROJECT / "dvc.yaml", tmp_path / "dvc.yaml")
    stages = {}
    for name in ("download", "pad", "train", "evaluate"):
        (tmp_path / f"{name}.out").write_text(f"{name}, first run")
        digest = hashlib.md5((tmp_path / f"{name}.out").read_bytes()).hexdigest()  # noqa: S324 - DVC's
        stages[name] = {"cmd": name, "outs": [{"path": f"{name}.out", "md5": digest}]}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return tmp_path


def test_a_stage_sees_the_stages_before_it_unless_their_outputs_were_made_without_dvc(project: Path) -> None:
    assert set(output_hashes(upstream_lock("train"))) == {"download.out", "pad.out"}
    lock = upstream_lock("evaluate")
    assert lock is not None and lock["schema"] == "2.0"
    assert set(output_hashes(lock)) == {"download.out", "pad.out", "train.out"}
    (project / "train.out").write_text("trained by `stacked-rnn train`")
    assert set(output_hashes(upstream_lock("evaluate"))) == {"download.out", "pad.out"}
    (project / "dvc.lock").unlink()
    assert upstream_lock("evaluate") is None
    assert output_hashes(None) == {}
