"""What every section of params.yaml is made of: kinds of values, and how a fault is worded."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipeline.runtime.errors import UserError

Fraction = Annotated[float, Field(gt=0, lt=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=4096)]
Value = bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | None
Cell = Literal["simple_rnn", "lstm", "gru"]
Skip = Literal["none", "residual", "highway"]
Depth = Annotated[int, Field(ge=1, le=8)]
_HASH = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether ``value`` is an int or a float; a bool is neither here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class ParamsError(UserError):
    """A value of params.yaml (or one that replaces it) that can't be used; one line a fault."""


class Section(BaseModel):
    """Immutable, strict about types, and closed to keys that nothing reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _check_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("must be sha256: and 64 hexadecimal digits, or md5: and 32")
    return text


Hash = Annotated[str, BeforeValidator(lambda value: _check_hash(str(value)))]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]


def shown(value: Any) -> str:
    """``value`` for a message; an address without user, password and query."""
    if isinstance(value, str) and "://" in value:
        value = re.sub(r"(?<=://)[^/@\s]*@|\?.*", "", value)
    return repr(value)


def faults_of(error: ValidationError, prefix: str = "") -> list[str]:
    """One line a fault: the dotted key, what must hold, what it was."""
    lines: dict[str, None] = {}  # a union reports a fault once a member: keep each line once, in order
    for fault in error.errors(include_url=False):
        names = [str(part) for part in fault["loc"] if not str(part).startswith(("tuple[", "constrained"))]
        names = [name for name in names if name not in ("int", "float", "bool", "str", "none")]
        key = ".".join([prefix, *names] if prefix else names)
        value = fault["input"]
        match fault["type"]:
            case "extra_forbidden":
                lines[f"{key}: there is no such parameter; take it out, or correct its spelling"] = None
            case "missing":
                lines[f"{key} is missing; params.yaml must give it a value"] = None
            case "value_error":
                message = fault["msg"].removeprefix("Value error, ")
                if isinstance(value, dict | BaseModel):  # a whole section: the message names the keys itself
                    lines[message] = None
                else:
                    lines[f"{key} {message}, but got {shown(value)}"] = None
            case _:
                message = fault["msg"].replace("Input should", "must").replace(" instance", "")
                text = shown(value) if not isinstance(value, dict) else "a mapping"
                lines[f"{key} {message[0].lower()}{message[1:]}, but got {text}"] = None
    return list(lines)
