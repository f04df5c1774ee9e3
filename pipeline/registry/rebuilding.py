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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.params import PARAMS_FILE
from pipeline.registry.lineage import installed_packages
from pipeline.reviews.sources.files import files_of, hash_of
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.interruption import left_to_stage
from pipeline.runtime.paths import METRICS, RAW_DATASET, sqlite_address
from pipeline.runtime.source import DVC, DVC_FILE, DVC_LOCK, git, read_stages, upstream

_SCRUBBED = ("MLFLOW_", "DVC_", "GIT_")  # a rebuild has its own runs, experiments and repository
_OWN_VALUES = {
    "evaluate.register_model": False,
    "mlflow.tracking_uri": None,
    "tune.storage": None,
    "tune.workers": 1,
    "cluster.address": None,
}
Say = Callable[[str], object]


@dataclass(frozen=True)
class Rebuild:
    """What a rebuild gave."""

    metrics: dict[str, tuple[float | None, float | None]]  # by name: recorded, rebuilt; None where absent
    differences: list[str]  # in words, what isn't as it was, such as the version of a package

    @property
    def same(self) -> bool:
        """Whether every metric is the same, digit for digit."""
        return all(recorded == rebuilt for recorded, rebuilt in self.metrics.values())


def rebuild(record: Mapping[str, Any], say: Say) -> Rebuild:
    """Reproduces a record in a worktree of its own, which is removed afterwards.

    The data come out of this checkout's DVC cache if it has them, else from their source. The whole study
    is run, with one worker and its own MLflow store and Optuna storage; nothing of the checkout is changed.

    Args:
        record: of :func:`pipeline.registry.lineage.record`.
        say: told each step.

    Raises:
        UserError: if something that is needed is missing: the message says what.
    """
    _require_commit(record)
    differences = package_differences(record["packages"])
    with _project(record, say) as project:
        say(f"worktree of commit {record['commit'][:12]}")
        project.bring_data(record)
        say("train and evaluate")
        project.dvc("repro", "--force", "--single-item", "train", "evaluate")
        rebuilt = read_json(project.folder / METRICS)
    names = dict.fromkeys([*record["metrics"], *rebuilt])
    return Rebuild({name: (record["metrics"].get(name), rebuilt.get(name)) for name in names}, differences)


def _refusal(why: str) -> UserError:
    return UserError(f"can't be rebuilt: {why}")


def _require_commit(record: Mapping[str, Any]) -> None:
    commit, changed = record["commit"], record["uncommitted"]
    if commit is None:
        raise _refusal("the model was not trained in a git repository")
    if not git("cat-file", "-t", commit):
        raise _refusal(f"commit {commit} is not in this repository; fetch it, or run this where it is")
    if changed:
        raise _refusal(
            f"there was uncommitted code at training time, on commit {commit}: {', '.join(changed)}"
        )


def package_differences(recorded: Mapping[str, str]) -> list[str]:
    """The recorded packages that are of another version now, in words."""
    now = installed_packages()
    return [
        f"{package} was {recorded.get(package, 'absent')}, now {now.get(package, 'absent')}"
        for package in sorted(set(recorded) | set(now))
        if recorded.get(package) != now.get(package)
    ]


def rebuilt_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded params, with a fresh study in its default place, one worker, and nothing registered.

    Several workers hear of each other's trials in an order that no second run repeats. What the version's
    code doesn't know stays unknown to it.
    """
    changed = copy.deepcopy(dict(params))
    for key, value in _OWN_VALUES.items():
        section, name = key.split(".")
        if name in changed.get(section, {}):
            changed[section][name] = value
    for name in {"path", "unlabelled_path"} & changed["data"].keys():
        changed["data"][name] = str(_path_from_worktree(changed["data"][name]))
    return changed


def _path_from_worktree(path: str) -> Path:
    """The same path; one that leads out of the project is absolute, since the worktree lies elsewhere."""
    outside = os.path.normpath(path).startswith(os.pardir)
    return Path(path).resolve() if outside else Path(path)


def bring_own_files(record: Mapping[str, Any], project: Path) -> None:
    """Copies a user's own files or folders, of reviews and of unlabelled ones, into ``project``.

    What git has brought there is left, if it is what it was.

    Raises:
        UserError: if one is gone, or isn't what it was.
    """
    params, dataset = record["params"]["data"], record["dataset"]
    own = [(params["path"], dataset)] if params["source"] == "file" else []
    own += [(params["unlabelled_path"], dataset["unlabelled"])] if params.get("unlabelled") == "file" else []
    for name, described in own:
        path, recorded = _path_from_worktree(name), described["source"]["hash"]
        target = project / path  # an absolute path is its own target
        with suppress(UserError):  # nothing there, or a folder of which git has none of the reviews
            if target != path and target.exists() and hash_of(target) == recorded:
                continue
        if not path.exists():
            raise _refusal(f"the reviews are gone: there is no {path}")
        if (digest := hash_of(path)) != recorded:
            raise _refusal(
                f"{path} has changed since: it is {digest}, but the model was trained on {recorded}"
            )
        for file in files_of(path) if target != path else ():  # the file itself, or what is read of a folder
            copied = target / file.relative_to(path)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copied)


def check_reviews(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Compares the data sets of a version and of a new download, by their digests.

    Raises:
        UserError: if the labelled or the unlabelled reviews are others.
    """
    for kind, then, now in (
        ("reviews", recorded, found),
        ("unlabelled reviews", recorded["unlabelled"], found["unlabelled"]),
    ):
        if then["digest"] != now["digest"]:
            raise _refusal(
                f"the source now gives other {kind}: {now['digest']}, but the model was "
                f"trained on {then['digest']}"
            )


