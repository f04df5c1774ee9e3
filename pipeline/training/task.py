"""One fit as the engine runs it, in this process or in a worker's: arrays in, the bytes of a network out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.networks.devices import import_keras
from pipeline.networks.ngrams import NgramVectors
from pipeline.networks.summary import summary_text
from pipeline.params import Params

if TYPE_CHECKING:
    import keras

# SPLIT.token_ids and SPLIT.labels of train, validation and, where there is a teacher, of unlabelled (whose
# labels are soft); ``vectors_name``, where the embedding starts from word vectors; ``ngrams_name`` and a
# field of ``NgramVectors``, where there are such; windows, where a language model is learnt first.
Data = Mapping[str, np.ndarray]


class Epoch(NamedTuple):
    """What a fit says while it runs: how far an epoch is, and its metrics once it has ended.

    Attributes:
        number: from 1; 0 is the language model that is learnt before.
        most: how many the fit has at most.
        share: of the epoch's reviews that were read, from 0 to 1.
        metrics: as a row of ``Trained.history``; none before the end.
    """

    number: int
    most: int
    share: float
    metrics: Mapping[str, float]

    @property
    def has_ended(self) -> bool:
        """Whether ``metrics`` are there."""
        return bool(self.metrics)


Listen = Callable[[Epoch], object]


@dataclass(frozen=True)
class Trained:
    """A fitted network.

    Attributes:
        network: with the weights of ``best_epoch``: the Keras model of ``fitting.fit``; as it travels and is
            kept, the bytes of its .keras file.
        history: one mapping an epoch: loss, accuracy, validation_loss, validation_accuracy,
            validation_balanced_accuracy, validation_f1, learning_rate, gradient_norm (the mean over the
            epoch's steps, before clipping); those of ``distill`` first. Losses count a review as
            ``train.class_weights`` says.
        best_epoch: the epoch (from 1) of the lowest validation loss; the last if ``train.patience`` is null.
        implementation: how the recurrent layers were computed: keras, fused or cudnn.
        seconds: wall time of the fit, compilation included.
        summary: Keras' table of the layers, of a network that is bytes.
    """

    network: Any
    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    implementation: str
    seconds: float = 0.0
    summary: str = ""

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of ``best_epoch``; its ``validation_accuracy`` is what models are selected by."""
        return self.history[self.best_epoch - 1]


def data_of(splits: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The token ids and labels of ``splits`` under the names of ``Data``."""
    names = ("token_ids", "labels")
    return {f"{split}.{name}": arrays[name] for split, arrays in splits.items() for name in names}


def vectors_name(params: Params) -> str:
    """The name in ``Data`` of the word vectors that ``params`` start from."""
    settings = params.vectors.model_dump(exclude={"ngrams"}) | {"embedding_dim": params.model.embedding_dim}
    return f"vectors {json.dumps(settings, sort_keys=True)}"


def ngrams_name(params: Params) -> str:
    """What the names in ``Data`` of the vectors of words and pairs begin with."""
    return f"ngrams {params.vectors.ngrams} {params.vectors.deviation} {params.model.step_words}"


def some_reviews(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` rows at random and the first of each label, so that none is missing: int64 (any,)."""
    order = np.random.default_rng(seed).permutation(len(labels))
    firsts = np.unique(labels[order], return_index=True)[1]
    return order[np.union1d(np.arange(count), firsts)]


def file_bytes(network: keras.Model) -> bytes:
    """What ``network`` is saved as."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        network.save(file)
        return file.read_bytes()


def network_of(saved: bytes) -> keras.Model:
    """The network that ``file_bytes`` has saved."""
    from pipeline.networks.stacked_rnn import load_network  # noqa: PLC0415 - Keras, in the processes that fit

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        file.write_bytes(saved)
        return load_network(file)


def fit(params: Params, seed: int, data: Data, listen: Listen) -> Trained:
    """Fits the network of ``params`` to the reviews of ``data``; see ``fitting.fit``.

    Where ``tune.epochs`` is given, the fit ends after so many epochs on the labels alone, of ``tune.reviews``
    training reviews.
    """
    import_keras()
    from pipeline.training import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

    names = [name for name in ("train", "validation", "unlabelled") if f"{name}.labels" in data]
    splits = {name: fitting.Split(data[f"{name}.token_ids"], data[f"{name}.labels"]) for name in names}
    if params.tune.epochs is not None:
        params = params.replace({"train.epochs": params.trial_epochs, "distill.epochs": 0})
        if params.tune.reviews and params.tune.reviews < len(splits["train"].labels):
            rows = some_reviews(splits["train"].labels, params.tune.reviews, params.seed)
            splits["train"] = fitting.Split(*(array[rows] for array in splits["train"]))
    vectors, windows, ngrams = data.get(vectors_name(params)), data.get("windows"), None
    if f"{ngrams_name(params)} words" in data:
        ngrams = NgramVectors(*(data[f"{ngrams_name(params)} {field}"] for field in NgramVectors._fields))
    train, validation, unlabelled = splits["train"], splits["validation"], splits.get("unlabelled")
    fitted = fitting.fit(params, train, validation, seed, listen, unlabelled, vectors, windows, ngrams)
    return replace(fitted, network=file_bytes(fitted.network), summary=summary_text(fitted.network))
