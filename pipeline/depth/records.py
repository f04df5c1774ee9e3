"""The result of one fit, kept as a file of its own, so that an interrupted study loses no finished fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline.depth.grid import Fit
from pipeline.runtime.files import read_json, write_json
from pipeline.runtime.paths import project_folder

Matrix = tuple[tuple[float, ...], ...]  # (depth, timesteps)


@dataclass(frozen=True)
class Record:
    """What one fit gave.

    Attributes:
        fit: which network.
        parameters: how many weights it has above the embeddings, which are the same in every network.
        seconds: wall time of the fit, compilation included.
        best_epoch: the epoch (from 1) whose weights were kept, that of the lowest validation loss.
        curve: one mapping an epoch, as ``training.Fitted.history``.
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


def matrix(norms: np.ndarray) -> Matrix:
    """(depth, timesteps) as plain numbers of six digits."""
    return tuple(tuple(float(f"{norm:.6g}") for norm in row) for row in norms)


def records_folder(study: str) -> Path:
    """Where the records of ``study`` lie; in the project's folder, wherever DVC runs the study."""
    return project_folder() / "studies" / "depth" / study


def record_file(folder: Path, fit: Fit) -> Path:
    """Where the record of ``fit`` lies."""
    return folder / f"{fit.name}.json"


def write_record(folder: Path, record: Record) -> None:
    """Writes one record, whole or not at all."""
    write_json(record_file(folder, record.fit), asdict(record) | {"fit": record.fit._asdict()})


def read_records(folder: Path, fits: Iterable[Fit]) -> dict[Fit, Record]:
    """The records of those of ``fits`` that are finished."""
    return {fit: _read(record_file(folder, fit)) for fit in fits if record_file(folder, fit).exists()}


def _read(file: Path) -> Record:
    values = read_json(file)
    for key in ("initial_gradients", "trained_gradients"):
        values[key] = tuple(map(tuple, values[key]))
    for key in ("curve", "probes"):
        values[key] = tuple(values[key])
    return Record(**values | {"fit": Fit(**values["fit"])})
