"""The filter before MLflow's scoring server, with a stand-in for the latter that says what it received."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from pipeline.serving.server import StrictRequests


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    kind = dict(scope["headers"]).get(b"content-type", b"").decode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = f"{kind} {message['body'].decode(errors='replace')}"
    await send({"type": "http.response.body", "body": body.encode()})


def post(body: Any, kind: str | None = "application/json", path: str = "/invocations") -> tuple[int, str]:
    """The status and body that the filter answers, or lets the stand-in answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [] if kind is None else [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(StrictRequests(echo, ["threshold", "explain"])(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()


def test_json_goes_through_as_it_is() -> None:
    body = {"inputs": ["Fine."], "params": {"threshold": 0.6}}
    assert post(body) == (200, f"application/json {json.dumps(body)}")
    assert post(b"{") == (200, "application/json {")  # MLflow's to refuse
    assert post([1]) == (200, "application/json [1]")


def test_a_misspelt_entry_of_params_is_refused() -> None:
    status, message = post({"inputs": ["Fine."], "params": {"treshold": 0.6}})
    assert status == 400
    assert "params has no 'treshold', only explain, threshold" in message


def test_a_request_without_content_type_is_refused() -> None:
    status, message = post({"inputs": ["Fine."]}, kind=None)
    assert status == 415
    assert "Content-Type is missing" in message


def test_the_cells_of_a_csv_are_texts_as_they_stand() -> None:
    table = '\ufefftext,id\nNA,1\n"null, ""quoted""\nand broken",\n\n007,3\n'.encode()
    status, received = post(table, kind="text/csv; charset=utf-8")
    kind, _, body = received.partition(" ")
    assert (status, kind) == (200, "application/json")
    rows = [["NA", "1"], ['null, "quoted"\nand broken', ""], ["007", "3"]]
    assert json.loads(body) == {"dataframe_split": {"columns": ["text", "id"], "data": rows}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"\xff", "not UTF-8 text (byte 0)"),
        (b"text\na,b\n", "row 1 has 2 fields, but the header has 1"),
        (b'text\n"a"b\n', "not valid CSV"),
    ],
)
def test_a_broken_csv_is_a_400(body: bytes, named: str) -> None:
    status, message = post(body, kind="text/csv")
    assert status == 400
    assert named in message


def test_other_addresses_are_mlflows() -> None:
    assert post({"params": {"x": 1}}, path="/ping")[0] == 200


OLD_VERSION = """
import os, sys
sys.path.insert(0, os.getcwd())
import mlflow
mlflow.pyfunc.save_model("version", python_model="model.py", code_paths=["pipeline"])
for name in [name for name in sys.modules if name.partition(".")[0] in ("pipeline", "model")]:
    del sys.modules[name]
sys.path = [path for path in sys.path if path != os.getcwd() and "version" not in path]
os.rename("pipeline", "moved")

from pipeline.serving.server import load_version
print(load_version("version").predict(["Fine."]))
"""


def test_a_version_with_a_package_of_our_name_is_served_by_its_own_code(tmp_path: Path) -> None:
    """As those of release 0.1.0 have one."""
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text("ANSWER = 'its own'\n")
    (tmp_path / "model.py").write_text(
        "import mlflow\nfrom pipeline import ANSWER\n\n"
        "class Model(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return [ANSWER]\n\n"
        "mlflow.models.set_model(Model())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PIPELINE_MODEL": "version"}
    done = subprocess.run(
        [sys.executable, "-c", OLD_VERSION],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip().splitlines()[-1:] == ["['its own']"], done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop runs on Linux and macOS")
def test_a_server_of_several_workers_sends_a_short_answer_at_once() -> None:
    """With asyncio's own loop each worker's connections wait 40 ms for the client (uvicorn's issue 3149)."""
    config = uvicorn.Config(echo, port=0, log_level="critical")
    undelayed: list[int] = []

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted = transport.get_extra_info("socket")
            undelayed.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def accept(listening: socket.socket) -> None:
        server = await asyncio.get_running_loop().create_server(Connection, sock=listening)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        await reader.read()
        writer.close()
        server.close()

    with config.bind_socket() as listening, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(accept(listening))
    assert undelayed == [1]
