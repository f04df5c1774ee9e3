"""The same network with its recurrent layers computed by ``recurrence``; trained in the plain one's place."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from pipeline.networks.cells import CELLS
from pipeline.networks.devices import gpu_names
from pipeline.networks.recurrence import Weights, recur
from pipeline.params import ModelParams, TrainParams
from pipeline.runtime.errors import UserError


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

    Those must return sequences, without recurrent dropout; one without equations in ``cells`` stays as it is.
    Masks are theirs, however they come: as an argument or handed on from an embedding. The result is for
    training and prediction, not for saving: ``model`` holds every variable.
    """

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        one = layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
        if type(one) not in CELLS:
            return layer(*args, **kwargs)
        return FusedRNN(layer)(args[0], mask=kwargs.get("mask"))

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


# Which way the recurrent layers are computed in training: the plain Keras layer, fused, or cuDNN's kernel.
#
# All compute the same function of the same variables. The fused recurrence is taken wherever it can be, since
# the plain layer was measured faster nowhere (benchmarks/speed.py); on a GPU, cuDNN is.

# Batch size times units from which parts of a batch pay, which are computed side by side where there are
# cores. Tokens a second of two bidirectional LSTM layers, batch 64, on two cores, in one, two and four parts:
# 64 units 66,000, 172,000 and -, 128 units 37,000, 64,000 and 50,000 (AMD EPYC).
SHARDS = ((32768, 4), (4096, 2))

Kind = Literal["keras", "fused", "cudnn"]


class Implementation(NamedTuple):
    """``kind``, compiled by XLA or not; ``units`` are those of the widest recurrent layer."""

    kind: Kind
    units: int
    xla: bool = True

    def shards(self, batch_size: int) -> int:
        """Parts of a batch whose gradients are computed side by side on the cores.

        By size alone and not by the machine's cores, so that a result doesn't depend on them.
        """
        work = batch_size * self.units if self.kind == "fused" else 0
        return next((parts for least, parts in SHARDS if work >= least), 1)

    def apply(self, model: keras.Model) -> keras.Model:
        """The model that is trained in the place of ``model``, on the same variables."""
        return fuse(model) if self.kind == "fused" else model


def choose_implementation(model: ModelParams, train: TrainParams) -> Implementation:
    """Follows ``train.implementation``; ``auto`` takes the fastest that can compute ``model`` here.

    Raises:
        UserError: if cudnn is asked for and there is no GPU.
    """
    gpu = bool(gpu_names())
    if train.implementation == "cudnn" and not gpu:
        raise UserError(
            "train.implementation is cudnn, but TensorFlow finds no GPU on this machine: "
            "set train.implementation to auto"
        )
    kind: Kind
    if train.implementation != "auto":
        kind = train.implementation
    elif gpu and model.cell != "simple_rnn" and model.activation == "tanh" and not model.recurrent_dropout:
        kind = "cudnn"
    else:
        kind = "keras" if model.recurrent_dropout else "fused"
    xla = kind != "cudnn"  # XLA can't hold its kernels
    return Implementation(kind, max(model.layer_units), xla)
