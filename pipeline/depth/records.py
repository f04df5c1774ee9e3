"""The result of one fit, as plain values, so that it is kept with its trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter

from pipeline.depth.grid import Fit

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
AS_JSON: TypeAdapter[Record] = TypeAdapter(Record)  # writes a record as plain JSON values, and reads it back


def matrix(norms: np.ndarray) -> Matrix:
    """(depth, timesteps) as plain numbers of six digits."""
    return tuple(tuple(float(f"{norm:.6g}") for norm in row) for row in norms)
