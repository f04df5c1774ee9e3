"""Fits one network: soft labels, then labels; early stopping keeps the epoch of least validation loss."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from pipeline.evaluation.metrics import weights_of
from pipeline.evaluation.probabilities import number_of_labels, targets_of
from pipeline.networks.fused import choose_implementation
from pipeline.networks.ngrams import NgramVectors
from pipeline.networks.stacked_rnn import build_stacked_rnn, with_word_dropout
from pipeline.params import ModelParams, Params, TrainParams
from pipeline.training.batches import shuffled_batches
from pipeline.training.compiled import (
    Average,
    Rows,
    RunBatches,
    Split,
    Totals,
    compile_prediction,
    compile_training,
    label_objective,
    scores_on,
)
from pipeline.training.pretraining import language_model, word_objective
from pipeline.training.task import Epoch, Listen, Trained

SHARE_SECONDS = 2.0  # between two messages within an epoch


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from zero over the warm-up, then stays, or falls to zero by the last step.

    Args:
        peak: the rate after the warm-up.
        decay: constant, linear, or cosine (Loshchilov & Hutter, 2017, without restarts).
        steps: of the whole fit, the warm-up's included.
        warmup: share of the steps over which the rate rises.
    """

    def __init__(self, peak: float, decay: str, steps: int, warmup: float) -> None:
        self.peak, self.decay, self.steps, self.warmup = peak, decay, steps, warmup

    def __call__(self, step: Any) -> Any:
        rising = self.warmup * self.steps
        step = ops.cast(step, "float32")
        past = ops.clip((step - rising) / max(self.steps - rising, 1.0), 0.0, 1.0)
        match self.decay:
            case "linear":
                rate = self.peak * (1 - past)
            case "cosine":
                rate = self.peak * 0.5 * (1 + ops.cos(math.pi * past))
            case _:
                rate = self.peak + 0 * past
        return rate * ops.minimum(1.0, (step + 1) / rising) if rising >= 1 else rate


