"""What a version answers to a request: forms of a table, params, the log, and the server's own answers."""

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import uvicorn
from starlette.types import Message

from pipeline.serving.answering import Answerer, read_texts
from pipeline.serving.server import application
from serving.test_scored_tables import CLASSIFIER

VERSION = "models:/tiny/1"
ANSWERER = Answerer(CLASSIFIER, VERSION, "abc")
BOTH = ["Fine.", "NA"]


@pytest.mark.parametrize(
    "given",
    [
        BOTH,
        tuple(BOTH),
        np.array(BOTH),
        pd.Series(BOTH, ["b", "a"], name="review"),
        {"text": BOTH},
        {"text": np.array(BOTH)},
        pd.DataFrame({"text": BOTH, "other": [1, 2]}),
        pd.DataFrame(BOTH),
    ],
    ids=lambda given: type(given).__name__,
)
def test_tables_and_texts_alone_are_read_alike(given: Any) -> None:
    assert read_texts(given) == (BOTH, None)


@pytest.mark.parametrize(
    "given",
    [
        [{"text": "Fine.", "id": 7}, {"text": "NA"}],
        {"text": BOTH, "id": [7, None]},
        {"text": np.array(BOTH), "id": np.array([7, None], object)},
        pd.DataFrame({"id": pd.array([7, None], "object"), "text": BOTH}, index=[7, 3]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_the_ids_of_a_request_are_read_from_every_form_of_a_table(given: Any) -> None:
    assert read_texts(given) == (BOTH, [7, None])


def test_one_text_and_none() -> None:
    for given in ("Fine.", ["Fine."], {"text": "Fine."}, [{"text": "Fine."}], np.array("Fine.")):
        assert read_texts(given) == (["Fine."], None)
    assert read_texts([]) == read_texts(pd.DataFrame({"text": []})) == ([], None)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (pd.DataFrame({"review": BOTH}), "there is no column 'text', only 'review'"),
        (pd.DataFrame({0: BOTH, 1: BOTH}), "there is no column 'text', only 0, 1"),
        ([{"review": "Fine."}], "there is no column 'text', only 'review'"),
        (pd.DataFrame([BOTH], columns=["text", "text"]), "'text' stands twice"),
        ({"text": BOTH, "id": [1]}, "2 values of 'text', but 1 of 'id'"),
    ],
)
def test_a_table_without_texts_is_refused(given: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read_texts(given)


def post(body: Any, kind: str | None = "application/json", path: str = "/invocations") -> tuple[int, Any]:
    """The status and what is answered."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [] if kind is None else [(b"content-type", kind.encode())]
    method = "POST" if path == "/invocations" else "GET"
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application(ANSWERER, "3.17.2")(scope, receive, send))
    answered = sent[1]["body"].decode()
    return sent[0]["status"], json.loads(answered) if path == "/invocations" else answered


GOOD = {"label": "yes", "probability": 0.5, "unknown_share": 0.0, "version": VERSION, "run_id": "abc"}


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": ["good"]},
        {"inputs": "good"},
        {"inputs": {"text": ["good"], "id": [7]}},
        {"instances": ["good"]},
        {"instances": [{"text": "good", "id": 7}]},
        {"dataframe_records": [{"text": "good", "stars": 5}]},
        {"dataframe_split": {"index": [3], "columns": ["id", "text"], "data": [[7, "good"]]}},
    ],
)
def test_every_form_of_a_request_has_the_same_answer(body: dict[str, Any]) -> None:
    assert post(body) == (200, {"predictions": [GOOD]})


def test_a_threshold_moves_the_label_and_an_explanation_names_the_words() -> None:
    _, said = post({"inputs": ["good bad"], "params": {"threshold": 0.9, "explain": True}})
    (row,) = said["predictions"]
    assert row["label"] == "no"
    assert row["contributions"] == [word._asdict() for word in CLASSIFIER.explain("good bad")]


DEEP = b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"instances": ["good", None]}, "text 1 must be a string, but is missing"),
        ({"instances": [{"text": "good"}, {"id": 7}]}, "text 1 must be a string, but is missing"),
        ({"instances": [["good"], ["bad"]]}, "text 0 must be a string, but is a list"),
        ({"inputs": 5}, "text 0 must be a string, but is a number"),
        ({"inputs": ["good", {"text": 5}]}, "text 1 must be a string, but is a number"),
        (
            {"inputs": ["good"], "params": {"treshold": 1}},
            "params has no 'treshold', only explain, threshold",
        ),
        ({"inputs": ["good"], "params": {"threshold": "high"}}, "threshold must be a number, but got 'high'"),
        ({"inputs": ["good"], "params": {"explain": 1}}, "explain must be true or false, but got 1"),
        ({"inputs": ["good"], "params": {"threshold": 1.5}}, "above 0 and below 1, but got 1.5"),
        ({"inputs": ["good"], "params": [1]}, "params must be a JSON object, but is a list"),
        ({"inputs": ["good"], "instances": ["good"]}, "one of dataframe_records"),
        ({"texts": ["good"]}, "but holds texts"),
        ({"dataframe_records": {"text": "good"}}, "must be a list of rows, but is an object"),
        ({"dataframe_split": {"columns": ["text"], "data": [["good"], []]}}, "row 1 must be a list of 1"),
        ([1], "must be a JSON object with dataframe_records, but is a list"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8 text (byte 0)"),
        (DEEP, "not JSON that can be read"),
    ],
)
def test_a_malformed_request_is_a_400_that_says_what_and_where(body: Any, named: str) -> None:
    status, said = post(body)
    assert (status, said["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert named in said["message"]


def test_a_request_of_no_known_type_is_refused() -> None:
    for kind in (None, "text/plain"):
        status, said = post({"inputs": ["Fine."]}, kind)
        assert status == 415
        assert said["message"].endswith("give application/json or text/csv")


def test_the_cells_of_a_csv_are_texts_as_they_stand() -> None:
    table = '\ufefftext,id\ngood,1\n"bad,\n""so""",\n\nNA,3\n'.encode()
    status, said = post(table, "text/csv; charset=utf-8")
    assert status == 200
    assert [row["unknown_share"] for row in said["predictions"]] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"\xff", "not UTF-8 text (byte 0)"),
        (b"text\na\na,b\n", "the row that ends in line 3 has 2 fields, but the header has 1"),
        (b'text\n"a"b\n', "not valid CSV"),
    ],
)
def test_a_broken_csv_is_a_400(body: bytes, named: str) -> None:
    status, said = post(body, "text/csv")
    assert status == 400
    assert named in said["message"]


def test_the_other_addresses_are_those_of_mlflows_server() -> None:
    assert post(b"", path="/ping") == post(b"", path="/health") == (200, "\n")
    assert post(b"", path="/version") == (200, "3.17.2")


def test_the_log_has_the_id_of_every_form_of_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that comes later finds its row by it."""
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", str(tmp_path / "log.jsonl"))
    post({"instances": [{"text": "good", "id": 7}]})
    post({"inputs": {"text": ["good"], "id": ["b"]}})
    post({"dataframe_records": [{"text": "good", "id": 8}]})
    post({"inputs": ["good"]})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line.get("id", "none") for line in lines] == [7, "b", 8, "none"]
    assert {line["version"] for line in lines} == {VERSION}


def test_a_log_that_can_not_be_written_is_said_before_anybody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", str(tmp_path / "missing/log.jsonl"))
    with pytest.raises(FileNotFoundError):
        Answerer(CLASSIFIER, VERSION, "")


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop runs on Linux and macOS")
def test_a_server_of_several_workers_sends_a_short_answer_at_once() -> None:
    """With asyncio's own loop each worker's connections wait 40 ms for the client (uvicorn's issue 3149)."""
    config = uvicorn.Config(application(ANSWERER, ""), port=0, log_level="critical")
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
