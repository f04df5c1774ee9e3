"""The loop through a real Label Studio on loopback, with the labelling interface of the guide."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from e2e.servers import free_port
from pipeline.labelling import Task, write_tasks
from pipeline.reviews.sources.records import Reader

PROJECT = Path(__file__).parents[2]
PROGRAM = shutil.which(os.environ.get("LABEL_STUDIO", "label-studio"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None,
        reason="no label-studio==1.23.2, installed in an environment of its own that LABEL_STUDIO names",
    ),
]
TASKS = [
    Task('Fine, "really"\nfine', "positive", 0.75, {"id": 7, "place": "line 2"}),
    Task("Dull", "negative", 0.5, {"place": "line 3"}),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    folder, token, port = tmp_path_factory.mktemp("label-studio"), secrets.token_hex(20), free_port()
    environment = os.environ | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": "someone@example.org",
        "LABEL_STUDIO_PASSWORD": secrets.token_hex(8),
        "LABEL_STUDIO_USER_TOKEN": token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
    }
    command = [str(PROGRAM), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            for _ in range(600):  # it makes its database first
                assert process.poll() is None, (folder / "log.txt").read_text()[-2_000:]
                try:
                    if requests.get(f"{address}/health", timeout=2).ok:
                        break
                except requests.RequestException:
                    time.sleep(1)
            yield address, {"Authorization": f"Token {token}"}
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_tasks_come_back_answered(kind: str, server: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, headers = server

    def ask(method: str, path: str, **more: Any) -> requests.Response:
        answer = requests.request(method, f"{address}/api/{path}", headers=headers, timeout=120, **more)
        assert answer.ok, answer.text
        return answer

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
    assert first_answers == ([[["positive"]], [["negative"]]] if kind == "json" else [[], []])
    for task, label in zip(tasks, ("positive", "positive"), strict=True):
        choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        ask("POST", f"tasks/{task['id']}/annotations/", json={"result": [choice]})
    for export, ending in (("JSON", "json"), ("JSON_MIN", "json"), ("CSV", "csv")):
        path = tmp_path / f"{export}.{ending}"
        path.write_bytes(ask("GET", f"projects/{number}/export?exportType={export}").content)
        rows = [row for _, row in Reader(["text", "label", "place"]).read(path)]
        assert {(row["text"], row["label"], row["place"]) for row in rows} == {
            (TASKS[0].text, "positive", "line 2"),
            ("Dull", "positive", "line 3"),
        }
