"""The fits of the depth study, and of the lesson beside it, as trials of a study."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from pydantic import TypeAdapter

from pipeline.networks.devices import import_keras, prepare_keras
from pipeline.params import Cell, DepthParams, Params, Skip, Value
from pipeline.reviews.splitting import SPLITS
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.tracking import PipelineRun, pipeline_run
from pipeline.training.task import Data, Listen
from pipeline.tuning.grid import Point, run_grid
from pipeline.tuning.progress import Progress
from pipeline.tuning.sampling import grid_space
from pipeline.tuning.study import Study, open_grid

# Which networks the study fits, and what makes their results comparable.

PLAIN, DROPOUT, CLIPPING = VARIANTS = ("plain", "dropout", "clipping")


class Fit(NamedTuple):
    """One network to fit; ``seed`` counts from 0 and is added to ``params.seed``."""

    cell: str
    depth: int
    skip: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """``lstm-4-residual-plain-seed0``: the name of its record and of its run."""
        return f"{self.cell}-{self.depth}-{self.skip}-{self.variant}-seed{self.seed}"

    def configure(self, params: Params) -> Params:
        """``params`` of this network: what the study sets, the rest as in the sections model and train.

        Raises:
            ParamsError: if the sections model and train can't be combined with it.
        """
        return params.replace({**settings(params.depth, self)}, source=f"depth study, {self.name}")


class FitToTheEnd(Fit):
    """Keeps its last epoch, so that scores and gradients are of the curves' right end."""

    def configure(self, params: Params) -> Params:
        return super().configure(params).replace({"train.patience": None})


def grid(study: DepthParams) -> list[Fit]:
    """All fits of the study, the costliest first so that the workers end together.

    Skips and variants are not combined: dropout and clipping are looked at without a skip.
    """
    kinds = [(skip, PLAIN) for skip in study.skips] + [("none", DROPOUT), ("none", CLIPPING)]
    fits = [
        Fit(cell, depth, skip, variant, seed)
        for skip, variant in kinds
        for cell in study.cells
        for depth in study.depths
        for seed in range(study.seeds)
    ]
    # Embedding and compilation take about as long as a layer.
    return sorted(fits, key=lambda fit: -(fit.depth + 1) * (1 if fit.cell == "simple_rnn" else 2))


# The stack of the textbooks, whose last state is all that the output sees: what else helps a network along
# would hide what its depth does.
_TEXTBOOK: dict[str, Value] = {
    "model.bidirectional": False,
    "model.output_dropout": None,
    "model.embedding_dropout": 0.0,
    "model.word_dropout": 0.0,
    "model.layer_pooling": "none",
    "model.pooling": "last",
    "model.masking": False,
    "train.average_decay": 0.0,
    "train.label_smoothing": 0.0,
}


def settings(study: DepthParams, fit: Fit) -> dict[str, Value]:
    """What the study sets of params.yaml."""
    return {
        "model.cell": fit.cell,
        "model.depth": fit.depth,
        "model.skip": fit.skip,
        "model.skip_projection": True,
        "model.units": study.units,
        "model.dropout": study.dropout if fit.variant == DROPOUT else 0.0,
        **_TEXTBOOK,
        "train.clipnorm": study.clipnorm if fit.variant == CLIPPING else None,
        "train.epochs": study.epochs,
        "train.batch_size": study.batch_size,
        "train.patience": study.epochs,  # never spent: curves of one length, and the best epoch is kept
        "tune.trials": 1,  # the search space, which these values need not fit, plays no part
    }


Matrix = tuple[tuple[float, ...], ...]  # (depth, timesteps)


@dataclass(frozen=True)
class Record:
    """What one fit gave, as plain values, so that it is kept with its trial.

    Attributes:
        fit: which network.
        parameters: how many weights it has above the embeddings, which are the same in every network.
        seconds: wall time of the fit, compilation included.
        best_epoch: the epoch (from 1) whose weights were kept, that of the lowest validation loss.
        curve: one mapping an epoch, as ``training.task.Trained.history``.
        scores: accuracy of the kept weights without dropout: train_, validation_ and test_accuracy.
        initial_gradients: the gradient's norm at each layer and time step, before training.
        trained_gradients: the same with the kept weights.
        probes: validation accuracy of a linear probe on the embeddings, then on each layer's states.
    """

    fit: Fit
    parameters: int
    seconds: float
    best_epoch: int
    curve: tuple[Mapping[str, float], ...]
    scores: Mapping[str, float]
    initial_gradients: Matrix
    trained_gradients: Matrix
    probes: tuple[float, ...]


