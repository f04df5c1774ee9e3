"""Fits one network: early stopping on the validation loss, best weights restored, every epoch reported."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from pipeline.models.stacked_rnn import build_stacked_rnn
from pipeline.params import Params

OnEpoch = Callable[[int, Mapping[str, float]], None]


class Split(NamedTuple):
    """Padded reviews: ``token_ids`` int32 (num_reviews, max_length), ``labels`` 0 or 1 (num_reviews,)."""

    token_ids: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """A fitted network.

    Attributes:
        model: with the weights of ``best_epoch``.
        history: one mapping an epoch: loss, accuracy, validation_loss, validation_accuracy, learning_rate.
        best_epoch: the epoch (from 1) of the lowest validation loss.
        seconds: wall time of the fit, compilation included.
        implementation: how the recurrent layers were computed.
    """

    model: keras.Model
    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    seconds: float
    implementation: str

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of ``best_epoch``; its ``validation_accuracy`` is what models are selected by."""
        return self.history[self.best_epoch - 1]


def fit(
    params: Params, train: Split, validation: Split, seed: int, on_epoch: OnEpoch | None = None
) -> Fitted:
    """Builds and fits the network of ``params``.

    Args:
        params: ``model``, ``train``, ``pretrain`` and ``pad.vocab_size`` are read.
        train: what the weights are fitted to.
        validation: what stops the fit and selects the epoch.
        seed: of the weights, the order of the reviews and the dropout masks; the run's only randomness.
        on_epoch: called after each epoch with its number (from 1) and metrics; what it raises ends the fit
            and reaches the caller.
    """
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    model = build_stacked_rnn(params.model, params.pad.vocab_size, train.token_ids.shape[1], seed)
    model.compile(
        keras.optimizers.Adam(params.train.learning_rate),
        "binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=True,
    )
    history: list[Mapping[str, float]] = []
    best_epoch, best_weights = 0, model.get_weights()
    for epoch in range(1, params.train.epochs + 1):
        logs = model.fit(
            train.token_ids, train.labels, batch_size=params.train.batch_size, shuffle=True, verbose=0
        ).history
        validation_loss, validation_accuracy = _evaluate(model, validation)
        metrics = {
            "loss": float(logs["loss"][0]),
            "accuracy": float(logs["accuracy"][0]),
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "learning_rate": float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
        }
        history.append(metrics)
        if on_epoch is not None:
            on_epoch(epoch, metrics)
        if best_epoch == 0 or validation_loss < history[best_epoch - 1]["validation_loss"]:
            best_epoch, best_weights = epoch, model.get_weights()
        elif params.train.patience is not None and epoch - best_epoch >= params.train.patience:
            break
    model.set_weights(best_weights)
    return Fitted(model, tuple(history), best_epoch, time.perf_counter() - started, "keras")


def predict(model: keras.Model, token_ids: np.ndarray, batch_size: int = 512) -> np.ndarray:
    """The probability that each review of ``token_ids``, int32 (num_reviews, timesteps), is positive.

    Returns:
        float32 (num_reviews,).
    """
    probabilities: Any = model.predict(token_ids, batch_size=batch_size, verbose=0)
    return np.asarray(probabilities, np.float32)[:, 0]


def _evaluate(model: keras.Model, split: Split) -> tuple[float, float]:
    """Mean binary cross-entropy and accuracy of ``model`` on ``split``, without dropout."""
    labels = np.asarray(split.labels, np.float64)
    probabilities = predict(model, split.token_ids).astype(np.float64).clip(1e-7, 1 - 1e-7)
    losses = -(labels * np.log(probabilities) + (1 - labels) * np.log1p(-probabilities))
    return float(losses.mean()), float(np.mean((probabilities > 0.5) == (labels > 0.5)))
