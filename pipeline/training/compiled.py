"""Many training steps a call: the loop over the batches is compiled with the step.

One call of a compiled function costs about as much as a step of a small network, and an input pipeline
more; so the reviews lie on the device, and a call is given which rows make up each of its batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.evaluation.metrics import BALANCED_ACCURACY, F1, classification_metrics
from pipeline.evaluation.probabilities import THRESHOLD, cross_entropy, from_outputs, right
from pipeline.networks.fused import Implementation
from pipeline.runtime.machine import return_memory
from pipeline.training.batches import Batches, align_left, sorted_batches

Tensor = Any  # of TensorFlow
# (outputs of the model, labels) -> (loss, share of hits), each float32 (batch,)
Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Tensors = list[Tensor]


class Totals(NamedTuple):
    """Sums over the reviews of some steps, and of the steps' gradient norms."""

    loss: float
    hits: float
    gradient_norm: float

    def __add__(self, other: Any) -> Totals:
        return Totals(*(mine + its for mine, its in zip(self, other, strict=True)))


RunBatches = Callable[[Batches], Totals]


class Average(NamedTuple):
    """A moving average of the weights: ``values`` follow the variables of the model, one for one.

    The decay of step t is min(decay, (1 + t) / (10 + t)), so that the first steps' weights are soon forgotten
    (as TensorFlow's ``ExponentialMovingAverage`` with ``num_updates``; Polyak & Juditsky, 1992).
    """

    values: list[keras.Variable]
    decay: float

    @classmethod
    def of(cls, variables: list[keras.Variable], decay: float) -> Average:
        """An average that starts at the variables' values."""
        # As numbers: Keras would share the storage of a variable that it is given.
        starts = [ops.convert_to_numpy(variable) for variable in variables]
        return cls([keras.Variable(start, trainable=False) for start in starts], decay)

    def follow(self, variables: list[keras.Variable], step: Tensor) -> None:
        """Moves on after optimizer step number ``step`` (from 1)."""
        count = ops.cast(step, "float32")
        kept = ops.minimum(self.decay, (1 + count) / (10 + count))
        for value, variable in zip(self.values, variables, strict=True):
            value.assign(value + (1 - kept) * (variable.value - value))


