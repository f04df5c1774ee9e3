"""One fit as the engine runs it, in this process or in a worker's: arrays in, the bytes of a network out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.params import Params
from pipeline.training.backend import select_backend

OnEpoch = Callable[[int, Mapping[str, float]], None]
Data = Mapping[str, np.ndarray]  # the arrays of each split under SPLIT.NAME, such as train.token_ids


@dataclass(frozen=True)
class Trained:
    """A fitted network as it travels and is kept.

    Attributes:
        network: the bytes of a .keras file, with the weights of ``best_epoch``.
        history: the metrics of each epoch, as ``fitting.Fitted.history``.
        best_epoch: the epoch (from 1) that was kept.
        implementation: how the recurrent layers were computed.
    """

    network: bytes
    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    implementation: str

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of the kept epoch."""
        return self.history[self.best_epoch - 1]


def fit(params: Params, seed: int, data: Data, on_epoch: OnEpoch) -> Trained:
    """Fits the network of ``params`` to the training reviews of ``data``; see ``fitting.fit``."""
    select_backend(params.train)
    from pipeline.training import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

    train, validation = (
        fitting.Split(data[f"{split}.token_ids"], data[f"{split}.labels"])
        for split in ("train", "validation")
    )
    fitted = fitting.fit(params, train, validation, seed, on_epoch)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        fitted.model.save(file)
        return Trained(file.read_bytes(), fitted.history, fitted.best_epoch, fitted.implementation)
