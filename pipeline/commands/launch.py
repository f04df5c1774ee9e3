"""One run of the four stages with given parameters, as `mlflow run .` asks for it.

The values go to DVC as `dvc exp run -S`, so a run started from MLproject is a DVC experiment too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.params import Params, ParamsError, Value, load_params


def parse_options(options: Sequence[str]) -> dict[str, Value]:
    """``["--model.depth", "3"]`` -> ``{"model.depth": 3}``; a value is read as YAML.

    Raises:
        ParamsError: for a word that is not an option, or an option without a value.
    """
    values: dict[str, Value] = {}
    words = iter(options)
    for word in words:
        key, equals, text = word.removeprefix("--").partition("=")
        if not word.startswith("--"):
            raise ParamsError(f"command line: expected --SECTION.KEY VALUE, but got {word!r}")
        if not equals:
            try:
                text = next(words)
            except StopIteration:
                raise ParamsError(f"command line: {word} has no value") from None
        values[key] = _parse_value(key, text)
    return values


def _parse_value(key: str, text: str) -> Value:
    """A YAML scalar or list; a number such as 1e-3, which YAML 1.1 reads as text, is a float."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ParamsError(f"command line: {key} can't be read as YAML: {text!r}") from None
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return tuple(value) if isinstance(value, list) else value


def launch(values: dict[str, Value], until: str | None = None) -> int:
    """Judges ``values`` (dotted keys), then runs DVC; returns its exit status.

    Args:
        values: what differs from params.yaml.
        until: the last stage to run; None runs all four.

    Raises:
        ParamsError: before anything runs, if a value can't be used.
    """
    now = load_params()
    wanted = now.replace(values, source="command line")
    if wanted.data.source == "file" and not Path(wanted.data.path).is_file():
        raise ParamsError(f"command line: data.path must be a file, but got {wanted.data.path}: no such file")
    stages = [until] if until else []
    status = subprocess.run([_dvc(), *dvc_arguments(now, wanted), *stages], check=False).returncode
    if status == 0 and until is None:
        from pipeline.tracking import note_reproduced  # noqa: PLC0415 - only now is MLflow needed

        note_reproduced(wanted)
    return status


def dvc_arguments(now: Params, wanted: Params) -> list[str]:
    """What `dvc` is called with so that the pipeline runs with ``wanted`` where params.yaml says ``now``.

    A value that is given for one run isn't searched in it.
    """
    before = now.flat()
    changes = {key: value for key, value in wanted.flat().items() if value != before[key]}
    changes |= {f"tune.search_space.{key}": None for key in changes if key in wanted.tune.search_space}
    if not changes:
        return ["repro"]
    return ["exp", "run", *(f"--set-param={key}={_hydra(value)}" for key, value in changes.items())]


def _dvc() -> str:
    """The `dvc` beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("dvc")
    found = str(beside) if beside.exists() else shutil.which("dvc")
    if not found:
        raise ParamsError("dvc is not installed in this environment: run `make setup`")
    return found


def _hydra(value: Value) -> str:
    """A value in the grammar of `dvc exp run --set-param` (Hydra's override grammar)."""
    if isinstance(value, tuple):
        return f"[{','.join(_hydra(item) for item in value)}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return json.dumps(value)  # numbers, true, false and null are the same in both
