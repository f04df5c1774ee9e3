"""The same network with its recurrent layers computed by ``recurrence``; trained in the plain one's place."""

from typing import Any

import keras
from keras import ops

from pipeline.networks.recurrence import Weights, recur

_RECURRENT = (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU, keras.layers.Bidirectional)


class FusedRNN(keras.layers.Layer):
    """Computes a recurrent layer, or a pair of them in ``Bidirectional``, from that layer's own variables.

    Call arguments:
        sequence: float32 (batch, timesteps, features).
        lengths: int32 (batch,): how many steps of each row count, from its first on; None for all.
        mask: bool (batch, timesteps), any mask, as Keras hands it on; instead of ``lengths``.

    Returns:
        float32 (batch, timesteps, units), twice the units if bidirectional: the layer's own states wherever a
        step counts. The others pass no gradient and hold the last state, or zeros.
    """

    def __init__(self, layer: keras.layers.Layer) -> None:
        super().__init__(name=f"fused_{layer.name}")
        self.layer = layer
        self.supports_masking = True

    def call(self, sequence: Any, lengths: Any = None, mask: Any = None) -> Any:
        if lengths is not None:
            mask = ops.arange(ops.shape(sequence)[1], dtype="int32") < ops.expand_dims(lengths, 1)
        if not isinstance(self.layer, keras.layers.Bidirectional):
            return _states(self.layer, sequence, mask)
        pair = (self.layer.forward_layer, self.layer.backward_layer)
        return ops.concatenate([_states(layer, sequence, mask) for layer in pair], axis=-1)


def _states(layer: keras.layers.RNN, sequence: Any, mask: Any) -> Any:
    """The layer's states, float32 (batch, timesteps, units), each at the step that it was read."""
    cell = layer.cell
    # Their values: a custom gradient takes no variable.
    weights = Weights(ops.copy(cell.kernel), ops.copy(cell.recurrent_kernel), *_biases(cell))
    return recur(type(layer), cell.activation.__name__, sequence, weights, mask, layer.go_backwards)


def _biases(cell: Any) -> tuple[Any, Any]:
    """The biases of the input's and of the state's product, each (gates * units,)."""
    bias = ops.copy(cell.bias)
    return (bias[0], bias[1]) if len(bias.shape) == 2 else (bias, ops.zeros_like(bias))


def fuse(model: keras.Model) -> keras.Model:
    """A model of the same layers and variables as ``model`` whose recurrent layers are computed fused.

    They must return sequences, without recurrent dropout. Masks are theirs, however they come: as an argument
    or handed on from an embedding. The result is for training and prediction, not for saving: ``model`` holds
    every variable.
    """

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(layer, _RECURRENT):
            return layer(*args, **kwargs)
        return FusedRNN(layer)(args[0], mask=kwargs.get("mask"))

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