@dataclass(frozen=True)
class _Project:
    """The project in a worktree, and the environment in which DVC works there."""

    folder: Path
    environment: dict[str, str]
    say: Say

    def bring_data(self, record: Mapping[str, Any]) -> None:
        """data/raw and data/padded: from the cache by the hashes of dvc.lock, else from their source."""
        lock, stages = record["dvc_lock"], upstream("train", read_stages(self.folder / DVC_FILE))
        if lock is not None and set(stages) <= set(lock["stages"]):
            cache = subprocess.run([*DVC, "cache", "dir"], capture_output=True, text=True, check=True)
            (self.folder / DVC_LOCK).write_text(yaml.safe_dump(lock, sort_keys=False), encoding="utf-8")
            self.dvc("cache", "dir", "--local", cache.stdout.strip())
            words = [*DVC, "checkout", "--quiet", *stages]
            found = subprocess.run(
                words, cwd=self.folder, env=self.environment, capture_output=True, check=False
            )
            if found.returncode == 0:
                self.say("data from DVC's cache")
                return
            (self.folder / DVC_LOCK).unlink()
            # What the stages write again must not go to the checkout's cache.
            self.dvc("cache", "dir", "--local", "--unset")
        self.say("data from their source: they are not in DVC's cache")
        self.dvc("repro", stages[-1])
        check_reviews(record["dataset"], read_json(self.folder / RAW_DATASET))

    def dvc(self, *words: str) -> None:
        """Runs dvc, and says what it prints as it does; on a terminal it moves as in `make run`.

        Raises:
            UserError: with the end of what it printed, if it fails.
        """
        last: deque[str] = deque(maxlen=15)
        output = None if sys.stdout.isatty() else subprocess.PIPE
        process = subprocess.Popen(
            [*DVC, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            text=True,
        )
        with process, left_to_stage(process):
            for line in process.stdout or ():
                last.append(line.rstrip())
                self.say(f"  {last[-1]}")
            process.wait()
        if process.returncode != 0:
            end = ":\n" + "\n".join(last) if last else ", as it says above"
            raise _refusal(f"`dvc {' '.join(words)}` failed{end}")


@contextmanager
def _project(record: Mapping[str, Any], say: Say) -> Iterator[_Project]:
    """The project with the record's params and files in a worktree of its commit.

    The repository may hold more than the project: then that is a folder of the worktree, as it is here.
    """
    with tempfile.TemporaryDirectory(prefix="rebuild-") as folder:
        worktree = Path(folder, "project")
        words = ["git", "worktree", "add", "--quiet", "--detach", str(worktree), record["commit"]]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise _refusal(f"git gives no worktree: {done.stderr.strip()}")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_SCRUBBED)}
        kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        kept["MLFLOW_TRACKING_URI"] = sqlite_address(Path(folder, "mlflow.db"))
        try:
            project = _Project(worktree / git("rev-parse", "--show-prefix"), kept, say)
            params = yaml.safe_dump(rebuilt_params(record["params"]), sort_keys=False)
            (project.folder / PARAMS_FILE).write_text(params, encoding="utf-8")
            bring_own_files(record, project.folder)
            yield project
        finally:
            git("worktree", "remove", "--force", str(worktree))
