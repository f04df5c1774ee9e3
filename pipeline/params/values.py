"""What every section of params.yaml is made of: kinds of values, how YAML is read, how a fault is worded."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime.errors import UserError

Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
StepSize = Annotated[float, Field(gt=0, le=1)]
Width = Annotated[int, Field(ge=1, le=4096)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
Value = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | None
Cell = Literal["simple_rnn", "lstm", "gru"]
CUDNN_CELLS = ("lstm", "gru")  # for which Keras calls kernels of cuDNN
Skip = Literal["none", "residual", "highway"]
Depth = Annotated[int, Field(ge=1, le=8)]


def _check_hash(text: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", text):
        raise ValueError("must be sha256: and 64 hexadecimal digits, or md5: and 32")
    return text


Hash = Annotated[str, AfterValidator(_check_hash)]


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether ``value`` is an int or a float; a bool is neither here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class ParamsError(UserError):
    """A value of params.yaml (or one that replaces it) that can't be used; one line a fault."""


class Section(BaseModel):
    """Immutable, strict about types, and closed to keys that nothing reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def parse_yaml(text: str, source: str) -> Any:
    """Reads YAML 1.2 as DVC does: ``1e-3`` is a number, ``no`` a text.

    Raises:
        ParamsError: if it isn't YAML, or holds a date, which stands for no value of params.yaml.
    """
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ParamsError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from None
    _refuse_dates(tree, source)
    return tree


def read_yaml(path: Path) -> Any:
    """Reads a file as ``parse_yaml`` does."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None


def _refuse_dates(tree: Any, source: str, *keys: str) -> None:
    if isinstance(tree, date):
        raise ParamsError(f"{source}: {'.'.join(keys)}: {tree} is a date in YAML: quote it")
    if isinstance(tree, dict):
        for key, value in tree.items():
            _refuse_dates(key, source, *keys)
            _refuse_dates(value, source, *keys, str(key))
    elif isinstance(tree, list):
        for value in tree:
            _refuse_dates(value, source, *keys)


def quote_safely(value: Any) -> str:
    """``value`` for a message; an address without user, password and query."""
    if isinstance(value, str) and "://" in value:
        value = re.sub(r"(?<=://)[^/@\s]*@|\?.*", "", value)
    return "a mapping" if isinstance(value, dict) else repr(value)


_OF_A_UNION = re.compile(r"(tuple|dict)\[|constrained|(int|float|bool|str|none)$")  # members, to pydantic


def faults_of(error: ValidationError, prefix: str = "") -> list[str]:
    """One line a fault: the dotted key, what must hold, what it was."""
    lines: dict[str, str] = {}  # key by line: a union reports a fault once a member, and here it stands once
    for fault in error.errors(include_url=False):
        names = [name for name in map(str, fault["loc"]) if not _OF_A_UNION.match(name)]
        key = ".".join([prefix, *names] if prefix else names)
        value, message = fault["input"], fault["msg"].removeprefix("Value error, ")
        match fault["type"]:
            case "extra_forbidden":
                line = f"{key}: there is no such parameter; take it out, or correct its spelling"
            case "missing":
                line = f"{key} is missing; params.yaml must give it a value"
            case "value_error" if isinstance(value, dict | BaseModel):  # a section: the message names keys
                line = message
            case "value_error":
                line = f"{key} {message}, but got {quote_safely(value)}"
            case kind:
                message = message.replace("Input should", "must").replace(" instance", "")
                is_plain = isinstance(value, bool | int | float)  # which quotes make a text of
                quote = ": quote it" if kind == "string_type" and is_plain else ""
                line = f"{key} {message[0].lower()}{message[1:]}, but got {quote_safely(value)}{quote}"
        lines[line] = key
    # Of a list's faulty item the member that takes a mapping says that the list is none.
    keys = lines.values()
    return [line for line, key in lines.items() if not any(deeper.startswith(f"{key}.") for deeper in keys)]
