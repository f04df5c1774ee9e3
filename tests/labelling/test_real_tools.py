"""The loop through real labelling tools on loopback: tasks are imported, answered, exported, read again."""

import io
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from e2e.conftest import Project
from e2e.servers import free_port, running
from pipeline.labelling import Task, write_tasks
from reviews.own_files import load, size, values

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
TASKS = [
    Task('Fine, "really"\nfine', "positive", 0.75, {"id": 7, "place": "line 2"}),
    *(Task(f"Dull n{row}", "negative", 0.5, {"place": f"line {row}"}) for row in range(3, 8)),
]
ANSWERS = ["positive"] * 3 + ["negative"] * 3  # two of them other than the first answers


class Tool:
    """The HTTP API of a labelling tool."""

    def __init__(self, address: str) -> None:
        self.address, self.session = address, requests.Session()

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = self.session.request(method, f"{self.address}/{path}", timeout=120, **more)
        assert answer.ok, answer.text
        return answer


def program(variable: str, name: str, versions: str) -> Path:
    """The tool's program; skips without one."""
    found = shutil.which(os.environ.get(variable, name))
    if found is None:
        pytest.skip(f"no {name} ({versions}), installed in an environment of its own that {variable} names")
    return Path(found)


def check_read(path: Path) -> None:
    """What a tool exported is what it was told, and a data set."""
    told = zip(TASKS, ANSWERS, strict=True)
    if path.suffix == ".txt":  # fastText's lines hold no more
        assert sorted(values(path)) == sorted((task.text, label) for task, label in told)
    else:
        found = values(path, "text", "label", "place")
        assert sorted(found) == sorted((task.text, label, task.more["place"]) for task, label in told)
    dataset = load(path)
    assert (dataset.labels, size(dataset)) == (("negative", "positive"), len(TASKS))


@pytest.fixture(scope="module")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    command = [str(program("LABEL_STUDIO", "label-studio", "label-studio==1.23.2")), "start", "--no-browser"]
    folder, token, port = tmp_path_factory.mktemp("label-studio"), secrets.token_hex(20), free_port()
    environment = os.environ | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": "someone@example.org",
        "LABEL_STUDIO_PASSWORD": secrets.token_hex(8),
        "LABEL_STUDIO_USER_TOKEN": token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
    }
    command += ["--internal-host", "127.0.0.1", "--port", str(port)]
    tool = Tool(f"http://127.0.0.1:{port}/api")
    tool.session.headers["Authorization"] = f"Token {token}"
    health = f"http://127.0.0.1:{port}/health"
    with running(command, Project(folder, environment), health, folder / "log.txt"):
        yield tool


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_label_studio(kind: str, label_studio: Tool, tmp_path: Path) -> None:
    """By the labelling interface of the guide."""
    ask = label_studio.ask
    guide = (PROJECT / "docs/labelling.md").read_text(encoding="utf-8")
    interface = re.findall(r"```xml\n(.*?)```", guide, re.DOTALL)[0]
    number = ask("POST", "projects", json={"title": "Loop", "label_config": interface}).json()["id"]
    write_tasks(tmp_path / f"next.{kind}", TASKS, "models:/tiny/1")
    with (tmp_path / f"next.{kind}").open("rb") as file:
        ask("POST", f"projects/{number}/import", files={"file": file})
    tasks = ask("GET", f"tasks?project={number}&fields=all").json()["tasks"]
    assert [task["data"]["text"] for task in tasks] == [task.text for task in TASKS]
    first_answers = [
        [found["result"][0]["value"]["choices"] for found in task["predictions"]] for task in tasks
    ]
    assert first_answers == ([[[task.label]] for task in TASKS] if kind == "json" else [[]] * len(TASKS))
    for task, label in zip(tasks, ANSWERS, strict=True):
        choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        ask("POST", f"tasks/{task['id']}/annotations/", json={"result": [choice]})
    for export, ending in (("JSON", "json"), ("JSON_MIN", "json"), ("CSV", "csv")):
        path = tmp_path / f"{export}.{ending}"
        path.write_bytes(ask("GET", f"projects/{number}/export?exportType={export}").content)
        check_read(path)


