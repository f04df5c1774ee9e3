"""README and the guides: each command is run as it stands, in one project and in the order of the pages.

Its networks are trained once, in ``reproduced``; experiments are run on stages that note their values. What
can't be run here is checked as far as it can be, and skipped with the reason of ``guide_commands.NOT_RUN``.
"""

import gzip
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pandas as pd
import pytest
import requests
import yaml
from click.testing import CliRunner
from mlflow import MlflowClient

from e2e.conftest import FOLDER, PROJECT, Project
from e2e.guide_commands import NOT_RUN, Command, check_not_run, commands
from e2e.servers import free_port, running
from pipeline.__main__ import cli
from pipeline.cluster import pool
from pipeline.params import load_params
from pipeline.stages import refuse_varied
from studies.__main__ import cli as studies_cli
from studies.cross_validation import fold
from studies_constructed import any_probabilities

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
SHOWN = commands()
BEGINNINGS = list({each.page: each for each in reversed(SHOWN) if not each.reason}.values())
TINY = {"cells": ["gru"], "depths": [1, 2], "skips": ["none"], "seeds": 2, "epochs": 1, "workers": 1}
# By a command's beginning: what the page says that it prints or writes.
PRINTED = {
    "make run": r"The report: reports/report.html\n",
    "make ui": r"open http://127.0.0.1:\d+/#/experiments/\d+/runs",
    "make serve": r"models:/stacked-rnn-mine/2 on http://127.0.0.1:\d+/invocations",
    "make help": r"(?m)^run +\S(.*\n)+^ui +\S(.*\n)+^serve +\S",
    "make compare": r"simple_rnn 2x",
    "make compare-cells": r"the page is reports/cells/report.html",
    "make depth": r"reports/depth/report.html",
    "dvc dag": r"train",
    "python -m pipeline run": r"The report: reports/report.html\n",
    "python -m pipeline predict": r"(?m)^(positive|negative|undecided)\s+0\.\d+|-> scored",
    "python -m pipeline monitor": r"-> reports/",
    "python -m pipeline registry": r"(?m)^ +2 +champion ",
    "python -m pipeline promote": r"version 3 is champion; before: version 1",
    "python -m pipeline rollback": r"version 1 is champion again; before: version 2",
    "python -m pipeline trace": r"(?m)^ +uncommitted then",
    "python -m pipeline export": r"exported",
    "python -m studies cross-validate": r"the page is reports/cross_validation/report.html",
    "python -m pipeline check data/example.csv": r"(?m)^words of a text:",
    "python -m pipeline check data/chinese.csv": r"texts without blanks between words",
    "python -m pipeline check data/spam.csv": r"92(\.0)?%",
    "python -m pipeline check data/stars.csv": r"few train reviews: 675",
}


