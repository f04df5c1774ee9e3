"""Fits one network: soft labels, then labels; early stopping keeps the epoch of least validation loss."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from pipeline.evaluation.metrics import weights_of
from pipeline.evaluation.probabilities import number_of_labels, targets_of
from pipeline.networks.fused import Implementation, choose_implementation
from pipeline.networks.ngrams import NgramVectors
from pipeline.networks.stacked_rnn import build_stacked_rnn, summary_text, with_word_dropout
from pipeline.params import ModelParams, Params, TrainParams
from pipeline.training.batches import shuffled_batches
from pipeline.training.compiled import (
    Average,
    Predict,
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
from pipeline.training.task import Epoch, Listen

# The optimizer of section ``train`` and the course of its learning rate.

Decay = Literal["constant", "cosine", "linear"]


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from zero over the warm-up, then stays, or falls to zero by the last step.

    Args:
        peak: the rate after the warm-up.
        decay: constant, linear, or cosine (Loshchilov & Hutter, 2017, without restarts).
        steps: of the whole fit, the warm-up's included.
        warmup: share of the steps over which the rate rises.
    """

    def __init__(self, peak: float, decay: Decay, steps: int, warmup: float) -> None:
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

    def get_config(self) -> dict[str, Any]:
        """What a schedule like this one is made from."""
        return {"peak": self.peak, "decay": self.decay, "steps": self.steps, "warmup": self.warmup}


