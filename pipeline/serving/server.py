"""MLflow's scoring server for a registered version, behind a filter for what it lets pass or trips over.

    PIPELINE_MODEL=models:/NAME/1 python -m uvicorn --factory pipeline.serving.server:app

Addresses, bodies and answers are those of `mlflow models serve`. Three things differ, which no setting of
MLflow's server and nothing in a model can reach: a misspelt entry of `params` is refused, where MLflow drops
it; a request without Content-Type is answered 415 instead of 500; and a CSV's cells are texts as they stand,
where MLflow reads `NA` as missing.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable
from io import StringIO
from typing import Any

import mlflow
from mlflow.pyfunc import PyFuncModel, scoring_server
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.runtime.files import CSV_FIELD_LIMIT

MODEL_VARIABLE = "PIPELINE_MODEL"


def app() -> ASGIApp:
    """The application of one worker process, with the model that ``PIPELINE_MODEL`` names."""
    csv.field_size_limit(CSV_FIELD_LIMIT)
    model = load_version(os.environ[MODEL_VARIABLE])
    schema = model.metadata.get_params_schema()  # type: ignore[no-untyped-call]
    return StrictRequests(scoring_server.init(model), [spec.name for spec in schema.params] if schema else [])


def load_version(address: str) -> PyFuncModel:
    """A version with the code that it was registered with.

    One of release 0.1.0 brings a package called `pipeline`, which it would not find behind ours; so ours is
    forgotten, and a process that has called this imports no more of it.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "pipeline"]:
        del sys.modules[name]
    return mlflow.pyfunc.load_model(address)


class StrictRequests:
    """Checks a request to /invocations before ``server`` sees it.

    Args:
        server: MLflow's application.
        params: what a request's `params` may hold.
    """

    def __init__(self, server: ASGIApp, params: Iterable[str]) -> None:
        self._server, self._params = server, sorted(params)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as ASGI wants it."""
        if scope["type"] != "http" or scope["path"] != "/invocations" or scope["method"] != "POST":
            await self._server(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if not kind:
                await _refused(415, "Content-Type is missing: give application/json or text/csv")(
                    scope, receive, send
                )
                return
            if kind == "text/csv":
                scope, body = _as_json(scope), csv_as_json(body)
            elif kind == "application/json":
                check_params(body, self._params)
        except ValueError as error:
            await _refused(400, str(error))(scope, receive, send)
            return
        await self._server(scope, _received(body, receive), send)


def check_params(body: bytes, known: list[str]) -> None:
    """Refuses an entry of `params` that the model doesn't know; all else in the body is MLflow's to judge.

    Raises:
        ValueError: naming the entry and what there is.
    """
    if b"params" not in body:  # as in most requests, which are then parsed once, by MLflow
        return
    try:
        content = json.loads(body)
    except ValueError:  # MLflow refuses it in its own words
        return
    params = content.get("params") if isinstance(content, dict) else None
    unknown = [name for name in params if name not in known] if isinstance(params, dict) else []
    if unknown:
        raise ValueError(f"params has no {unknown[0]!r}, only {', '.join(known) or 'nothing'}")


def csv_as_json(body: bytes) -> bytes:
    """A CSV with a header line as the JSON body of the same table, each cell a string.

    Raises:
        ValueError: if it isn't UTF-8 or no such CSV.
    """
    try:
        reader = csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        rows = [fields for fields in reader if fields]
    except UnicodeDecodeError as error:
        raise ValueError(f"the CSV is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise ValueError(f"not valid CSV: {error}") from None
    for number, fields in enumerate(rows, start=1):
        if len(fields) != len(header):
            raise ValueError(f"row {number} has {len(fields)} fields, but the header has {len(header)}")
    return json.dumps({"dataframe_split": {"columns": header, "data": rows}}).encode()


def _as_json(scope: Scope) -> Scope:
    """The request with another Content-Type."""
    kept = [
        (name, value) for name, value in scope["headers"] if name not in (b"content-type", b"content-length")
    ]
    return {**scope, "headers": [*kept, (b"content-type", b"application/json")]}


def _received(body: bytes, receive: Receive) -> Receive:
    """Gives ``body`` first, then what the client still says, such as that it has gone."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def _refused(status: int, message: str) -> JSONResponse:
    """An error in the form of MLflow's."""
    content: dict[str, Any] = {"error_code": "INVALID_PARAMETER_VALUE", "message": message}
    return JSONResponse(content, status_code=status)