@pytest.fixture(scope="module")
def doccano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """Its own command would listen on every address."""
    command = program("DOCCANO", "doccano", "doccano==1.8.4 with marshmallow<4 and numpy<2").resolve()
    folder, address = tmp_path_factory.mktemp("doccano"), f"127.0.0.1:{free_port()}"
    user = {"username": "someone", "password": secrets.token_hex(8)}
    project = Project(
        folder,
        os.environ
        | {
            "DOCCANO_HOME": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "MEDIA_ROOT": str(folder / "media"),
            "SECRET_KEY": secrets.token_hex(32),
            "STANDALONE": "True",
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
        },
    )
    project.run(str(command), "init")
    project.run(str(command), "createuser", *(word for name in user for word in (f"--{name}", user[name])))
    [backend] = command.parent.parent.glob("lib/*/site-packages/backend")
    web = [str(command.with_name("gunicorn")), f"--chdir={backend}", f"--bind={address}", "config.wsgi"]
    worker = [str(command), "task", "--concurrency", "1"]
    tool = Tool(f"http://{address}/v1")
    with (
        running(web, project, f"http://{address}/favicon.ico", folder / "web.txt"),
        running(worker, project, f"{tool.address}/health/", folder / "worker.txt"),
    ):
        tool.ask("POST", "auth/login/", json=user)
        tool.session.headers["X-CSRFToken"] = tool.session.cookies["csrftoken"]
        yield tool


@pytest.mark.parametrize(("kind", "column"), [("jsonl", "label"), ("csv", "predicted_label")])
def test_doccano(kind: str, column: str, doccano: Tool, tmp_path: Path) -> None:
    ask = doccano.ask
    wanted = {"project_type": "DocumentClassification", "resourcetype": "TextClassificationProject"}
    wanted |= {"name": "Loop", "description": "of labels"}
    single = {"single_class_classification": True, "collaborative_annotation": True}
    project = f"projects/{ask('POST', 'projects', json=wanted | single).json()['id']}"
    write_tasks(tmp_path / f"next.{kind}", TASKS, "models:/tiny/1")
    with (tmp_path / f"next.{kind}").open("rb") as file:
        upload = ask("POST", "fp/process/", files={"filepond": file}).text
    form: dict[str, Any] = {"format": kind.upper(), "column_data": "text", "column_label": column}
    form |= {"uploadIds": [upload], "task": "DocumentClassification"}
    task_id = ask("POST", f"{project}/upload", json=form).json()["task_id"]
    while not (status := ask("GET", f"tasks/status/{task_id}").json())["ready"]:
        time.sleep(0.2)
    assert status["result"] == {"error": []}, status
    examples = ask("GET", f"{project}/examples?limit=100").json()["results"]
    assert [example["text"] for example in examples] == [task.text for task in TASKS]
    labels = {each["text"]: each["id"] for each in ask("GET", f"{project}/category-types").json()}
    answers = [f"{project}/examples/{example['id']}/categories" for example in examples]
    assert [[each["label"] for each in ask("GET", path).json()] for path in answers] == [
        [labels[task.label]] for task in TASKS
    ]
    for path, example, label in zip(answers, examples, ANSWERS, strict=True):
        ask("POST", path, json={"example": example["id"], "label": labels[label], "prob": 0})
    for export in ("JSON", "JSONL", "CSV", "fastText"):
        task_id = ask("POST", f"{project}/download", json={"format": export}).json()["task_id"]
        while (
            "json" in (answer := ask("GET", f"{project}/download?taskId={task_id}")).headers["Content-Type"]
        ):
            time.sleep(0.2)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            [name] = archive.namelist()
            check_read(Path(archive.extract(name, tmp_path / export)))
