"""Whose hashes are recorded: those of the files that the present stage reads."""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.runtime.errors import UserError
from pipeline.runtime.source import output_hashes, read_stages, upstream_lock

PROJECT = Path(__file__).resolve().parents[2]


def test_a_stage_sees_the_stages_before_it_unless_their_outputs_were_made_without_dvc(here: Path) -> None:
    """dvc.lock is that of a whole run, in which each stage had one output of its own."""
    shutil.copyfile(PROJECT / "dvc.yaml", "dvc.yaml")
    stages = {}
    for name in ("download", "pad", "train", "evaluate"):
        content = f"{name}, first run"
        (here / f"{name}.out").write_text(content)
        digest = hashlib.md5(content.encode()).hexdigest()  # noqa: S324 - DVC's
        stages[name] = {"cmd": name, "outs": [{"path": f"{name}.out", "md5": digest}]}
    (here / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    assert set(output_hashes(upstream_lock("train"))) == {"download.out", "pad.out"}
    lock = upstream_lock("evaluate")
    assert lock is not None and lock["schema"] == "2.0"
    assert set(output_hashes(lock)) == {"download.out", "pad.out", "train.out"}
    (here / "train.out").write_text("trained by `stacked-rnn train`")
    assert set(output_hashes(upstream_lock("evaluate"))) == {"download.out", "pad.out"}
    (here / "dvc.lock").unlink()
    assert upstream_lock("evaluate") is None
    assert output_hashes(None) == {}


@pytest.mark.parametrize("content", ["<<<<<<< HEAD\nstages: {}\n", ""], ids=["conflict", "empty"])
def test_a_file_that_dvc_did_not_write_is_named(content: str, here: Path) -> None:
    for name, read in (("dvc.yaml", read_stages), ("dvc.lock", lambda: upstream_lock("evaluate"))):
        (here / name).write_text(content)
        with pytest.raises(
            UserError, match=rf"{name} is not as DVC writes it: .*`git checkout HEAD {name}` brings"
        ):
            read()
