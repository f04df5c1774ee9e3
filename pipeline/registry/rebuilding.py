"""Trains a registered version again, from its commit, parameters and data, beside the checkout."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.params import PARAMS_FILE
from pipeline.registry.lineage import installed_packages
from pipeline.reviews.sources.file import hash_of
from pipeline.reviews.sources.tables import files_of
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import METRICS, RAW_DATASET
from pipeline.runtime.source import DVC_LOCK, git

_SCRUBBED = ("MLFLOW_", "DVC_", "GIT_")  # a rebuild has its own runs, experiments and repository
_DATA_STAGES = ("download", "pad")


@dataclass(frozen=True)
class Outcome:
    """What a rebuild gave.

    Attributes:
        metrics: by name, the recorded value and the rebuilt one; None where one of them lacks it.
        differences: in words, what isn't as it was, such as the version of a package.
    """

    metrics: dict[str, tuple[float | None, float | None]]
    differences: list[str]

    @property
    def same(self) -> bool:
        """Whether every metric is the same, digit for digit."""
        return all(recorded == rebuilt for recorded, rebuilt in self.metrics.values())


def rebuild(record: Mapping[str, Any], say: Callable[[str], object]) -> Outcome:
    """Reproduces a record in a worktree of its own, which is removed afterwards.

    The data come out of this checkout's DVC cache if it has them, else from their source. The whole study
    is run, with one worker and its own MLflow store and Optuna storage; nothing of the checkout is changed.

    Args:
        record: of :func:`pipeline.registry.lineage.record`.
        say: told each step.

    Raises:
        UserError: if something that is needed is missing: the message says what.
    """
    _check_code(record)
    differences = package_differences(record["packages"])
    with tempfile.TemporaryDirectory(prefix="rebuild-") as folder:
        worktree = Path(folder) / "project"
        with _worktree(record["commit"], worktree):
            say(f"worktree of commit {record['commit'][:12]}")
            environment = _environment(Path(folder))
            (worktree / PARAMS_FILE).write_text(
                yaml.safe_dump(rebuilt_params(record["params"]), sort_keys=False), encoding="utf-8"
            )
            bring_own_files(record, worktree)
            _bring_data(record, worktree, environment, say)
            say("train and evaluate")
            _run(worktree, environment, say, "repro", "--force", "--single-item", "train", "evaluate")
            rebuilt = read_json(worktree / METRICS)
    return Outcome(_pairs(record["metrics"], rebuilt), differences)


def rebuilt_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded params, with a fresh study in its default place, one worker, and nothing registered.

    Several workers hear of each other's trials in an order that no second run repeats.
    """
    changed = copy.deepcopy(dict(params))
    changed["evaluate"]["register_model"] = False
    changed["mlflow"]["tracking_uri"] = None
    for key in ("path", "unlabelled_path"):
        if key in changed.get("data", {}):
            changed["data"][key] = str(_seen_from_worktree(changed["data"][key]))
    for section, key, value in (
        ("tune", "storage", None),
        ("tune", "workers", 1),
        ("cluster", "address", None),
    ):
        if key in changed.get(section, {}):  # a version may be older than the parameter
            changed[section][key] = value
    return changed


def _check_code(record: Mapping[str, Any]) -> None:
    commit, changed = record["commit"], record["uncommitted"]
    if commit is None:
        raise UserError("can't be rebuilt: the model was not trained in a git repository")
    if not git("cat-file", "-t", commit):
        raise UserError(
            f"can't be rebuilt: commit {commit} is not in this repository; fetch it, or run this where it is"
        )
    if changed:
        raise UserError(
            f"can't be rebuilt: there was uncommitted code at training time, on commit {commit}: "
            f"{', '.join(changed)}"
        )


def package_differences(recorded: Mapping[str, str]) -> list[str]:
    """The recorded packages that are of another version now, in words."""
    now = installed_packages()
    return [
        f"{package} was {recorded.get(package, 'absent')}, now {now.get(package, 'absent')}"
        for package in sorted(set(recorded) | set(now))
        if recorded.get(package) != now.get(package)
    ]


