"""What a rebuild refuses, and how it compares; tests/e2e rebuilds for real."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.params import Params
from pipeline.registry import lineage, rebuilding
from pipeline.reviews.sources.files import hash_of
from pipeline.runtime import source as git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit with a file of code, as the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/code.py").write_text("1\n")
    (tmp_path / "README.md").write_text("read\n")
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *words], check=True)
    return tmp_path


def record(**values: Any) -> dict[str, Any]:
    return {
        "commit": git.head_commit(),
        "uncommitted": [],
        "packages": lineage.installed_packages(),
        "params": {"data": {"source": "file", "path": "mine.csv", "unlabelled": "none"}},
        "dataset": {"source": {}, "digest": "sha256:0"},
        "dvc_lock": None,
        "metrics": {"test_accuracy": 0.5},
    } | values


def test_code_that_differs_from_the_commit_is_named(repository: Path) -> None:
    assert git.changed_code() == []
    (repository / "params.yaml").write_text("seed: 1\n")  # recorded with the run, so it is no difference
    (repository / "README.md").write_text("changed\n")
    assert git.changed_code() == []
    (repository / "pipeline/code.py").write_text("2\n")
    (repository / "pipeline/new.py").write_text("3\n")
    assert git.changed_code() == ["pipeline/code.py", "pipeline/new.py"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"commit": None}, "not trained in a git repository"),
        ({"commit": "0" * 40}, f"commit {'0' * 40} is not in this repository"),
        ({"uncommitted": ["pipeline/a.py", "dvc.yaml"]}, "uncommitted code .*: pipeline/a.py, dvc.yaml"),
    ],
)
def test_what_is_missing_is_said_before_any_work(
    values: dict[str, Any], message: str, repository: Path
) -> None:
    with pytest.raises(ValueError, match=f"can't be rebuilt: .*{message}"):
        rebuilding.rebuild(record(**values), print)
    assert git.git("worktree", "list").count("\n") == 0


@pytest.mark.parametrize("unlabelled", [False, True])
def test_a_users_own_file_must_be_what_it_was(unlabelled: bool, repository: Path, tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    content = b"text,label\n"
    source = {"source": {"hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}}
    given = record(dataset={"unlabelled": source} if unlabelled else source)
    if unlabelled:
        given["params"]["data"] = {"source": "imdb", "unlabelled": "file", "unlabelled_path": "mine.csv"}
    with pytest.raises(ValueError, match=r"the reviews are gone: there is no mine\.csv"):
        rebuilding.bring_own_files(given, worktree)
    (repository / "mine.csv").write_bytes(content)
    rebuilding.bring_own_files(given, worktree)
    assert (worktree / "mine.csv").read_bytes() == content
    (worktree / "mine.csv").unlink()
    (repository / "mine.csv").write_bytes(b"text,label\nFine,1\n")
    with pytest.raises(ValueError, match=r"mine\.csv has changed since"):
        rebuilding.bring_own_files(given, worktree)


def test_a_users_own_folder_is_brought_even_where_git_has_a_part_of_it(
    repository: Path, tmp_path: Path
) -> None:
    worktree = tmp_path / "worktree"
    for file in ("2025/a.csv", "b.csv", "notes.txt"):
        (repository / "mine" / file).parent.mkdir(parents=True, exist_ok=True)
        (repository / "mine" / file).write_text(f"text,label\n{file},1\n")
    given = record(dataset={"source": {"hash": hash_of(repository / "mine")}, "digest": "sha256:0"})
    given["params"]["data"]["path"] = "mine"
    (worktree / "mine").mkdir(parents=True)
    (worktree / "mine/notes.txt").touch()  # what git has
    rebuilding.bring_own_files(given, worktree)
    assert hash_of(worktree / "mine") == hash_of(repository / "mine")
    (repository / "mine/b.csv").write_text("text,label\nother,0\n")
    rebuilding.bring_own_files(given, worktree)  # the worktree has what it was
    (worktree / "mine/b.csv").unlink()
    with pytest.raises(ValueError, match="mine has changed since"):
        rebuilding.bring_own_files(given, worktree)


def test_a_rebuild_registers_nothing_and_has_a_study_of_its_own(params: Params, repository: Path) -> None:
    """Reviews outside the project are read where they lie."""
    given = params.model_dump(mode="json")
    given["data"] |= {"path": "../mine", "unlabelled_path": "mine/more.csv"}
    given["mlflow"]["tracking_uri"] = "http://127.0.0.1:1"
    given["tune"] |= {"storage": "postgresql://host/studies", "workers": 4}
    given["cluster"] = {"address": "tcp://127.0.0.1:1"}
    changed = rebuilding.rebuilt_params(given)
    assert changed["evaluate"]["register_model"] is False
    assert (
        changed["mlflow"]["tracking_uri"]
        is changed["tune"]["storage"]
        is changed["cluster"]["address"]
        is None
    )
    assert changed["tune"]["workers"] == 1  # as the docstring of `rebuild` promises
    assert changed["data"]["path"] == str(repository.parent / "mine")
    assert changed["data"]["unlabelled_path"] == "mine/more.csv"
    assert given["evaluate"]["register_model"] is True  # the record stays as it is
    assert changed["model"] == given["model"]
    # Params of an older version may lack a key that there is now, and have one that is gone.
    older = {
        "data": {"path": "mine.csv"},
        "tune": {"trials": 3, "gone": 1},
        "evaluate": {"register_model": True},
    }
    assert rebuilding.rebuilt_params(older) == older | {"evaluate": {"register_model": False}}


def test_a_project_in_a_folder_of_a_larger_repository_is_rebuilt_in_that_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With stages that copy a file, run by DVC itself."""
    project = repository / "team/project"
    project.mkdir(parents=True)
    dataset = {"digest": "sha256:0", "unlabelled": {"digest": "sha256:1"}, "source": {}}
    (project / "dataset.json").write_text(json.dumps(dataset))
    (project / "metrics.json").write_text('{"test_accuracy": 0.5}')
    chain = {
        "download": ("dataset.json", "data/raw/dataset.json"),
        "train": ("data/raw/dataset.json", "models/network"),
        "evaluate": ("metrics.json", "reports/metrics.json"),
    }
    stages = {
        name: {
            "cmd": f"mkdir -p {Path(made).parent} && cp {read} {made}",
            "deps": [read],
            "outs": [{made: {"cache": True}}],
        }
        for name, (read, made) in chain.items()
    }
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (project / ".dvc").mkdir()
    (project / ".dvc/config").write_text("[core]\n    analytics = false\n")
    monkeypatch.chdir(project)
    for words in (["add", "."], ["commit", "--quiet", "--message", "second"]):
        subprocess.run(["git", *words], check=True)
    given = record(dataset=dataset)
    given["params"] = {"data": {"source": "imdb", "path": "x"}, "evaluate": {"register_model": True}}
    said: list[str] = []
    outcome = rebuilding.rebuild(given, said.append)
    assert outcome.metrics == {"test_accuracy": (0.5, 0.5)}, said
    assert git.git("worktree", "list").count("\n") == 0
    assert git.git("status", "--porcelain") == ""


@pytest.mark.parametrize(("rebuilt", "same"), [(0.1, True), (0.1 + 2e-16, False), (None, False)])
def test_metrics_are_the_same_only_digit_for_digit(rebuilt: float | None, same: bool) -> None:
    assert rebuilding.Rebuild({"a": (0.5, 0.5), "b": (0.1, rebuilt)}, []).same is same


def test_other_packages_are_named() -> None:
    now = lineage.installed_packages()
    before = now | {"keras": "3.0.0"}
    assert rebuilding.package_differences(before) == [f"keras was 3.0.0, now {now['keras']}"]
    assert rebuilding.package_differences(now) == []


def test_other_reviews_are_named_labelled_or_not() -> None:
    then = {"digest": "sha256:1", "unlabelled": {"digest": "sha256:2"}}
    rebuilding.check_reviews(then, then)
    with pytest.raises(ValueError, match="other reviews: sha256:3, but the model was trained on sha256:1"):
        rebuilding.check_reviews(then, then | {"digest": "sha256:3"})
    with pytest.raises(ValueError, match="other unlabelled reviews: sha256:4, but the model was trained on"):
        rebuilding.check_reviews(then, then | {"unlabelled": {"digest": "sha256:4"}})
