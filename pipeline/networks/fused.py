"""The same network with its recurrent layers computed by ``recurrence``; trained in the plain one's place."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from pipeline.networks.cells import CELLS
from pipeline.networks.devices import gpu_names
from pipeline.networks.recurrence import Weights, recur
from pipeline.params import CUDNN_CELLS, ModelParams, TrainParams
from pipeline.runtime.errors import UserError


class FusedRNN(keras.layers.Layer):
    """Computes a recurrent layer, or a pair of them in ``Bidirectional``, from that layer's own variables.

    Call arguments:
        sequence: float32 (batch, timesteps, features).
        lengths: int32 (batch,): how many steps of each row count, from its first on; None for all.
        mask: bool (batch, timesteps), any mask, as Keras hands it on; instead of ``lengths``.

    Returns:
        The layer's own states, float32 (batch, timesteps, width), wherever a step counts. The others pass no
        gradient and hold the last state, or zeros.
    """

    def __init__(self, layer: keras.layers.Layer) -> None:
        super().__init__(name=f"fused_{layer.name}")
        self.layer = layer
        self.supports_masking = True

    def call(self, sequence: Any, lengths: Any = None, mask: Any = None) -> Any:
        if lengths is not None:
            mask = ops.arange(ops.shape(sequence)[1], dtype="int32") < ops.expand_dims(lengths, 1)
        pair, states = isinstance(self.layer, keras.layers.Bidirectional), []
        for layer in (self.layer.forward_layer, self.layer.backward_layer) if pair else (self.layer,):
            # Their values: a custom gradient takes no variable.
            kernel, recurrent_kernel, bias = (
                ops.copy(each) for each in (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)
            )
            biases = (bias[0], bias[1]) if len(bias.shape) == 2 else (bias, ops.zeros_like(bias))
            weights = Weights(kernel, recurrent_kernel, *biases)
            activation = layer.cell.activation.__name__
            states.append(recur(type(layer), activation, sequence, weights, mask, layer.go_backwards))
        return ops.concatenate(states, axis=-1) if pair else states[0]


def fuse(model: keras.Model) -> keras.Model:
    """A model of the same layers and variables as ``model`` whose recurrent layers are computed fused.

    Those must return sequences, without recurrent dropout; one without equations in ``cells`` stays as it is.
    It is for training and prediction, not for saving: ``model`` holds every variable.
    """

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        one = layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
        if type(one) not in CELLS:
            return layer(*args, **kwargs)
        return FusedRNN(layer)(args[0], mask=kwargs.get("mask"))

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


# Which way the recurrent layers are computed in training: the plain Keras layer, fused, or cuDNN's kernel.
# All are one function of the same variables. The plain layer was faster nowhere (benchmarks/speed.py).

# Batch size times units from which parts of a batch pay. Tokens a second of two bidirectional LSTM layers,
# batch 64, on two cores, in one, two and four parts: 64 units 66,000, 172,000 and -, 128 units 37,000, 64,000
# and 50,000 (AMD EPYC).
SHARDS = ((32768, 4), (4096, 2))


class Implementation(NamedTuple):
    """``kind``, compiled by XLA or not; ``units`` are those of the widest recurrent layer."""

    kind: Literal["keras", "fused", "cudnn"]
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
    gpu, kind = bool(gpu_names()), train.implementation
    if kind == "cudnn" and not gpu:
        raise UserError(
            "train.implementation is cudnn, but TensorFlow finds no GPU on this machine: "
            "set train.implementation to auto"
        )
    if kind == "auto":
        kind = "keras" if model.recurrent_dropout else "fused"
        if gpu and kind == "fused" and model.cell in CUDNN_CELLS and model.activation == "tanh":
            kind = "cudnn"
    return Implementation(kind, max(model.layer_units), xla=kind != "cudnn")  # XLA can't hold its kernels
