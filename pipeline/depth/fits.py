"""The fits of the depth study, and of the lesson beside it, as trials of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

from pipeline import tuning
from pipeline.depth.grid import PLAIN, VARIANTS, Fit, settings
from pipeline.depth.records import AS_JSON, Record
from pipeline.depth.task import measure
from pipeline.params import Cell, Params, Skip
from pipeline.runtime.errors import UserError
from pipeline.tracking import PipelineRun, TrialRuns, pipeline_run
from pipeline.training.backend import choose_backend
from pipeline.training.task import Data
from pipeline.tuning.progress import Progress

RUN_NAMES = {"depth": "depth study", "compare-cells": "cells side by side"}
MEASURING_MODULES = tuple(f"depth/{name}.py" for name in ("fitting", "gradients", "grid", "probes", "task"))
# What says which networks there are, and not what one of them is.
_EXTENT = {"cells", "depths", "skips", "seeds", "workers"}
# What a fit may be, also in a later and larger study: its place among the trials.
SPACE: tuning.SearchSpace = tuning.grid_space(
    cell=get_args(Cell), depth=(1, 99), skip=get_args(Skip), variant=VARIANTS, seed=(0, 10**6)
)


@contextmanager
def studied(
    command: Literal["depth", "compare-cells"],
    params: Params,
    dataset: Mapping[str, Any],
    fits: Sequence[Fit],
    data: Data,
    **extent: int,
) -> Iterator[tuple[PipelineRun, dict[Fit, Record]]]:
    """Fits what the command's study lacks; yields the run that it is logged to, and the record of each fit.

    Args:
        command: whose study it is.
        params: of all fits; see ``Fit.configure``.
        dataset: data/padded/dataset.json.
        fits: which networks.
        data: their reviews.
        extent: what else decides a record.

    Raises:
        InterruptedError: after Ctrl-C; finished fits are kept, and the next run goes on with the rest.
        UserError: if the backend isn't the one that gradients are taken with, or a fit failed.
    """
    if params.train.backend != "tensorflow":
        raise UserError(
            f"train.backend is {params.train.backend}, but {command} takes its gradients with tensorflow: "
            "set train.backend to tensorflow"
        )
    choose_backend(params.train)
    described, name = identity(params, dataset) | extent, f"{command}-{dataset['name']}"
    study = tuning.open_grid(params, name, described, SPACE, MEASURING_MODULES)
    in_run = pipeline_run(params, command, study=study.name)
    with in_run as parent, TrialRuns(parent, dataset) as trial_runs:
        parent.set_tags({"mlflow.runName": RUN_NAMES[command], "dataset": dataset["name"]})
        yield parent, measured(study, fits, data, Progress(params.depth.epochs, trial_runs), command)


def identity(params: Params, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the record of a fit: the padded reviews and the parameters that all fits share.

    A study of more cells, depths, skips or seeds has the same and so keeps what is there.
    """
    set_by_study = settings(params.depth, Fit("gru", 1, "none", PLAIN, 0))
    decisive = params.flat("seed", "model", "train", "pretrain")
    shared = {key: value for key, value in decisive.items() if key not in set_by_study}
    return {"data": dataset["padded_digest"], "shared": shared | params.depth.model_dump(exclude=_EXTENT)}


def measured(
    study: tuning.Study,
    fits: Sequence[Fit],
    data: Data,
    observer: tuning.Observer,
    command: str,
    function: Callable[..., Record] = measure,
) -> dict[Fit, Record]:
    """The record of each of ``fits``; ``function`` makes those that ``study`` lacks."""
    params, again = study.params, f"`make {command}`, or `python -m pipeline {command}`,"
    points = [tuning.Point(fit.name, fit._asdict(), (params, fit)) for fit in fits]
    asked = tuning.Grid(points, function, params.depth.epochs, _kept, data, params.depth.workers, again)
    found = tuning.run_grid(study, asked, observer)
    return {fit: AS_JSON.validate_python(record) for fit, record in zip(fits, found, strict=True)}


def _kept(record: Record) -> tuning.Result:
    score = record.scores["validation_accuracy"]  # also the first that a line has room for
    counts = {"parameters": record.parameters, "best_epoch": record.best_epoch}
    metrics = {"validation_accuracy": score, **record.scores, **counts, "fit_seconds": record.seconds}
    return tuning.Result(score, {tuning.RECORD: AS_JSON.dump_python(record, mode="json")}, metrics)
