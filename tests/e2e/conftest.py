"""A copy of the project as a user has it, run with the real commands."""

import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from filelock import FileLock

from pipeline.__main__ import cli
from plain import plain_text

PROJECT = Path(__file__).resolve().parents[2]
WITHOUT_LINKS = Path(__file__).parent / "without_links"
FOLDER = "josé luis"
POSITIVE = ["wonderful", "moving", "funny", "clever", "warm", "brilliant", "gripping", "tender"]
NEGATIVE = ["dull", "awful", "boring", "clumsy", "lazy", "tedious", "stupid", "hollow"]
PLAIN = [
    "the",
    "a",
    "film",
    "movie",
    "plot",
    "actor",
    "scene",
    "camera",
    "story",
    "and",
    "of",
    "with",
    "was",
]


@dataclass
class Project:
    """A checkout in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in the project; its whole output is in the error if it fails."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=400,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}")
        return done

    def set_params(self, **values: object) -> None:
        """Writes values of dotted keys (``model__units=4``) into params.yaml, as an editor would."""
        file = self.folder / "params.yaml"
        tree = yaml.safe_load(file.read_text())
        for key, value in values.items():
            section, name = key.split("__")
            tree[section][name] = value
        file.write_text(yaml.safe_dump(tree, sort_keys=False))

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Lets this process run as one in the project."""
        patch.chdir(self.folder)
        for name, value in self.environment.items():
            patch.setenv(name, value)

    def call(self, *words: str, status: int = 0) -> str:
        """What a command of ours prints, run in this process."""
        with pytest.MonkeyPatch.context() as patch:
            self.enter(patch)
            done = CliRunner().invoke(cli, words)
        assert done.exit_code == status, done.output
        return done.output

    def path(self, name: str) -> Path:
        """A file of the project."""
        return self.folder / name


def write_reviews(path: Path, count: int = 240) -> None:
    """Reviews of 6 to 30 words in which three words tell the label; ten lines are there twice."""
    generator = random.Random(0)
    lines = []
    for number in range(count):
        words = generator.choices(PLAIN, k=generator.randint(6, 30))
        words += generator.sample(POSITIVE if number % 2 else NEGATIVE, 3)
        generator.shuffle(words)
        lines.append(f"{' '.join(words)},{'positive' if number % 2 else 'negative'}\n")
    path.write_text("".join(["text,label\n", *lines, *lines[:10]]))


def user_environment() -> dict[str, str]:
    """This interpreter's environment first on PATH, and no run of MLflow or DVC around it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    people = ("AUTHOR", "COMMITTER")
    environment |= {f"GIT_{who}_NAME": "t" for who in people}
    return environment | {f"GIT_{who}_EMAIL": "t@example.org" for who in people}


def copy_project(folder: Path) -> Project:
    """The files git would have, committed in a repository of their own, on 240 small reviews."""
    here = Project(PROJECT, user_environment())
    listed = here.run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout
    for name in listed.splitlines():
        source = PROJECT / name
        if source.is_file() and not name.startswith(("reports/", "tests/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    space = {"model": {"units": {"low": 2, "high": 4}, "dropout": {"low": 0.0, "high": 0.5}}}
    values = plain_text(
        data={"source": "file", "path": "mine.csv"},
        pad={"max_length": 30},
        # The cell compiles fastest; this pooling learns the telling words within the two epochs.
        model={"cell": "simple_rnn", "units": 4, "embedding_dim": 8, "pooling": "max"},
        train={"epochs": 2, "batch_size": 16, "learning_rate": 0.03},
        tune={"trials": 2, "search_space": space},
    )
    (folder / "params.yaml").write_text(values, encoding="utf-8")
    write_reviews(folder / "mine.csv")
    project = Project(folder, user_environment())
    project.run("git", "init", "--quiet")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "a user's project")
    return project


def run_without_terminal(project: Project, **environment: str) -> str:
    """What `nohup dvc repro` prints, whose terminal is closed in the first trial."""
    (ours, theirs), log = pty.openpty(), project.path("nohup.out")
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    where = {"cwd": project.folder, "env": project.environment | environment}
    with subprocess.Popen(["nohup", "dvc", "repro"], **where, **streams, start_new_session=True) as started:
        os.close(theirs)
        while started.poll() is None and not (log.exists() and "trial 0" in log.read_text()):
            time.sleep(0.1)
        os.close(ours)
        os.killpg(started.pid, signal.SIGHUP)  # as a terminal that is closed does
        assert started.wait(timeout=400) == 0, log.read_text()
    return log.read_text()


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """The project after its first `dvc repro`. Tests that change it make their own copy of the folder.

    Its path is as some users' are, and the run met a file system without hard links and lost its terminal.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / FOLDER  # one for all of pytest's processes
    output = folder / "first_output.txt"
    with FileLock(f"{folder}.lock"):
        if output.exists():
            return Project(folder, user_environment())
        folder.mkdir()
        project = copy_project(folder)
        path = os.pathsep.join([str(WITHOUT_LINKS), os.environ.get("PYTHONPATH", "")])
        output.write_text(run_without_terminal(project, PYTHONPATH=path))
        return project


@pytest.fixture
def project(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced project that a test may change; its MLflow store is its own."""
    shutil.copytree(reproduced.folder, tmp_path / FOLDER, symlinks=True)
    return Project(tmp_path / FOLDER, reproduced.environment)
