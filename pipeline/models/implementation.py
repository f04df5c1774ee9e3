"""Which way the recurrent layers are computed in training: the plain Keras layer, fused, or cuDNN's kernel.

All compute the same function of the same variables. Under XLA the fused recurrence was nowhere measured
slower than the plain layer, so it is taken wherever it can be; on a GPU, cuDNN is.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import keras

from pipeline.models.fused import fuse
from pipeline.params import ModelParams, TrainParams

# Batch size times units from which two halves of a batch, each on a core, pay for twice the code to compile.
SHARDED_WORK = 4096

Kind = Literal["keras", "fused", "cudnn"]


class Implementation(NamedTuple):
    """``kind`` on ``backend``; ``units`` are those of the widest recurrent layer."""

    kind: Kind
    backend: str
    units: int

    @property
    def name(self) -> str:
        """What stands in reports, such as ``fused (tensorflow)``."""
        return f"{self.kind} ({self.backend})"

    @property
    def xla(self) -> bool:
        """Whether TensorFlow compiles it with XLA, which can't hold cuDNN's kernels."""
        return self.kind != "cudnn"

    def shards(self, batch_size: int) -> int:
        """Parts of a batch whose gradients are computed side by side, each on its own core.

        By size alone and not by the machine's cores, so that a result doesn't depend on them.
        """
        return 2 if self.kind == "fused" and batch_size * self.units >= SHARDED_WORK else 1

    def apply(self, model: keras.Model) -> keras.Model:
        """The model that is trained in the place of ``model``, on the same variables."""
        return fuse(model) if self.kind == "fused" else model


def choose_implementation(model: ModelParams, train: TrainParams) -> Implementation:
    """Follows ``train.implementation``; ``auto`` takes the fastest that can compute ``model`` here.

    Raises:
        ValueError: if cudnn is asked for and there is no GPU.
    """
    gpu = _has_gpu()
    if train.implementation == "cudnn" and not gpu:
        raise ValueError(
            f"train.implementation is cudnn, but train.backend {train.backend} finds no GPU on this machine: "
            "set train.implementation to auto"
        )
    kind: Kind
    if train.implementation != "auto":
        kind = train.implementation
    elif gpu and model.cell != "simple_rnn" and model.activation == "tanh" and not model.recurrent_dropout:
        kind = "cudnn"
    else:
        kind = "keras" if model.masking or model.recurrent_dropout else "fused"
    return Implementation(kind, train.backend, max(model.layer_units))


def _has_gpu() -> bool:
    if keras.config.backend() == "jax":
        import jax  # noqa: PLC0415 - an optional package

        return bool(jax.default_backend() == "gpu")
    import tensorflow as tf  # noqa: PLC0415 - the other backend does without it

    return bool(tf.config.list_physical_devices("GPU"))