@pytest.fixture(scope="module")
def guided(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project with the values that it comes with, and the files and versions that the guides name."""
    folder = tmp_path_factory.mktemp("guided") / FOLDER
    shutil.copytree(reproduced.folder, folder, symlinks=True)
    project = Project(folder, reproduced.environment | {"PYTHONPATH": str(HERE / "noted_stages")})
    values = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
    values["data"] |= {"source": "file", "path": "mine.csv"}
    (study,) = (values[name] for name in values if name.startswith("depth"))
    study |= TINY
    values["cluster"]["jobs_a_process"] = 12  # one process for a whole study
    project.path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    write_tables(project)
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    for name in ("stacked-rnn-imdb", "stacked-rnn-reviews", "stacked-rnn-mine"):
        for _ in range(2 if name == "stacked-rnn-mine" else 3):
            client.copy_model_version("models:/stacked-rnn-mine/1", name)
        client.set_registered_model_alias(name, "champion", "1")
    project.run("git", "add", "--all")
    project.run("git", "commit", "--quiet", "--message", "the values that the guides speak of")
    with pytest.MonkeyPatch.context() as patch:
        project.enter(patch)
        patch.setattr(fold, "fit_and_predict", any_probabilities)
        patch.setattr(pool, "ProcessPool", lambda _count, _jobs, data: nullcontext(pool.SerialPool(data)))
        called(["promote", "models:/stacked-rnn-mine/2"], cli)
        yield project


def write_tables(project: Project) -> None:
    """Tables of reviews by the names that the guides give them."""
    table = pd.read_csv(project.path("mine.csv")).reset_index(names="id")
    table["asked"] = [f"2026-06-{number % 28 + 1:02}" for number in table["id"]]
    for name in ("reviews.csv", "new.csv", "reviews/may.csv"):
        project.path(name).parent.mkdir(exist_ok=True)
        table.to_csv(project.path(name), index=False)
    project.path("reviews/2026-06").mkdir()
    with gzip.open(project.path("reviews/2026-06/part.jsonl.gz"), "wt") as lines:
        table.to_json(lines, orient="records", lines=True)
    table.to_parquet(project.path("scored.parquet"))
    table[["id", "label"]].to_csv(project.path("labels.csv"), index=False)


@pytest.mark.usefixtures("fits_here")
@pytest.mark.parametrize("command", [each for each in SHOWN if not each.reason], ids=str)
def test_a_command_runs_as_it_stands(command: Command, guided: Project) -> None:
    before = len(noted(guided))
    if command in BEGINNINGS:  # a page begins with the values that are committed
        guided.run("git", "checkout", "--quiet", "params.yaml")
    if command.text.startswith(("make ui", "make serve")):
        printed = served(command, guided)
    elif command.text.startswith(("python -m pipeline", "python -m studies")):
        printed = called(command.words[3:], studies_cli if "studies" in command.words else cli)
    else:
        printed = typed(command.text, guided)
    for beginning, pattern in PRINTED.items():
        if command.text == beginning or command.text.startswith(f"{beginning} "):
            assert re.search(pattern, printed), printed
    if command.text.startswith(("python -m pipeline run", "dvc exp run")):
        params = load_params()
        assert named_values(command.words).items() <= params.flat().items()
        ran = noted(guided)[before:]
        assert ran or "cluster.address" in command.text  # where a network is fitted changes no result
        for stage in ran:
            assert stage["params"] == guided.path("params.yaml").read_text(encoding="utf-8")
            with pytest.MonkeyPatch.context() as patch:
                for name, value in stage["settings"].items():
                    patch.setenv(name, value)
                refuse_varied(params)  # as the stage does


@pytest.mark.parametrize("command", [each for each in SHOWN if each.reason], ids=str)
def test_a_command_that_is_not_run_is_checked(command: Command) -> None:
    subprocess.run(["bash", "-n", "-c", command.text], check=True)
    check_not_run(command)
    assert command.reason is not None
    if "runs it" in command.reason:
        assert (PROJECT / f"tests/{command.reason.split()[0]}.py").is_file()
    else:
        pytest.skip(f"{command}: {command.reason}")


def test_each_reason_is_of_a_command_that_is_shown() -> None:
    for beginning in NOT_RUN:
        assert any(each.text.startswith(beginning) for each in SHOWN), beginning


def typed(text: str, project: Project) -> str:
    """What a command prints that bash is given."""
    environment = {}
    if text in ("make depth", "make compare-cells"):  # networks that are a formula
        environment = {"PYTHONPATH": str(HERE / "stand_in")}
    words = re.sub(r"^make ", "make --assume-old=.venv/installed ", text)
    return project.run("bash", "-euo", "pipefail", "-c", words, **environment).stdout


def called(words: list[str], group: click.Group) -> str:
    """What a command of ours prints, run in this process."""
    result = CliRunner().invoke(group, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    # `monitor` ends with 3 if the reviews are others: these are few.
    assert result.exit_code in ((0, 3) if words[0] == "monitor" else (0,)), result.output
    return result.output


def served(command: Command, project: Project) -> str:
    """What a server prints until it has answered once."""
    port, log = free_port(), project.folder.parent / "server.log"
    words = ["make", "--assume-old=.venv/installed", *command.words[1:2], f"PORT={port}"]
    logging = Project(project.folder, project.environment | {"PIPELINE_REQUEST_LOG": "log.jsonl"})
    address = f"http://127.0.0.1:{port}"
    with running(words, logging, f"{address}/{'ping' if 'serve' in words else 'health'}", log):
        if "serve" in words:
            rows = {"dataframe_records": [{"id": number, "text": "a wonderful film"} for number in range(60)]}
            answer = requests.post(f"{address}/invocations", json=rows, timeout=60).json()
            assert len(answer["predictions"]) == 60
        else:
            assert "MLflow" in requests.get(address, timeout=60).text
            for _ in range(100):
                if "open http" not in log.read_text():
                    time.sleep(0.1)
    return log.read_text()


def noted(project: Project) -> list[dict[str, Any]]:
    """The params.yaml and settings that each stage was run with."""
    file = project.path(".dvc/tmp/noted.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def named_values(words: list[str]) -> dict[str, Any]:
    """The values of params.yaml that a command line sets, by `--model.depth 3` or `-S model.depth=3`."""
    pairs = []
    for option, word in pairwise(words):
        if option == "-S" and "=" in word:
            pairs.append(word.partition("=")[::2])
        elif re.match(r"--[a-z_]+\.", option):
            pairs.append((option[2:], word))
    return {key: yaml.safe_load(value) for key, value in pairs if "search_space" not in key}
