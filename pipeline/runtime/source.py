"""Which version of the code, the libraries and the earlier stages made a result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipeline.runtime.errors import UserError
from pipeline.runtime.paths import project_folder

SCORING_MODULES = ("pipeline/training", "pipeline/networks")  # the code that decides a network's score
# Variables of the environment by which the libraries compute other digits.
RESULT_SETTINGS = ("XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "NVIDIA_TF32_OVERRIDE")


def result_settings() -> dict[str, str]:
    """Those of ``RESULT_SETTINGS`` that are set, and to what."""
    return {name: os.environ[name] for name in RESULT_SETTINGS if name in os.environ}


def source_digest(modules: Sequence[str], libraries: Sequence[str]) -> str:
    """12 hexadecimal digits over the bytes of ``modules`` and the versions of ``libraries``.

    Args:
        modules: files and folders of modules, relative to the project's folder.
        libraries: names of installed distributions.
    """
    project = Path(__file__).parents[2]
    files: list[Path] = []
    for module in modules:
        files += [project / module] if module.endswith(".py") else (project / module).rglob("*.py")
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    for library in libraries:
        digest.update(f"{library} {importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:12]


# Which commit the code is at, and whether it is that commit's code.

# What decides a run's numbers; the params are recorded with it, and the data by its hash.
CODE = ("pipeline", "dvc.yaml", "requirements.txt")


def git(*arguments: str) -> str:
    """What git prints; nothing where there is no repository, no git, or not what is asked for.

    Raises:
        UserError: if there is a repository, but git refuses to read it, since it is another user's.
    """
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    if "dubious ownership" in done.stderr:
        folder = project_folder()
        raise UserError(
            f"git refuses to read the repository of {folder}, which belongs to another user: "
            f"`git config --global --add safe.directory {folder}`, or give the folder to this user"
        )
    return done.stdout.strip() if done.returncode == 0 else ""


def head_commit() -> str:
    """The commit that is checked out; nothing where there is none."""
    return git("rev-parse", "HEAD")


def changed_code() -> list[str]:
    """Files of ``CODE`` that differ from the commit, untracked ones among them."""
    lines = git("status", "--porcelain", "--untracked-files=all", "--", *CODE).splitlines()
    return [line.split(maxsplit=1)[1] for line in lines]


# The stages of dvc.yaml, which alone says what each one reads, makes and asks of params.yaml; and what
# dvc.lock says of those that ran before the present one.

DVC = (sys.executable, "-m", "dvc")  # that of this environment
DVC_FILE, DVC_LOCK = Path("dvc.yaml"), Path("dvc.lock")


class Stage(NamedTuple):
    """The files and folders that a stage reads and makes, and the params that change what it makes."""

    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]


def read_stages(file: Path = DVC_FILE) -> dict[str, Stage]:
    """The stages by name, in the file's order; none where there is no such file."""
    if not file.exists():
        return {}
    stages = _read(file)["stages"]
    return {
        name: Stage(
            tuple(entry.get("deps", ())),
            tuple(entry.get("params", ())),
            tuple(path for kind in ("outs", "metrics") for out in entry.get(kind, ()) for path in out),
        )
        for name, entry in stages.items()
    }


def _read(file: Path) -> dict[str, Any]:
    """dvc.yaml or dvc.lock.

    Raises:
        UserError: if it is something else, as where a merge has left both sides in it.
    """
    try:
        found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        found["stages"]
    except (yaml.YAMLError, KeyError, TypeError):
        raise UserError(
            f"{file} is not as DVC writes it: end the merge that has left both sides in it, or "
            f"`git checkout HEAD {file}` brings it back"
        ) from None
    return found


def makers(name: str, stages: dict[str, Stage]) -> list[str]:
    """The stages that make what stage ``name`` reads, in the file's order."""
    deps = stages[name].deps if name in stages else ()
    return [maker for maker, stage in stages.items() if set(deps) & set(stage.outs)]


def upstream(name: str, stages: dict[str, Stage]) -> list[str]:
    """The same with the makers' own makers, and theirs."""
    found = set(makers(name, stages))
    found |= {earlier for maker in found for earlier in upstream(maker, stages)}
    return [stage for stage in stages if stage in found]


def upstream_lock(stage: str) -> dict[str, Any] | None:
    """dvc.lock of the stages before ``stage`` whose outputs lie here as they were; None where there are none.

    While a stage runs, dvc.lock still tells of its last run, and of the stages after it; a stage that was run
    without DVC leaves its entry as it was.
    """
    if not DVC_LOCK.exists():
        return None
    lock, before = _read(DVC_LOCK), upstream(stage, read_stages())
    stages = {
        name: entry
        for name, entry in lock["stages"].items()
        if name in before and all(map(_is_here, entry.get("outs", [])))
    }
    return {**lock, "stages": stages} if stages else None


def output_hashes(lock: Mapping[str, Any] | None) -> dict[str, str]:
    """The hash of each output in a lock."""
    entries = lock["stages"].values() if lock else ()
    return {out["path"]: out["md5"] for entry in entries for out in entry.get("outs", [])}


def _is_here(out: Mapping[str, Any]) -> bool:
    """Whether the output's file is the one that was hashed; of a folder only that it is there."""
    path = Path(out["path"])
    if not path.is_file():
        return path.is_dir()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() == out["md5"]