Records = Mapping[Fit, Record]
AS_JSON: TypeAdapter[Record] = TypeAdapter(Record)  # writes a record as plain JSON values, and reads it back


def matrix(norms: np.ndarray) -> Matrix:
    """(depth, timesteps) as plain numbers of six digits."""
    return tuple(tuple(float(f"{norm:.6g}") for norm in row) for row in norms)


def last_words(token_ids: np.ndarray, tokens: int) -> np.ndarray:
    """The last ``tokens`` of each row, padding moved before its words: (num_reviews, at most tokens).

    The last step is then the last word, and a gradient's step its distance from it.

    >>> last_words(np.array([[1, 7, 0, 0], [1, 5, 4, 6]]), 3)
    array([[0, 1, 7],
           [5, 4, 6]])
    """
    order = np.argsort(token_ids != PAD_ID, axis=1, kind="stable")
    return np.take_along_axis(token_ids, order, axis=1)[:, -tokens:]


def measure(params: Params, fit: Fit, data: Data, listen: Listen) -> Record:
    """``fitting.run_fit`` as the engine runs it, in this process or in a worker's."""
    import_keras()
    # TensorFlow takes several networks in one process, a program each, for a mistake and says so at length.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from studies.depth import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

    splits = {name: fitting.Split(data[f"{name}.token_ids"], data[f"{name}.labels"]) for name in SPLITS}
    return fitting.run_fit(params, fit, splits, listen)


RUN_NAMES = {"depth": "depth study", "compare-cells": "cells side by side"}
MEASURING_MODULES = ("studies/depth/fitting.py", "studies/depth/fits.py")
# What says which networks there are, and not what one of them is.
_EXTENT = {"cells", "depths", "skips", "seeds", "workers"}
# What a fit may be, also in a later and larger study: its place among the trials.
SPACE = grid_space(cell=get_args(Cell), depth=(1, 99), skip=get_args(Skip), variant=VARIANTS, seed=(0, 10**6))


@contextmanager
def run_study(
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
        UserError: if a fit failed.
    """
    prepare_keras()
    described, name = identity(params, dataset) | extent, f"{command}-{dataset['name']}"
    study = open_grid(params, name, described, SPACE, MEASURING_MODULES)
    in_run = pipeline_run(params, command, ("model", "train", "depth"), study=study.name)
    with in_run as parent, Progress(parent, dataset["name"]) as progress:
        parent.set_tags({"mlflow.runName": RUN_NAMES[command], "dataset": dataset["name"]})
        yield parent, measure_all(study, fits, data, progress, command)


def identity(params: Params, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the record of a fit: the padded reviews and the parameters that all fits share.

    A study of more cells, depths, skips or seeds has the same and so keeps what is there.
    """
    set_by_study = settings(params.depth, Fit("gru", 1, "none", PLAIN, 0))
    decisive = params.flat("seed", "model", "train", "pretrain")
    shared = {key: value for key, value in decisive.items() if key not in set_by_study}
    return {"data": dataset["padded_digest"], "shared": shared | params.depth.model_dump(exclude=_EXTENT)}


def measure_all(
    study: Study, fits: Sequence[Fit], data: Data, progress: Progress, command: str
) -> dict[Fit, Record]:
    """The record of each of ``fits``, also of those that ``study`` lacks."""
    params, again = study.params, f"`make {command}`, or `python -m studies {command}`,"
    points = [Point(fit.name, fit._asdict(), (params, fit)) for fit in fits]
    found = run_grid(study, points, measure, _to_keep, params.depth.workers, data, progress, again)
    return {fit: AS_JSON.validate_python(record) for fit, record in zip(fits, found, strict=True)}


def _to_keep(record: Record) -> tuple[float, Any, Mapping[str, float]]:
    score = record.scores["validation_accuracy"]  # also the first that a line has room for
    counts = {"parameters": record.parameters, "best_epoch": record.best_epoch}
    metrics = {"validation_accuracy": score, **record.scores, **counts, "fit_seconds": record.seconds}
    return score, AS_JSON.dump_python(record, mode="json"), metrics
