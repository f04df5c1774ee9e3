"""One fit as the engine runs it, in this process or in a worker's: arrays in, the bytes of a network out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.networks import devices
from pipeline.networks.devices import import_keras
from pipeline.params import Params
from pipeline.training.epoch import Listen

# SPLIT.token_ids and SPLIT.labels of train, validation and, where there is a teacher, of unlabelled (whose
# labels are soft); ``vectors_name``, where the embedding starts from word vectors; windows, where a language
# model is learnt first.
Data = Mapping[str, np.ndarray]
Calibration = dict[str, float | list[float]]


@dataclass(frozen=True)
class Trained:
    """A fitted network as it travels and is kept.

    Attributes:
        network: the bytes of a .keras file, with the weights of ``best_epoch``.
        history: the metrics of each epoch, as ``fitting.Fitted.history``.
        best_epoch: the epoch (from 1) that was kept.
        implementation: how the recurrent layers were computed.
        summary: Keras' table of its layers.
    """

    network: bytes
    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    implementation: str
    summary: str = ""

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of the kept epoch."""
        return self.history[self.best_epoch - 1]


def data_of(splits: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The token ids and labels of ``splits`` under the names of ``Data``."""
    names = ("token_ids", "labels")
    return {f"{split}.{name}": arrays[name] for split, arrays in splits.items() for name in names}


def vectors_name(params: Params) -> str:
    """The name in ``Data`` of the word vectors that ``params`` start from."""
    settings = params.vectors.model_dump() | {"embedding_dim": params.model.embedding_dim}
    return f"vectors {json.dumps(settings, sort_keys=True)}"


def num_epochs(params: Params, data: Data) -> int:
    """How many epochs ``fit`` has at most: soft labels are learnt only where there are unlabelled reviews."""
    if params.tune.epochs is not None:
        return params.trial_epochs
    if params.distill.epochs and "unlabelled.labels" in data:
        return params.distill.epochs + params.distill.label_epochs
    return params.train.num_epochs


def fit(params: Params, seed: int, data: Data, listen: Listen) -> Trained:
    """Fits the network of ``params`` to the reviews of ``data``; see ``fitting.fit``.

    Where ``tune.epochs`` is given, the fit ends after so many epochs on the labels alone.
    """
    import_keras()
    from pipeline.training import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

    if params.tune.epochs is not None:
        params = params.replace({"train.epochs": params.trial_epochs, "distill.epochs": 0})
    train, validation = (
        fitting.Split(data[f"{split}.token_ids"], data[f"{split}.labels"])
        for split in ("train", "validation")
    )
    unlabelled = None
    if "unlabelled.labels" in data:
        unlabelled = fitting.Split(data["unlabelled.token_ids"], data["unlabelled.labels"])
    vectors, windows = data.get(vectors_name(params)), data.get("windows")
    fitted = fitting.fit(params, train, validation, seed, listen, unlabelled, vectors, windows)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        fitted.model.save(file)
        network = file.read_bytes()
    return Trained(network, fitted.history, fitted.best_epoch, fitted.implementation, fitted.summary)


def deliver(network: bytes, params: Params, data: Data, _listen: Listen) -> tuple[bytes, Calibration]:
    """The .keras file of ``network``, calibrated on the validation reviews; see ``delivery.deliver``."""
    import_keras()
    from pipeline.training import delivery  # noqa: PLC0415 - imports Keras

    reviews = delivery.Split(data["validation.token_ids"], data["validation.labels"])
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fitted.keras", Path(folder) / "delivered.keras"
        source.write_bytes(network)
        calibration = delivery.deliver(source, params, reviews, target)
        return target.read_bytes(), calibration


def describe_device(_data: Data, _listen: Listen) -> str:
    """See ``devices.describe_device``."""
    import_keras()
    return devices.describe_device()