@contextmanager
def _worktree(commit: str, folder: Path) -> Iterator[None]:
    done = subprocess.run(
        ["git", "worktree", "add", "--quiet", "--detach", str(folder), commit],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise UserError(f"can't be rebuilt: git gives no worktree: {done.stderr.strip()}")
    try:
        yield
    finally:
        git("worktree", "remove", "--force", str(folder))


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_SCRUBBED)}
    beside = str(Path(sys.executable).parent)
    return kept | {
        "PATH": f"{beside}{os.pathsep}{kept.get('PATH', '')}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }


def bring_own_files(record: Mapping[str, Any], worktree: Path) -> None:
    """Copies a user's own files or folders, of reviews and of unlabelled ones, into the worktree.

    What git has brought there is left, if it is what it was.

    Raises:
        UserError: if one is gone, or isn't what it was.
    """
    params, dataset = record["params"]["data"], record["dataset"]
    if params["source"] == "file":
        _bring(_seen_from_worktree(params["path"]), dataset["source"]["hash"], worktree)
    if params.get("unlabelled") == "file":  # a version may be older than the parameter
        _bring(
            _seen_from_worktree(params["unlabelled_path"]), dataset["unlabelled"]["source"]["hash"], worktree
        )


def _seen_from_worktree(path: str) -> Path:
    """The same path; one that leads out of the project is absolute, since the worktree lies elsewhere."""
    outside = os.path.normpath(path).startswith(os.pardir)
    return Path(path).resolve() if outside else Path(path)


def _bring(path: Path, recorded: str, worktree: Path) -> None:
    target = worktree / path  # an absolute path is its own target
    if target != path and _holds(target, recorded):
        return
    if not path.exists():
        raise UserError(f"can't be rebuilt: the reviews are gone: there is no {path}")
    digest = hash_of(path)
    if digest != recorded:
        raise UserError(
            f"can't be rebuilt: {path} has changed since: it is {digest}, "
            f"but the model was trained on {recorded}"
        )
    if target == path:
        return
    for file in files_of(path):  # the file itself, or what is read of a folder
        copy = target / file.relative_to(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _holds(path: Path, recorded: str) -> bool:
    try:
        return path.exists() and hash_of(path) == recorded
    except UserError:  # a folder of which git has something, but none of its reviews
        return False


def _bring_data(
    record: Mapping[str, Any],
    worktree: Path,
    environment: Mapping[str, str],
    say: Callable[[str], object],
) -> None:
    """data/raw and data/padded: from the cache by the hashes of dvc.lock, else by running their stages."""
    lock, cache = record["dvc_lock"], git("rev-parse", "--show-toplevel") + "/.dvc/cache"
    if lock is not None and set(_DATA_STAGES) <= set(lock["stages"]):
        (worktree / DVC_LOCK).write_text(yaml.safe_dump(lock, sort_keys=False), encoding="utf-8")
        _run(worktree, environment, say, "cache", "dir", "--local", cache)
        if _succeeds(worktree, environment, _pass_over, "checkout", "--quiet", *_DATA_STAGES):
            say("data from DVC's cache")
            return
        (worktree / DVC_LOCK).unlink()
        # What the stages write again must not go to the checkout's cache.
        _run(worktree, environment, say, "cache", "dir", "--local", "--unset")
    say("data from their source: they are not in DVC's cache")
    _run(worktree, environment, say, "repro", "pad")
    check_reviews(record["dataset"], read_json(worktree / RAW_DATASET))


def _pass_over(_line: str) -> None:
    """Of what may fail."""


def check_reviews(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Compares the data sets of a version and of a new download, by their digests.

    Raises:
        UserError: if the labelled or the unlabelled reviews are others.
    """
    pairs = [("reviews", recorded, found)]
    if "unlabelled" in recorded:  # a version may be older than they are
        pairs.append(("unlabelled reviews", recorded["unlabelled"], found["unlabelled"]))
    for kind, then, now in pairs:
        if then["digest"] != now["digest"]:
            raise UserError(
                f"can't be rebuilt: the source now gives other {kind}: {now['digest']}, but the model was "
                f"trained on {then['digest']}"
            )


def _run(worktree: Path, environment: Mapping[str, str], say: Callable[[str], object], *words: str) -> None:
    """Runs dvc in the worktree, and says what it prints as it does; on a terminal it moves as in `make run`.

    Raises:
        UserError: with the end of what it printed, if it fails.
    """
    last: deque[str] = deque(maxlen=15)

    def hear(line: str) -> None:
        last.append(line)
        say(f"  {line}")

    if not _succeeds(worktree, environment, None if sys.stdout.isatty() else hear, *words):
        end = ":\n" + "\n".join(last) if last else ", as it says above"
        raise UserError(f"can't be rebuilt: `dvc {' '.join(words)}` failed{end}")


def _succeeds(
    worktree: Path, environment: Mapping[str, str], hear: Callable[[str], object] | None, *words: str
) -> bool:
    """Whether dvc does so in the worktree; ``hear`` is told each line, which else goes where ours go."""
    command, output = [sys.executable, "-m", "dvc", *words], subprocess.PIPE if hear else None
    with subprocess.Popen(
        command,
        cwd=worktree,
        env=dict(environment),
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
    ) as process:
        if hear:
            for line in process.stdout or ():
                hear(line.rstrip())
    return process.returncode == 0


def _pairs(
    recorded: Mapping[str, float], rebuilt: Mapping[str, float]
) -> dict[str, tuple[float | None, float | None]]:
    names = [*recorded, *(name for name in rebuilt if name not in recorded)]
    return {name: (recorded.get(name), rebuilt.get(name)) for name in names}
