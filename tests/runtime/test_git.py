"""Git as users have it: none, another user's repository, a project that is a folder of a larger one."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from dvc.utils.hydra import apply_overrides

from pipeline.__main__ import cli
from pipeline.commands import run
from pipeline.params import PRESET_VARIABLE
from pipeline.runtime.errors import UserError
from pipeline.runtime.source import changed_code, git, head_commit
from plain import plain_text
from reviews.own_files import write

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that we are in, which no repository lies above."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(here.parent))
    return here


@pytest.fixture
def repository(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository, whose folder ``project`` is the one we are in; ``params.yaml`` there is committed."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
    write(alone, "project/params.yaml", plain_text(model={"depth": 3}))
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *words], check=True)
    monkeypatch.chdir("project")


def test_without_git_or_a_repository_there_is_no_commit(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert head_commit() == ""
    monkeypatch.setenv("PATH", "")
    assert git("--version") == ""


def test_another_users_repository_is_not_taken_for_none(
    repository: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user isn't the checkout's owner; DVC is not told to do without git."""
    assert len(head_commit()) == 40
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for its own tests
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for asked in (head_commit, changed_code, lambda: run.launch({})):
        with pytest.raises(UserError, match=r"another user: `git config --global --add safe\.directory"):
            asked()
    assert not Path(".dvc/config.local").exists()


def test_an_experiment_that_sets_what_its_study_varies_is_refused(
    repository: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc exp run -S model.depth=3` runs its stages so: another depth could win, without a word."""
    shutil.copyfile(PROJECT / "dvc.yaml", "dvc.yaml")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", head_commit())
    apply_overrides(Path("params.yaml"), ["model.depth=4"])

    def said() -> str:
        return CliRunner().invoke(cli, ["pad"]).output

    assert "model.depth is 4 in this experiment, but tune.search_space.model.depth varies it" in said()
    assert "hold it with -S '~tune.search_space.model.depth'" in said()
    write(Path("presets"), "deep.yaml", "model: {depth: 4}")
    with monkeypatch.context() as patch:  # `run --preset deep`: the study is meant to begin there
        patch.setenv(PRESET_VARIABLE, "deep")
        assert "pad needs data/raw/reviews.npz" in said()
    apply_overrides(Path("params.yaml"), ["~tune.search_space.model.depth"])
    assert "pad needs data/raw/reviews.npz" in said()
