"""Git as users have it: none, another user's repository, a project that is a folder of a larger one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline import stages
from pipeline.commands import run
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.source import changed_code, git, head_commit
from plain import plain_text


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, whose folder ``project`` is the one we are in; ``params.yaml`` there is committed."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
    project = tmp_path / "project"
    (project / "pipeline").mkdir(parents=True)
    (project / "params.yaml").write_text(plain_text(model={"depth": 3}))
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.chdir(project)
    return tmp_path


def test_without_git_or_a_repository_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert head_commit() == ""
    monkeypatch.setenv("PATH", "")
    assert git("--version") == ""


def test_another_users_repository_is_refused_not_taken_for_none(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user isn't the checkout's owner; DVC is not told to do without git."""
    assert len(head_commit()) == 40
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its own tests
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for asked in (head_commit, changed_code, lambda: run._settle_git(experiment=False)):
        with pytest.raises(UserError, match=r"another user: `git config --global --add safe\.directory"):
            asked()
    assert not Path(".dvc/config.local").exists()


def test_a_value_that_is_searched_is_refused_in_a_folder_of_a_larger_repository(
    repository: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc exp run -S model.depth=3`, while the study varies the depth."""
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", head_commit())
    with pytest.raises(UserError, match=r"model\.depth is 2 in this experiment, but tune"):
        stages.refuse_varied(params)
    assert git("rev-parse", "--show-prefix") == "project/"