def build_optimizer(
    train: TrainParams, steps: int, learning_rate: float | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer of ``train`` for a fit of ``steps`` steps, at ``learning_rate`` if one is given."""
    rate: Any = train.learning_rate if learning_rate is None else learning_rate
    if train.schedule != "constant" or train.warmup:
        rate = LearningRate(rate, train.schedule, steps, train.warmup)
    clip = {"global_clipnorm": train.clipnorm}
    match train.optimizer:
        case "adamw":
            return keras.optimizers.AdamW(rate, weight_decay=train.weight_decay, beta_2=train.beta_2, **clip)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, **clip)
        case _:
            return keras.optimizers.Adam(rate, beta_2=train.beta_2, **clip)


def fit(
    params: Params,
    train: Split,
    validation: Split,
    seed: int,
    listen: Listen = lambda _epoch: None,
    unlabelled: Split | None = None,
    vectors: np.ndarray | None = None,
    windows: np.ndarray | None = None,
    ngrams: NgramVectors | None = None,
) -> Trained:
    """Builds and fits the network of ``params``; on one machine one seed gives one result, digit for digit.

    Args:
        params: ``model``, ``train``, ``pretrain``, ``distill`` and ``pad.vocab_size`` are read.
        train: what the weights are fitted to.
        validation: what stops the fit and selects the epoch, if ``train.patience`` says so.
        seed: of the weights, the order of the reviews and the dropout masks; the run's only randomness.
        listen: told how far an epoch is every few seconds, and its metrics when it has ended; what it raises
            ends the fit and reaches the caller.
        unlabelled: reviews with a teacher's soft labels, for ``distill.epochs``; then the labels alone are
            learnt as ``distill`` says, else as ``train`` says.
        vectors: float32 (vocab_size, embedding_dim), what the embedding starts from; a row of zeros starts
            at random.
        windows: int32 (num_windows, timesteps), whole reviews in pieces, which ``pretrain.epochs`` reads.
        ngrams: vectors that the network reads beside those that it learns, and never changes.

    Raises:
        ValueError: if ``train.implementation`` can't run on this machine.
    """
    started = time.perf_counter()
    params = params.resolve(*train.token_ids.shape)
    keras.backend.clear_session()  # a study fits many networks in one process
    num_labels = number_of_labels(train.labels)
    class_weights = weights_of(params.train.class_weights, train.labels, num_labels)
    fitting = Fitting(params, seed, num_labels, validation, listen, class_weights, ngrams)
    train = Split(train.token_ids, targets_of(train.labels, num_labels))
    if vectors is not None:
        embeddings = fitting.network.get_layer("embedding").embeddings
        known = vectors.any(axis=1, keepdims=True)
        embeddings.assign(np.where(known, vectors, ops.convert_to_numpy(embeddings)))
    epochs, learning_rate = params.train.num_epochs, params.train.learning_rate
    soft_epochs = params.distill.epochs if unlabelled is not None else 0
    if soft_epochs:
        epochs, learning_rate = params.distill.label_epochs, params.distill.label_learning_rate
    fitting.most_epochs = soft_epochs + epochs
    if params.pretrain.epochs and windows is not None:
        fitting.pretrain(windows)
    if soft_epochs and unlabelled is not None:
        soft = Split(unlabelled.token_ids, targets_of(unlabelled.labels, num_labels))
        # With less dropout: Hinton et al. (2015). Words are dropped as before.
        rates = {
            name: getattr(params.model, name) for name in ("dropout", "output_dropout", "embedding_dropout")
        }
        scaled = {name: rate and rate * params.distill.dropout_scale for name, rate in rates.items()}
        model = params.model.model_copy(update=scaled)
        fitting.learn([train, soft], soft_epochs, params.distill.learning_rate, model)
        gc.collect()  # programs hold the reviews and the optimizer, and themselves in a circle
    fitting.learn(
        [train], epochs, learning_rate, params.model, params.train.label_smoothing, params.train.stop_after
    )
    for variable, value in zip(fitting.network.trainable_variables, fitting.best_weights, strict=True):
        variable.assign(value)
    return Trained(
        fitting.network,
        tuple(fitting.history),
        fitting.best_epoch,
        fitting.implementation.kind,
        time.perf_counter() - started,
    )


class Fitting:
    """One network on its way: the passes over reviews that change it, and the best it has been."""

    def __init__(
        self,
        params: Params,
        seed: int,
        num_labels: int,
        validation: Split,
        listen: Listen = lambda _epoch: None,
        class_weights: np.ndarray | None = None,
        ngrams: NgramVectors | None = None,
    ) -> None:
        self.params, self.seed, self.validation, self.listen = params, seed, validation, listen
        self.num_labels, self.class_weights, self.ngrams = num_labels, class_weights, ngrams
        self.network = self._build(params.model)
        self.implementation = choose_implementation(params.model, params.train)
        self.random = np.random.default_rng(seed)
        self.history: list[Mapping[str, float]] = []
        self.best_epoch, self.best_weights, self.most_epochs = 0, _weights(self.network), 0

    def _build(self, model: ModelParams) -> keras.Model:
        vocab_size, max_length = self.params.pad.vocab_size, self.validation.token_ids.shape[1]
        return build_stacked_rnn(model, vocab_size, max_length, self.seed, self.num_labels, self.ngrams)

    def pretrain(self, windows: np.ndarray) -> Totals:
        """Teaches recurrent layers to tell the words that follow; returns the last epoch's totals."""
        settings = self.params.pretrain
        words = language_model(self.network, settings.samples, int(self.random.integers(2**31)))
        rows = Rows.of([Split(windows, np.zeros(len(windows)))], masked=self.params.model.masking)
        steps = rows.steps(self.params.train.rows) * settings.epochs
        run = compile_training(
            self.implementation.apply(words),
            words.trainable_variables,
            build_optimizer(self.params.train, steps, settings.learning_rate),
            word_objective,
            rows.token_ids,
            rows.labels,
            xla=self.implementation.xla,
        )
        for done in range(settings.epochs):
            totals = self._pass(run, rows, 0, done, settings.epochs)
        return totals

    def learn(
        self,
        reviews: Sequence[Split],
        epochs: int,
        learning_rate: float,
        model: ModelParams,
        smoothing: float = 0.0,
        patience: int | None = None,
    ) -> None:
        """Trains on ``reviews`` with the dropout of ``model``, and judges each epoch's network, or average.

        It ends once ``patience`` of these epochs in turn weren't the best. Without a ``patience`` the last
        epoch is the one to keep.
        """
        rows, batch_size = Rows.of(reviews, masked=self.params.model.masking), self.params.train.rows
        steps = rows.steps(batch_size)
        optimizer = build_optimizer(self.params.train, steps * epochs, learning_rate)
        # Where the network is an average, or has other dropout, what is trained is a copy of it.
        decay, trained = self.params.train.average_decay, self.network
        if decay or model != self.params.model:
            trained = self._build(model)
            _copy(self.network.trainable_variables, trained)
        variables = trained.trainable_variables
        average = Average.of(variables, decay) if decay else None
        run = compile_training(
            with_word_dropout(self.implementation.apply(trained), self.params.model.word_dropout, self.seed),
            variables,
            optimizer,
            label_objective(smoothing, self.class_weights),
            rows.token_ids,
            rows.labels,
            self.implementation.shards(batch_size),
            self.implementation.xla,
            average,
        )
        predict = compile_prediction(self.network, self.implementation)
        first = len(self.history)
        for epoch in range(first + 1, first + epochs + 1):
            totals = self._pass(run, rows, epoch)
            _copy(average.values if average else variables, self.network)
            metrics = {
                "loss": totals.loss / len(rows.labels),
                "accuracy": totals.hits / len(rows.labels),
                **scores_on(predict, self.validation, self.class_weights),
                "learning_rate": float(optimizer.learning_rate),
                "gradient_norm": totals.gradient_norm / steps,
            }
            best = self.history[self.best_epoch - 1]["validation_loss"] if self.best_epoch else math.inf
            self.history.append(metrics)
            self.listen(Epoch(epoch, self.most_epochs, 1.0, metrics))
            if patience is None or self.best_epoch == 0 or metrics["validation_loss"] < best:
                self.best_epoch, self.best_weights = epoch, _weights(self.network)
            elif epoch - max(self.best_epoch, first) >= patience:
                break

    def _pass(self, run: RunBatches, rows: Rows, epoch: int, done: int = 0, passes: int = 1) -> Totals:
        """One pass over the reviews in a random order; an epoch may be of several, of which ``done`` are."""
        totals, read, said = Totals(0.0, 0.0, 0.0), 0, time.monotonic()
        (count, timesteps), batch_size = rows.token_ids.shape, self.params.train.rows
        for batches in shuffled_batches(rows.lengths, count, timesteps, batch_size, self.random):
            totals += run(batches)
            read += batches.steps * batch_size
            if time.monotonic() - said >= SHARE_SECONDS:
                said = time.monotonic()
                share = (done + min(read / count, 1.0)) / passes
                self.listen(Epoch(epoch, self.most_epochs, share, {}))
        return totals


def _copy(values: list[keras.Variable], target: keras.Model) -> None:
    """Gives ``target`` the weights of a network of the same layers."""
    for variable, value in zip(target.trainable_variables, values, strict=True):
        if variable is not value:
            variable.assign(value.value)


def _weights(network: keras.Model) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable) for variable in network.trainable_variables]
