"""What dvc.lock says of the stages that ran before the present one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DVC_LOCK = Path("dvc.lock")
UPSTREAM = {"train": ("download", "pad"), "evaluate": ("download", "pad", "train")}


def upstream_lock(stage: str) -> dict[str, Any] | None:
    """dvc.lock of the stages before ``stage`` whose outputs lie here as they were; None where there are none.

    While a stage runs, dvc.lock still tells of its last run, and of the stages after it; a stage that was run
    without DVC leaves its entry as it was.
    """
    if not DVC_LOCK.exists():
        return None
    lock = yaml.safe_load(DVC_LOCK.read_text(encoding="utf-8"))
    stages = {
        name: entry
        for name, entry in lock["stages"].items()
        if name in UPSTREAM.get(stage, ()) and all(_is_here(out) for out in entry.get("outs", []))
    }
    return {**lock, "stages": stages} if stages else None


def output_hashes(lock: Mapping[str, Any] | None) -> dict[str, str]:
    """The hash of each output in a lock."""
    return dict(_outputs(lock or {"stages": {}}))


def _outputs(lock: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in lock["stages"].values():
        for out in entry.get("outs", []):
            yield out["path"], out["md5"]


def _is_here(out: Mapping[str, Any]) -> bool:
    """Whether the output's file is the one that was hashed; of a folder only that it is there."""
    path = Path(out["path"])
    if not path.is_file():
        return path.is_dir()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() == out["md5"]
