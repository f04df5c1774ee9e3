"""How far the loss's gradient reaches: its norm at every layer and time step of a stacked network.

The gradient of the loss by the state h_t^l counts all the state's ways to the loss: through the layers above,
and through the later steps of its own layer. A layer's output sequence gives only the first of the two, so
each cell's new state is moved by a variable of zeros, and the gradient is taken by that.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.evaluation.probabilities import targets_of
from pipeline.training.compiled import label_objective

Tensor = Any


class _ShiftedCell(keras.layers.Layer):
    """A recurrent cell whose new state is moved by the ``units`` features of its input from ``first`` on."""

    def __init__(self, cell: keras.layers.Layer, first: int) -> None:
        super().__init__()
        self.cell, self.first = cell, first
        self.state_size, self.output_size = cell.state_size, cell.units

    def call(self, inputs: Tensor, states: Any) -> tuple[Tensor, list[Tensor]]:
        features = inputs[..., : self.cell.kernel.shape[0]]
        _, after = self.cell(features, states, training=False)
        moved = after[0] + inputs[..., self.first : self.first + self.cell.units]
        return moved, [moved, *after[1:]]


class _ShiftedRNN(keras.layers.Layer):
    """A recurrent layer's states, each moved by ``shift``, float32 (batch, timesteps, width) of zeros."""

    def __init__(self, layer: keras.layers.Layer, shape: tuple[int, int]) -> None:
        super().__init__(name=f"shifted_{layer.name}")
        self.supports_masking = True
        both = isinstance(layer, keras.layers.Bidirectional)
        self.directions, width = [], 0
        for one in (layer.forward_layer, layer.backward_layer) if both else (layer,):
            cell = _ShiftedCell(one.cell, one.cell.kernel.shape[0] + width)
            self.directions.append(
                keras.layers.RNN(cell, return_sequences=True, go_backwards=one.go_backwards)
            )
            width += one.cell.units
        self.shift = self.add_weight(shape=(*shape, width), initializer="zeros", name="shift")

    def call(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        inputs = ops.concatenate([sequence, self.shift], axis=-1)
        states = [direction(inputs, mask=mask) for direction in self.directions]
        return ops.concatenate([states[0], *(ops.flip(each, axis=1) for each in states[1:])], axis=-1)


def gradient_norms(network: keras.Model, token_ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The norm of dLoss/dh_t^l, the mean over the reviews, without dropout.

    Args:
        network: of ``build_stacked_rnn``.
        token_ids: int32 (num_reviews, timesteps).
        labels: whole numbers from 0, (num_reviews,); a review's loss is its cross-entropy.

    Returns:
        float64 (depth, timesteps), the bottom layer first.
    """
    shifted: list[_ShiftedRNN] = []

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional):
            return layer(*args, **kwargs)
        shifted.append(_ShiftedRNN(layer, token_ids.shape))
        return shifted[-1](*args, **kwargs)

    moved = keras.models.clone_model(
        network,
        input_tensors=keras.Input(batch_shape=token_ids.shape, dtype="int32"),
        clone_function=lambda layer: layer,
        call_function=call,
    )
    shifts = [layer.shift.value for layer in shifted]
    width = network.output.shape[-1]
    targets = tf.constant(targets_of(labels, max(width, 2)), tf.float32)
    losses = label_objective()

    @tf.function(autograph=False)
    def gradients(ids: Tensor) -> list[Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(shifts)
            loss = ops.sum(losses(moved(ids, training=False), targets)[0])
        return tape.gradient(loss, shifts)

    ids = tf.constant(np.asarray(token_ids, np.int32))
    found = gradients.get_concrete_function(ids)(ids)  # one trace a network, of which TensorFlow would warn
    return np.stack([np.linalg.norm(gradient.numpy(), axis=-1).mean(0, dtype=float) for gradient in found])
