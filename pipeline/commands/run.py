"""One run of the four stages with given parameters, as `mlflow run .` asks for it.

The values go to DVC as `dvc exp run -S`, so a run started from MLproject is a DVC experiment too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.params import PRESET_VARIABLE, Params, ParamsError, Value, load_params, parse_yaml, read_preset
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.interruption import left_to_stage
from pipeline.runtime.paths import REGISTRATION, REPORT
from pipeline.runtime.source import DVC, git, head_commit

NEXT = f"""
The report: {REPORT}
Next:
  make ui                            runs, trials and registry in MLflow
  make serve                         the champion on http://127.0.0.1:5001
  make compare                       experiments beside each other
  git add dvc.lock reports           and commit, to compare later runs with it
  source .venv/bin/activate          then, for example:
  python -m pipeline predict --explain 'A superb cast in a dull film.'
  python -m pipeline run --model.cell gru
  python -m studies learning-curve   what more labels would give
"""
# Words that are no other value in Hydra's grammar, and whole numbers: 01 would be 1 there.
_PLAIN_KEY = re.compile(
    r"(?!(?:true|false|null|nan|inf)$)[a-z_][\w/+.-]*(?: [\w/+.-]+)*|0|-?[1-9]\d*", re.ASCII | re.IGNORECASE
)
_COMMIT = "`git init && git add --all && git commit --message start`"


def parse_options(options: Sequence[str]) -> dict[str, Value]:
    """``["--model.depth", "3"]`` -> ``{"model.depth": 3}``; a value is read as YAML, an empty one is none.

    Raises:
        ParamsError: for a word that is not an option, or an option without a value.
    """
    values: dict[str, Value] = {}
    words = iter(options)
    for word in words:
        if not word.startswith("--"):
            raise ParamsError(f"command line: expected --SECTION.KEY VALUE, but got {word!r}")
        key, equals, given = word.removeprefix("--").partition("=")
        text = given if equals else next(words, None)
        if text is None:
            raise ParamsError(f"command line: {word} has no value")
        if text:  # MLproject gives every option that it knows, and an empty value where the user gave none
            value = parse_yaml(text, f"command line: {key}")
            values[key] = tuple(value) if isinstance(value, list) else value
    return values


def launch(values: Mapping[str, Value], until: str | None = None, preset: str | None = None) -> int:
    """Judges ``values`` (dotted keys), then runs DVC up to the stage ``until``; returns its exit status.

    The values differ from params.yaml, and from those of ``preset``, which come first.

    Raises:
        ParamsError: before anything runs, if a value can't be used.
    """
    now = load_params()
    start = now.replace(read_preset(preset), source=f"presets/{preset}.yaml") if preset else now
    wanted = with_options(start, values)
    if wanted.data.source == "file" and not Path(wanted.data.path).exists():
        raise ParamsError(
            f"command line: data.path must be a file or folder, but there is no {wanted.data.path}"
        )
    arguments = dvc_arguments(now, wanted)
    _settle_git(experiment=arguments[0] == "exp")
    if "MLFLOW_RUN_ID" in os.environ:
        from pipeline import tracking  # noqa: PLC0415 - only `mlflow run` needs MLflow here

        tracking.settle_address(wanted)
    if os.environ.get("MLFLOW_EXPERIMENT_ID") == "0":  # where `mlflow run` puts a run that names no other
        named = f"`mlflow run . --experiment-name {now.mlflow.experiment}`"
        print(f"this run goes to MLflow's experiment Default; {named} puts it beside the others")
    environment = {PRESET_VARIABLE: preset} if preset else {}
    status = _dvc_process(*arguments, *([until] if until else []), **environment)
    if status == 0 and until is None:
        from pipeline.tracking import note_reproduced  # noqa: PLC0415 - only now is MLflow needed

        note_reproduced(wanted)
        status = _register_again(wanted, environment)
        print(NEXT, end="")  # after DVC's own advice, so that it is the last word
    return status


def with_options(params: Params, values: Mapping[str, Value]) -> Params:
    """``params`` with ``values``; the study varies none that differs from what it was."""
    before = params.flat()
    held = [key for key, value in values.items() if key in before and value != before[key]]
    return params.searching_without(held).replace(values, source="command line")


def _register_again(params: Params, environment: dict[str, str]) -> int:
    """Evaluates and registers the network once more where the store lacks its version; the exit status.

    DVC doesn't know: the store is new, as in a fresh clone after `dvc pull`, or the version was deleted.
    """
    registration = read_json(REGISTRATION) if REGISTRATION.exists() else {}
    if not params.evaluate.register_model or not registration.get("name"):
        return 0
    from pipeline import tracking  # noqa: PLC0415
    from pipeline.registry.versions import is_registered  # noqa: PLC0415

    tracking.connect(params)
    if is_registered(registration):
        return 0
    print(f"the registry {tracking.tracking_uri(params)} lacks this network: it is evaluated and registered")
    return _dvc_process("repro", "--force", "--single-item", "evaluate", **environment)


def _dvc_process(*words: str, **environment: str) -> int:
    command = [sys.executable, "-m", "pipeline.commands.dvc_process", *words]
    process = subprocess.Popen(command, env=os.environ | environment, text=True)
    with process, left_to_stage(process):
        return process.wait()


def dvc_arguments(now: Params, wanted: Params) -> list[str]:
    """What `dvc` is called with so that the pipeline runs with ``wanted`` where params.yaml says ``now``."""
    before = now.flat()
    changes = {key: value for key, value in wanted.flat().items() if value != before[key]}
    if not changes:
        return ["repro"]
    # Hydra merges a mapping into one that stands there, or refuses to.
    mappings = [key for key in changes if any(isinstance(each[key], Mapping) for each in (before, changes))]
    words = [f"{key}=null" for key in mappings]
    words += [f"{key}={_hydra(value, key)}" for key, value in changes.items()]
    if wanted.tune.trials > 1:
        held = [key for key in now.tune.search_space if key not in wanted.tune.search_space]
        words += [f"~tune.search_space.{key}" for key in held]
    return ["exp", "run", *(f"--set-param={word}" for word in words)]


def _settle_git(experiment: bool) -> None:
    """Lets DVC run where there is no git repository, as in an archive of the code, and tells what is lost.

    Raises:
        UserError: if values differ from params.yaml: `dvc exp run` keeps an experiment as a commit.
    """
    local = Path(".dvc/config.local")
    without = local.exists() and "no_scm" in local.read_text(encoding="utf-8")
    if git("rev-parse", "--git-dir"):
        if without:  # a repository was made since
            subprocess.run([*DVC, "config", "--local", "--unset", "core.no_scm"], check=True)
        if experiment and not head_commit():
            raise UserError(f"an experiment needs a commit to start from: {_COMMIT}")
        return
    if experiment:
        raise UserError(
            "values that differ from params.yaml make an experiment, which DVC keeps in git, and here is no "
            f"repository: {_COMMIT}; or write the values into params.yaml"
        )
    if not without:
        subprocess.run([*DVC, "config", "--local", "core.no_scm", "true"], check=True)
    print("no git repository here: the pipeline runs, but its model can't be traced to a commit or rebuilt")


def _hydra(value: object, option: str) -> str:
    """A value in the grammar of `dvc exp run --set-param` (Hydra's override grammar).

    Raises:
        UserError: for a mapping's key that the grammar can't hold, or reads as another.
    """
    if isinstance(value, tuple):
        return f"[{','.join(_hydra(item, option) for item in value)}]"
    if isinstance(value, Mapping):
        for key in value:
            if not _PLAIN_KEY.fullmatch(str(key)):
                raise UserError(
                    f"DVC takes no mapping with the key {key!r} as an option: write {option} into params.yaml"
                )
        return f"{{{','.join(f'{key}: {_hydra(item, option)}' for key, item in value.items())}}}"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return json.dumps(value)  # numbers, true, false and null are the same in both
