"""The stages of dvc.yaml: each reads files, calls the library, writes files."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from pipeline.networks.devices import import_keras, prepare_keras
from pipeline.params import PARAMS_FILE, PRESET_VARIABLE, Params, load_params, parse_yaml, read_preset
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.live import waiting
from pipeline.runtime.paths import PADDED_DATASET
from pipeline.runtime.source import git, makers, read_stages, upstream
from pipeline.training.vector_files import check_vectors


def run_stage(name: str, params: Params) -> None:
    """Runs one stage. For those that train or predict, the tracking store is asked before anything slow
    starts, and Keras' environment is set before anything imports it. ``train`` imports Keras itself, if it is
    to fit networks and not its workers.

    Raises:
        UserError: if a file is missing that an earlier stage makes; if an experiment sets what trials vary.
    """
    refuse_varied(params)
    check_vectors(params)
    require_outputs(name, *makers(name, read_stages()))
    with waiting(f"{name} starts"):
        if name in ("train", "evaluate"):
            from pipeline import tracking  # noqa: PLC0415 - download and pad start without MLflow

            client = tracking.connect(params)
            if params.evaluate.register_model and PADDED_DATASET.exists():
                from pipeline.registry import names, versions  # noqa: PLC0415

                versions.require_rights(client, names.registered_name(read_json(PADDED_DATASET)["name"]))
            prepare_keras()
        if name == "evaluate":
            import_keras()
        stage = importlib.import_module(f"pipeline.stages.{name}")
    stage.run(params)
    refuse_edited(name, params)


def require_outputs(command: str, *needed: str) -> None:
    """Raises UserError unless there is each output of the stages ``needed`` that a stage reads."""
    stages = read_stages()
    read = {dep for stage in stages.values() for dep in stage.deps}
    for name in needed:
        for path in stages[name].outs if name in stages else ():
            if path in read and not Path(path).exists():
                raise UserError(
                    f"{command} needs {path}, which is not there: run `dvc repro {name}` first, "
                    "or `dvc repro`, which runs whatever is due"
                )


def refuse_varied(params: Params) -> None:
    """Raises UserError if `dvc exp run -S` sets a value that the study then varies: another could win."""
    baseline = os.environ.get("DVC_EXP_BASELINE_REV")
    # "./": the project may be a folder of a larger repository.
    committed = git("show", f"{baseline}:./{PARAMS_FILE}") if baseline else ""
    if not committed or params.tune.trials == 1:
        return
    before, now = parse_yaml(committed, f"{PARAMS_FILE} of {baseline}"), params.flat()
    preset = os.environ.get(PRESET_VARIABLE)
    start = read_preset(preset) if preset else {}  # whose study is meant to begin there
    for key in params.tune.search_space:
        section, name = key.split(".")
        value = before.get(section, {}).get(name)
        if key in start and start[key] == now[key]:
            continue
        if (tuple(value) if isinstance(value, list) else value) != now[key]:
            raise UserError(
                f"{key} is {now[key]} in this experiment, but tune.search_space.{key} varies it, so that "
                f"another could win: hold it with -S '~tune.search_space.{key}' "
                f"(`python -m pipeline run --{key} {now[key]}` does), "
                "or commit params.yaml to start the study there"
            )


def refuse_edited(name: str, params: Params) -> None:
    """Raises UserError unless params.yaml still says what the stage ``name`` was started with: ``params``.

    A stage reads it once, at its start. DVC notes down what it says at the stage's end, so that the stage
    would count as run with values that it never saw; and evaluate's lineage would name such of train. Where a
    stage fails, DVC notes down nothing.
    """
    stages = read_stages()
    is_last = not any(name in makers(other, stages) for other in stages)
    names = [] if name not in stages else [name] if is_last else [*upstream(name, stages), name]
    read = {key for each in names for key in stages[each].params}
    before, now = (
        each.flat() | {"tune.search_space": each.tune.search_space} for each in (params, load_params())
    )
    for key, value in before.items():
        if now[key] != value and {key, key.partition(".")[0]} & read:
            raise UserError(
                f"params.yaml was edited while {name} ran: {key} was {value} when it started, and so is what "
                f"{name} made; now it is {now[key]}. Put {value} back and `dvc repro` goes on with that; "
                "else it runs the stage again"
            )