def label_objective(smoothing: float = 0.0, weights: np.ndarray | None = None) -> Objective:
    """Cross-entropy and correctness of probabilities, float32 (batch, 1) or (batch, num_labels).

    The labels are :func:`pipeline.evaluation.probabilities.targets_of`'s, hard or soft.

    Args:
        smoothing: the share of each label that is spread over all (Szegedy et al., 2016).
        weights: (num_labels,), how much a review of each label counts; of a soft one, the mean. None: alike.
    """

    def objective(probabilities: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if len(labels.shape) == 1:
            targets = labels * (1 - smoothing) + smoothing / 2
            losses = keras.losses.binary_crossentropy(targets[:, None], probabilities)
            if weights is not None:
                losses = losses * (float(weights[0]) + float(weights[1] - weights[0]) * labels)
            hits = ops.equal(probabilities[:, 0] >= THRESHOLD, labels >= THRESHOLD)
        else:
            targets = labels * (1 - smoothing) + smoothing / labels.shape[1]
            losses = keras.losses.categorical_crossentropy(targets, probabilities)
            if weights is not None:
                losses = losses * ops.matmul(labels, weights.astype(np.float32)[:, None])[:, 0]
            hits = ops.equal(ops.argmax(probabilities, axis=1), ops.argmax(labels, axis=1))
        return losses, ops.cast(hits, "float32")

    return objective


def compile_training(
    model: keras.Model,
    variables: list[keras.Variable],
    optimizer: keras.optimizers.Optimizer,
    objective: Objective,
    token_ids: Tensor,
    labels: Tensor,
    shards: int = 1,
    xla: bool = True,
    average: Average | None = None,
) -> RunBatches:
    """Compiles training steps over rows of ``token_ids``, a program for each number of time steps.

    Steps of one part are one program of XLA; of several parts, each is its own: TensorFlow runs programs side
    by side that don't wait for each other, which XLA does less well within one.

    Args:
        model: what is called, with ``training=True``.
        variables: what the optimizer changes; both models of ``fuse`` have the same.
        shards: parts of a batch whose gradients are computed side by side, where there are cores, and summed.
        xla: False for cuDNN's kernels, which XLA can't hold.
        average: follows the variables, if given.

    Returns:
        A function that takes the steps and gives their totals; it changes the variables.
    """
    optimizer.build(variables)
    held_ids, held_labels = tf.cast(token_ids, tf.int32), tf.cast(labels, tf.float32)
    # Of what isn't trained only the states of the seeds change: frozen weights are no part of the loop.
    frozen = {id(weight) for weight in model.non_trainable_weights}
    others = [variable for variable in model.non_trainable_variables if id(variable) not in frozen]

    def gradients_of(
        ids: Tensor, targets: Tensor, weights: Tensor, total: Tensor, values: Tensors, states: Tensors
    ) -> tuple[Tensor, Tensor, Tensors, Tensors]:
        mapping = [*zip(variables, values, strict=True), *zip(others, states, strict=True)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            with keras.StatelessScope(state_mapping=mapping) as scope:
                losses, hits = objective(model(ids, training=True), targets)
                loss = tf.reduce_sum(weights * losses)
                share = loss / total
        # Dense: of an embedding's slices, Keras' Adam squares each where Adam squares their sum.
        gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(share, values)]
        return (
            loss,
            tf.reduce_sum(weights * hits),
            gradients,
            [scope.get_current_value(variable) for variable in others],
        )

    def update(parts: list[Tensors], states: Tensors) -> Tensor:
        gradients = [tf.add_n(of_parts) for of_parts in zip(*parts, strict=True)]
        optimizer.apply(gradients, variables)
        for variable, state in zip(others, states, strict=True):
            variable.assign(state)
        if average:
            average.follow(variables, optimizer.iterations.value)
        return tf.linalg.global_norm(gradients)

    def drawn(state: Tensor, draws: int) -> Tensor:
        """The state of a seed generator of Keras after so many draws, which it counts at the second place."""
        return state + ops.cast([0, draws], state.dtype)

    def step(rows: Tensor, weights: Tensor, timesteps: int) -> tuple[Tensor, Tensor, Tensor]:
        ids, targets = tf.gather(held_ids, rows)[:, :timesteps], tf.gather(held_labels, rows)
        split = [ops.array_split(array, shards) for array in (ids, targets, weights)]
        values, states = ([variable.value for variable in held] for held in (variables, others))
        total = tf.reduce_sum(weights)
        parts = [
            of_part(of_ids, of_targets, of_weights, total, values, [drawn(state, number) for state in states])
            for number, (of_ids, of_targets, of_weights) in enumerate(zip(*split, strict=True))
        ]
        losses, hits, gradients, states_after = zip(*parts, strict=True)
        return tf.add_n(losses), tf.add_n(hits), apply(list(gradients), states_after[-1])

    of_part, apply = gradients_of, update
    if shards > 1:
        of_part, apply = (
            tf.function(part, jit_compile=xla, autograph=False) for part in (gradients_of, update)
        )

    @tf.function(jit_compile=xla and shards == 1, autograph=False)
    def run(rows: Tensor, weights: Tensor, count: Tensor, timesteps: int) -> tuple[Tensor, Tensor, Tensor]:
        def body(index: Tensor, *totals: Tensor) -> tuple[Tensor, ...]:
            new = step(rows[index], weights[index], timesteps)
            return index + 1, *(total + value for total, value in zip(totals, new, strict=True))

        return tf.while_loop(lambda index, *_: index < count, body, (0, 0.0, 0.0, 0.0))[1:]

    programs: dict[int, Any] = {}  # by time steps, as TensorFlow would warn of one that is traced again

    def run_batches(batches: Batches) -> Totals:
        arrays = [tf.constant(array) for array in batches[:3]]
        fresh = batches.timesteps not in programs
        if fresh:
            programs[batches.timesteps] = run.get_concrete_function(*arrays, batches.timesteps)
        totals = Totals(*(float(total) for total in programs[batches.timesteps](*arrays)))
        if fresh:  # XLA compiles at the first call
            return_memory()
        return totals

    return run_batches


def compile_outputs(model: keras.Model, xla: bool = True) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles ``model`` without dropout: int32 (batch, timesteps) -> its outputs as a numpy array."""

    @tf.function(jit_compile=xla, autograph=False)
    def outputs(token_ids: Tensor) -> Tensor:
        return model(token_ids, training=False)

    return lambda token_ids: outputs(tf.constant(token_ids)).numpy()


# What a network says of many reviews, computed as it is trained: in the fast layers, length by length.

PREDICTION_BATCH = 256
Predict = Callable[..., np.ndarray]  # (token_ids, batch_size): see ``compile_prediction``


def compile_prediction(model: keras.Model, implementation: Implementation) -> Predict:
    """Compiles what gives probabilities: int32 (num_reviews, timesteps) -> float64 (num_reviews, num_labels).

    Args:
        model: of ``build_stacked_rnn``; one that takes rows of any length is a masked one, which is given
            rows of like length together, without their padding.
        implementation: how its recurrent layers are computed here.
    """
    computed, masked = implementation.apply(model), model.input.shape[1] is None
    run = compile_outputs(computed, implementation.xla)

    def predict(token_ids: np.ndarray, batch_size: int = PREDICTION_BATCH) -> np.ndarray:
        result = np.zeros((len(token_ids), computed.output.shape[-1]), np.float32)
        timesteps = token_ids.shape[1]
        if not len(token_ids):
            return from_outputs(result)
        if masked:
            token_ids, lengths = align_left(token_ids)
        else:
            lengths = np.full(len(token_ids), timesteps)
        for call in sorted_batches(np.arange(len(token_ids)), lengths, timesteps, batch_size):
            for rows in call.rows[: call.steps]:
                result[rows] = run(token_ids[rows, : call.timesteps].astype(np.int32))
        return from_outputs(result)

    return predict


# Reviews as a fit takes them, and the scores of a network on them.


class Split(NamedTuple):
    """Padded reviews: ``token_ids`` int32 (num_reviews, max_length), ``labels`` (num_reviews,).

    A label is a whole number from 0. Soft labels are a teacher's probabilities, (num_reviews, num_labels).
    """

    token_ids: np.ndarray
    labels: np.ndarray


class Rows(NamedTuple):
    """Reviews as the compiled steps take them; ``lengths`` where padding is left out of the computation.

    Those on the device are the only copy that stays: a million reviews of 400 tokens are 1.6 GB.
    """

    token_ids: Tensor
    labels: Tensor
    lengths: np.ndarray | None

    @classmethod
    def of(cls, splits: Sequence[Split], masked: bool) -> Rows:
        """Those of ``splits``, one after the other."""
        ids, lengths = [split.token_ids for split in splits], None
        if masked:
            ids, each = zip(*map(align_left, ids), strict=True)
            lengths = np.concatenate(each)
        # Put together first: what TensorFlow has once allocated it keeps.
        token_ids = tf.constant(np.concatenate(ids), tf.int32)
        labels = tf.constant(np.concatenate([split.labels for split in splits]), tf.float32)
        return cls(token_ids, labels, lengths)

    def steps(self, batch_size: int) -> int:
        """Batches of one pass."""
        return math.ceil(len(self.labels) / batch_size)


def scores_on(predict: Predict, split: Split, weights: np.ndarray | None) -> dict[str, float]:
    """Mean cross-entropy (``validation_loss``), accuracy, balanced accuracy and F1 on ``split``."""
    probabilities = predict(split.token_ids)
    losses = cross_entropy(split.labels, probabilities)
    counts = None if weights is None else weights[split.labels]
    metrics = classification_metrics(split.labels, probabilities)
    return {
        "validation_loss": float(losses.mean() if counts is None else np.average(losses, weights=counts)),
        "validation_accuracy": float(right(split.labels, probabilities).mean()),
        **{f"validation_{name}": metrics[name] for name in (BALANCED_ACCURACY, F1)},
    }
