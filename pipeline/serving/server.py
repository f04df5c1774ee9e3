"""The scoring server of a version: the addresses, bodies and answers of `mlflow models serve`.

What MLflow's server does beside answering (a table of pandas for each request and answer) costs several
times what the classifier does, and it drops a misspelt entry of `params`, reads a CSV's `NA` as missing and
takes a request without Content-Type for a fault of its own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from io import StringIO
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.runtime.files import CSV_FIELD_LIMIT
from pipeline.serving.answering import Answerer, read_texts
from pipeline.serving.classifier import json_type

_FORMS = ("dataframe_records", "dataframe_split", "inputs", "instances")


def application(answerer: Answerer, mlflow_version: str) -> Starlette:
    """The ASGI application that answers for a version.

    Args:
        answerer: the version.
        mlflow_version: what `/version` says, which MLflow's clients ask for.
    """
    csv.field_size_limit(CSV_FIELD_LIMIT)

    def answer(kind: str, body: bytes) -> Response:
        try:
            given, params = parse_json(body) if kind == "application/json" else (parse_csv(body), {})
            columns = answerer.answer(*read_texts(given), params)
        except ValueError as error:
            return _refuse(400, str(error))
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return JSONResponse({"predictions": rows})

    async def invoke(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", "text/csv"):
            said = f"is {kind}" if kind else "is missing"
            return _refuse(415, f"Content-Type {said}: give application/json or text/csv")
        return await run_in_threadpool(answer, kind, await request.body())

    def say(text: str) -> Any:
        return lambda _request: PlainTextResponse(text)

    routes = [Route("/invocations", invoke, methods=["POST"]), Route("/version", say(mlflow_version))]
    return Starlette(routes=[*routes, *(Route(path, say("\n")) for path in ("/ping", "/health"))])


def parse_json(body: bytes) -> tuple[Any, Mapping[str, Any]]:
    """What a body holds in one of MLflow's forms, as :func:`read_texts` takes it, and its params.

    Raises:
        ValueError: if it is no such body.
    """
    try:
        content = json.loads(body)
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not JSON: it is not UTF-8 text (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON that can be read: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"the body must be a JSON object with {_FORMS[0]}, but is {json_type(content)}")
    params = content.pop("params", None) or {}
    if not isinstance(params, dict):
        raise ValueError(f"params must be a JSON object, but is {json_type(params)}")
    if len(content) != 1 or not content.keys() <= set(_FORMS):
        found = ", ".join(content) or "nothing"
        raise ValueError(f"beside params the body must hold one of {', '.join(_FORMS)}, but holds {found}")
    ((form, given),) = content.items()
    if form == "dataframe_records" and not isinstance(given, list):
        raise ValueError(f"dataframe_records must be a list of rows, but is {json_type(given)}")
    return _columns_of_split(given) if form == "dataframe_split" else given, params


def _columns_of_split(given: Any) -> dict[str, list[Any]]:
    names, rows = (given.get(key) for key in ("columns", "data")) if isinstance(given, dict) else (None, None)
    if not isinstance(names, list) or not isinstance(rows, list):
        raise ValueError("dataframe_split must be an object of columns, a list, and data, a list of rows")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise ValueError(f"dataframe_split: row {number} must be a list of {len(names)} values")
    return {str(name): [row[place] for row in rows] for place, name in enumerate(names)}


def parse_csv(body: bytes) -> dict[str, list[str]]:
    """The columns of a CSV with a header line, each cell a string as it stands.

    Raises:
        ValueError: if it isn't UTF-8 or no such CSV.
    """
    try:
        reader = csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header, rows = next(reader, []), []
        for fields in filter(None, reader):
            if len(fields) != len(header):
                said = f"{len(fields)} fields, but the header has {len(header)}"
                raise ValueError(f"the row that ends in line {reader.line_num} has {said}")
            rows.append(fields)
    except UnicodeDecodeError as error:
        raise ValueError(f"the CSV is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise ValueError(f"not valid CSV: {error}") from None
    return {name: [fields[place] for fields in rows] for place, name in enumerate(header)}


def _refuse(status: int, message: str) -> JSONResponse:
    """An error in the form of MLflow's."""
    return JSONResponse({"error_code": "INVALID_PARAMETER_VALUE", "message": message}, status_code=status)
