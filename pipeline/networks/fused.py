"""The same network with its recurrent layers computed by ``recurrence``; trained in the plain one's place."""

from typing import Any

import keras
from keras import ops

from pipeline.networks.recurrence import recur

_RECURRENT = (keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU, keras.layers.Bidirectional)


class FusedRNN(keras.layers.Layer):
    """Computes a recurrent layer, or a pair of them in ``Bidirectional``, from that layer's own variables.

    Input shape: float32 (batch, timesteps, features). Output shape: (batch, timesteps, units), twice the
    units if bidirectional, as the layer's own with ``return_sequences``.
    """

    def __init__(self, layer: keras.layers.Layer) -> None:
        super().__init__(name=f"fused_{layer.name}")
        self.layer = layer

    def call(self, sequence: Any) -> Any:
        by_time = ops.transpose(sequence, (1, 0, 2))
        if isinstance(self.layer, keras.layers.Bidirectional):
            forward = _states(self.layer.forward_layer, by_time)
            backward = ops.flip(_states(self.layer.backward_layer, ops.flip(by_time, axis=0)), axis=0)
            states = ops.concatenate([forward, backward], axis=-1)
        else:
            states = _states(self.layer, by_time)
        return ops.transpose(states, (1, 0, 2))


def _states(layer: keras.layers.RNN, by_time: Any) -> Any:
    """The layer's states, float32 (timesteps, batch, units), in the order in which it reads its input."""
    cell = layer.cell
    bias, recurrent_bias = _biases(cell)
    inputs = ops.matmul(by_time, cell.kernel) + bias
    kernel = ops.copy(cell.recurrent_kernel)  # its value: a custom gradient takes no variable
    return recur(type(layer), cell.activation.__name__, inputs, kernel, recurrent_bias)


def _biases(cell: Any) -> tuple[Any, Any]:
    """The biases of the input's and of the state's product, each (gates * units,)."""
    bias = ops.convert_to_tensor(cell.bias)
    return (bias[0], bias[1]) if len(bias.shape) == 2 else (bias, ops.zeros_like(bias))


def fuse(model: keras.Model) -> keras.Model:
    """A model of the same layers and variables as ``model`` whose recurrent layers are computed fused.

    They must return sequences, unmasked and without recurrent dropout. The result is for training and
    prediction, not for saving: ``model`` holds every variable.
    """

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        return FusedRNN(layer)(*args) if isinstance(layer, _RECURRENT) else layer(*args, **kwargs)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
