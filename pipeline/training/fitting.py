"""Fits one network: early stopping on the validation loss, best weights restored, every epoch reported."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from pipeline.networks.implementation import Implementation, choose_implementation
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import Params, TrainParams
from pipeline.training.compiled import (
    Batches,
    RunBatches,
    Totals,
    compile_prediction,
    compile_training,
    label_objective,
)
from pipeline.training.pretraining import language_model, next_word_objective

OnEpoch = Callable[[int, Mapping[str, float]], None]
STEPS_A_CALL = 64  # long enough to hide a call's cost, short enough to interrupt
PREDICTION_BATCH = 256


class Split(NamedTuple):
    """Padded reviews: ``token_ids`` int32 (num_reviews, max_length), ``labels`` 0 or 1 (num_reviews,)."""

    token_ids: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """A fitted network.

    Attributes:
        model: with the weights of ``best_epoch``.
        history: one mapping an epoch: loss, accuracy, validation_loss, validation_accuracy, learning_rate,
            gradient_norm (the mean over the epoch's steps, before clipping).
        best_epoch: the epoch (from 1) of the lowest validation loss.
        seconds: wall time of the fit, compilation included.
        implementation: how the recurrent layers were computed: keras, fused or cudnn, and on what.
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
    """Builds and fits the network of ``params``; on one machine one seed gives one result, digit for digit.

    Args:
        params: ``model``, ``train``, ``pretrain`` and ``pad.vocab_size`` are read.
        train: what the weights are fitted to.
        validation: what stops the fit and selects the epoch.
        seed: of the weights, the order of the reviews and the dropout masks; the run's only randomness.
        on_epoch: called after each epoch with its number (from 1) and metrics; what it raises ends the fit
            and reaches the caller.

    Raises:
        ValueError: if ``train.implementation`` can't run on this machine.
    """
    started = time.perf_counter()
    keras.backend.clear_session()  # a study fits many networks in one process
    model = build_stacked_rnn(params.model, params.pad.vocab_size, train.token_ids.shape[1], seed)
    implementation = choose_implementation(params.model, params.train)
    random = np.random.default_rng(seed)
    if params.pretrain.epochs:
        _pretrain(params, model, implementation, train, random)

    optimizer = build_optimizer(params.train, _steps(train, params.train) * params.train.epochs)
    computed = implementation.apply(model)
    run = compile_training(
        computed,
        model.trainable_variables,
        optimizer,
        label_objective,
        train.token_ids,
        train.labels,
        implementation.shards(params.train.batch_size),
        implementation.xla,
    )
    predict_batch = compile_prediction(computed, implementation.xla)
    history: list[Mapping[str, float]] = []
    best_epoch, best_weights = 0, model.get_weights()
    for epoch in range(1, params.train.epochs + 1):
        totals = _run_epoch(run, train, params.train.batch_size, random)
        validation_loss, validation_accuracy = _evaluate(predict_batch, validation)
        metrics = {
            "loss": totals.loss / len(train.labels),
            "accuracy": totals.hits / len(train.labels),
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "learning_rate": float(optimizer.learning_rate),
            "gradient_norm": totals.gradient_norm / _steps(train, params.train),
        }
        history.append(metrics)
        if on_epoch is not None:
            on_epoch(epoch, metrics)
        if best_epoch == 0 or validation_loss < history[best_epoch - 1]["validation_loss"]:
            best_epoch, best_weights = epoch, model.get_weights()
        elif params.train.patience is not None and epoch - best_epoch >= params.train.patience:
            break
    model.set_weights(best_weights)
    return Fitted(model, tuple(history), best_epoch, time.perf_counter() - started, implementation.name)


def predict(model: keras.Model, token_ids: np.ndarray, batch_size: int = PREDICTION_BATCH) -> np.ndarray:
    """The probability that each review of ``token_ids``, int32 (num_reviews, timesteps), is positive.

    Returns:
        float32 (num_reviews,).
    """
    return _predict(compile_prediction(model), token_ids, batch_size)


def build_optimizer(train: TrainParams, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of ``train``, its learning rate following the schedule over ``steps`` steps to zero."""
    rate: float | keras.optimizers.schedules.LearningRateSchedule = train.learning_rate
    if train.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(train.learning_rate, steps)
    elif train.schedule == "linear":
        rate = keras.optimizers.schedules.PolynomialDecay(train.learning_rate, steps, 0.0)
    match train.optimizer:
        case "adamw":
            return keras.optimizers.AdamW(
                rate, weight_decay=train.weight_decay, global_clipnorm=train.clipnorm
            )
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, global_clipnorm=train.clipnorm)
        case _:
            return keras.optimizers.Adam(rate, global_clipnorm=train.clipnorm)


def _pretrain(
    params: Params,
    model: keras.Model,
    implementation: Implementation,
    train: Split,
    random: np.random.Generator,
) -> Totals:
    """Teaches the stack of ``model`` to predict the next word; returns the last epoch's totals."""
    words = language_model(model, params.pad.vocab_size, int(random.integers(2**31)))
    run = compile_training(
        implementation.apply(words),
        words.trainable_variables,
        build_optimizer(params.train, _steps(train, params.train) * params.pretrain.epochs),
        next_word_objective,
        train.token_ids,
        train.labels,
        xla=implementation.xla,
    )
    for _ in range(params.pretrain.epochs):
        totals = _run_epoch(run, train, params.train.batch_size, random)
    return totals


def _steps(split: Split, train: TrainParams) -> int:
    return math.ceil(len(split.labels) / train.batch_size)


def _run_epoch(run: RunBatches, split: Split, batch_size: int, random: np.random.Generator) -> Totals:
    """One pass over the reviews in a random order."""
    totals = Totals(0.0, 0.0, 0.0)
    for batches in _batches(random.permutation(len(split.labels)), batch_size):
        totals += run(batches)
    return totals


def _batches(order: np.ndarray, batch_size: int) -> Iterator[Batches]:
    """Cuts ``order`` into batches and these into calls of one shape, filled up with rows of weight 0."""
    call = batch_size * STEPS_A_CALL
    for start in range(0, len(order), call):
        part = order[start : start + call]
        rows, weights = np.zeros(call, np.int32), np.zeros(call, np.float32)
        rows[: len(part)], weights[: len(part)] = part, 1
        shape = (STEPS_A_CALL, batch_size)
        yield Batches(rows.reshape(shape), weights.reshape(shape), math.ceil(len(part) / batch_size))


def _predict(
    predict_batch: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray, batch_size: int
) -> np.ndarray:
    """Probabilities, float32 (num_reviews,); every batch has one shape, so one program is compiled."""
    count = len(token_ids)
    padded = np.zeros((math.ceil(count / batch_size) * batch_size, token_ids.shape[1]), np.int32)
    padded[:count] = token_ids
    parts = [predict_batch(padded[at : at + batch_size])[:, 0] for at in range(0, len(padded), batch_size)]
    return np.concatenate(parts)[:count] if parts else np.zeros(0, np.float32)


def _evaluate(predict_batch: Callable[[np.ndarray], np.ndarray], split: Split) -> tuple[float, float]:
    """Mean binary cross-entropy and accuracy on ``split``."""
    labels = np.asarray(split.labels, np.float64)
    probabilities = _predict(predict_batch, split.token_ids, PREDICTION_BATCH).astype(np.float64)
    probabilities = probabilities.clip(1e-7, 1 - 1e-7)
    losses = -(labels * np.log(probabilities) + (1 - labels) * np.log1p(-probabilities))
    return float(losses.mean()), float(np.mean((probabilities > 0.5) == (labels > 0.5)))