def build_optimizer(
    train: TrainParams, steps: int, learning_rate: float | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer of ``train`` for a fit of ``steps`` steps, at ``learning_rate`` if one is given."""
    peak = train.learning_rate if learning_rate is None else learning_rate
    rate: float | LearningRate = peak
    if train.schedule != "constant" or train.warmup:
        rate = LearningRate(peak, train.schedule, steps, train.warmup)
    match train.optimizer:
        case "adamw":
            return keras.optimizers.AdamW(
                rate, weight_decay=train.weight_decay, beta_2=train.beta_2, global_clipnorm=train.clipnorm
            )
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, global_clipnorm=train.clipnorm)
        case _:
            return keras.optimizers.Adam(rate, beta_2=train.beta_2, global_clipnorm=train.clipnorm)


# Weights that go from one network, or from word vectors, to another.


def average_of(variables: list[keras.Variable], decay: float) -> Average | None:
    """An average that starts at the variables' values; none for a decay of 0."""
    if not decay:
        return None
    # As numbers: Keras would share the storage of a variable that it is given.
    starts = [keras.ops.convert_to_numpy(variable) for variable in variables]
    return Average([keras.Variable(start, trainable=False) for start in starts], decay)


def copy_weights(values: list[keras.Variable], target: keras.Model) -> None:
    """Gives ``target`` the weights of a network of the same layers."""
    for variable, value in zip(target.trainable_variables, values, strict=True):
        if variable is not value:
            variable.assign(value.value)


def start_embedding(model: keras.Model, vectors: np.ndarray) -> None:
    """Gives the embedding the rows of ``vectors`` that aren't all zero."""
    embeddings = model.get_layer("embedding").embeddings
    known = vectors.any(axis=1, keepdims=True)
    embeddings.assign(np.where(known, vectors, keras.ops.convert_to_numpy(embeddings)))


SHARE_SECONDS = 2.0  # between two messages within an epoch


@dataclass(frozen=True)
class Fitted:
    """A fitted network.

    Attributes:
        model: with the weights of ``best_epoch``.
        history: one mapping an epoch: loss, accuracy, validation_loss, validation_accuracy,
            validation_balanced_accuracy, validation_f1, learning_rate, gradient_norm (the mean over the
            epoch's steps, before clipping); those of ``distill`` first. Losses count a review as
            ``train.class_weights`` says.
        best_epoch: the epoch (from 1) of the lowest validation loss; the last if ``train.patience`` is null.
        seconds: wall time of the fit, compilation included.
        implementation: how the recurrent layers were computed: keras, fused or cudnn.
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

    @property
    def summary(self) -> str:
        """Keras' table of the layers."""
        return summary_text(self.model)


def fit(
    params: Params,
    train: Split,
    validation: Split,
    seed: int,
    listen: Listen | None = None,
    unlabelled: Split | None = None,
    vectors: np.ndarray | None = None,
    windows: np.ndarray | None = None,
    ngrams: NgramVectors | None = None,
) -> Fitted:
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
    params = params.resolved(*train.token_ids.shape)
    keras.backend.clear_session()  # a study fits many networks in one process
    num_labels = number_of_labels(train.labels)
    weights = weights_of(params.train.class_weights, train.labels, num_labels)
    fitting = _Fitting(params, seed, num_labels, validation, listen, weights, ngrams)
    train = Split(train.token_ids, targets_of(train.labels, num_labels))
    if vectors is not None:
        start_embedding(fitting.model, vectors)
    if params.pretrain.epochs and windows is not None:
        fitting.pretrain(windows)
    if params.distill.epochs and unlabelled is not None:
        unlabelled = Split(unlabelled.token_ids, targets_of(unlabelled.labels, num_labels))
        both = Split(*(np.concatenate(pair) for pair in zip(train, unlabelled, strict=True)))
        fitting.distill(both)
        fitting.learn_labels(train, params.distill.label_epochs, params.distill.label_learning_rate)
    else:
        fitting.learn_labels(train, params.train.num_epochs, params.train.learning_rate)
    best_epoch = fitting.restore_best()
    seconds = time.perf_counter() - started
    return Fitted(fitting.model, tuple(fitting.history), best_epoch, seconds, fitting.implementation.kind)


@dataclass
class _Fitting:
    """One network on its way: the passes over reviews that change it, and the best it has been."""

    params: Params
    seed: int
    num_labels: int
    validation: Split
    listen: Listen | None
    class_weights: np.ndarray | None = None
    ngrams: NgramVectors | None = None
    history: list[Mapping[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = self._build(self.params.model)
        self.implementation: Implementation = choose_implementation(self.params.model, self.params.train)
        self.random = np.random.default_rng(self.seed)
        self.best_epoch, self.best_weights = 0, _trained_weights(self.model)

    def pretrain(self, windows: np.ndarray) -> Totals:
        """Teaches recurrent layers to tell the words that follow; returns the last epoch's totals."""
        settings = self.params.pretrain
        words = language_model(self.model, settings.samples, int(self.random.integers(2**31)))
        rows = Rows.of(Split(windows, np.zeros(len(windows))), masked=self.params.model.masking)
        steps = rows.steps(self._batch_size) * settings.epochs
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

    def distill(self, reviews: Split) -> None:
        """Passes over labelled and softly labelled reviews, with less dropout (Hinton et al., 2015)."""
        model = _with_less_dropout(self.params.model, self.params.distill.dropout_scale)
        self._epochs(model, reviews, self.params.distill.epochs, self.params.distill.learning_rate)

    def learn_labels(self, train: Split, epochs: int, learning_rate: float) -> None:
        """Passes over the labelled reviews, ended by ``train.patience``."""
        smoothing, patience = self.params.train.label_smoothing, self.params.train.stop_after
        self._epochs(self.params.model, train, epochs, learning_rate, smoothing, patience)

    def restore_best(self) -> int:
        """Gives the network the weights of its best epoch, and returns that epoch."""
        for variable, value in zip(self.model.trainable_variables, self.best_weights, strict=True):
            variable.assign(value)
        return self.best_epoch

    @property
    def _batch_size(self) -> int:
        return self.params.train.rows

    def _build(self, model: ModelParams) -> keras.Model:
        max_length = self.validation.token_ids.shape[1]
        vocab_size = self.params.pad.vocab_size
        return build_stacked_rnn(model, vocab_size, max_length, self.seed, self.num_labels, self.ngrams)

    def _epochs(
        self,
        model: ModelParams,
        reviews: Split,
        epochs: int,
        learning_rate: float,
        smoothing: float = 0.0,
        patience: int | None = None,
    ) -> None:
        """Trains on ``reviews`` with the dropout of ``model``; judges each epoch's network, or average."""
        rows = Rows.of(reviews, masked=self.params.model.masking)
        steps = rows.steps(self._batch_size)
        optimizer = build_optimizer(self.params.train, steps * epochs, learning_rate)
        # Where the network is an average, or has other dropout, what is trained is a copy of it.
        decay = self.params.train.average_decay
        trained = self.model if model == self.params.model and not decay else self._copied(model)
        variables = trained.trainable_variables
        average = average_of(variables, decay)
        computed = self.implementation.apply(trained)
        run = compile_training(
            with_word_dropout(computed, self.params.model.word_dropout, self.seed),
            variables,
            optimizer,
            label_objective(smoothing, self.class_weights),
            rows.token_ids,
            rows.labels,
            self.implementation.shards(self._batch_size),
            self.implementation.xla,
            average,
        )
        predict = compile_prediction(self.model, self.implementation)
        first = len(self.history)
        for _ in range(epochs):
            totals = self._pass(run, rows, len(self.history) + 1)
            copy_weights(average.values if average else variables, self.model)
            if not self._judge(totals, rows, predict, float(optimizer.learning_rate), steps, first, patience):
                break

    def _copied(self, model: ModelParams) -> keras.Model:
        """The network built again from ``model``, with the weights that it has now."""
        copy = self._build(model)
        copy_weights(self.model.trainable_variables, copy)
        return copy

    def _pass(self, run: RunBatches, rows: Rows, epoch: int, done: int = 0, passes: int = 1) -> Totals:
        """One pass over the reviews in a random order; an epoch may be of several, of which ``done`` are."""
        totals, read, said = Totals(0.0, 0.0, 0.0), 0, time.monotonic()
        count, timesteps = rows.token_ids.shape
        for batches in shuffled_batches(rows.lengths, count, timesteps, self._batch_size, self.random):
            totals += run(batches)
            read += batches.steps * self._batch_size
            if self.listen is not None and time.monotonic() - said >= SHARE_SECONDS:
                said = time.monotonic()
                self.listen(Epoch(epoch, (done + min(read / count, 1.0)) / passes, {}))
        return totals

    def _judge(
        self,
        totals: Totals,
        rows: Rows,
        predict: Predict,
        learning_rate: float,
        steps: int,
        first: int,
        patience: int | None,
    ) -> bool:
        """Records the epoch; False if, of those since ``first``, the last ``patience`` were none the best.

        Without a ``patience`` the last epoch is the one to keep.
        """
        judged = scores_on(predict, self.validation, self.class_weights)
        metrics = {
            "loss": totals.loss / len(rows.labels),
            "accuracy": totals.hits / len(rows.labels),
            **judged,
            "learning_rate": learning_rate,
            "gradient_norm": totals.gradient_norm / steps,
        }
        self.history.append(metrics)
        epoch = len(self.history)
        if self.listen is not None:
            self.listen(Epoch(epoch, 1.0, metrics))
        best = self.history[self.best_epoch - 1]["validation_loss"] if self.best_epoch else math.inf
        if patience is None or self.best_epoch == 0 or judged["validation_loss"] < best:
            self.best_epoch, self.best_weights = epoch, _trained_weights(self.model)
        return patience is None or epoch - max(self.best_epoch, first) < patience


def _trained_weights(model: keras.Model) -> list[np.ndarray]:
    return [ops.convert_to_numpy(variable) for variable in model.trainable_variables]


def _with_less_dropout(model: ModelParams, scale: float) -> ModelParams:
    """``model`` with its rates of dropout multiplied by ``scale``; words are dropped as before."""
    rates = {name: getattr(model, name) for name in ("dropout", "output_dropout", "embedding_dropout")}
    return model.model_copy(update={name: rate and rate * scale for name, rate in rates.items()})
