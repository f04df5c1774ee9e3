"""Which way the recurrent layers are computed in training: the plain Keras layer, fused, or cuDNN's kernel.

All compute the same function of the same variables. Measured (benchmarks/RESULTS.md): under XLA the fused
recurrence was nowhere slower than the plain layer, so it is taken wherever it can be; on a GPU, cuDNN is.
"""

from typing import Literal, NamedTuple

import keras

from pipeline.models.fused import can_fuse, fuse
from pipeline.params import TrainParams

Kind = Literal["keras", "fused", "cudnn"]


class Implementation(NamedTuple):
    """``kind`` on ``backend``."""

    kind: Kind
    backend: str
    widest: int

    @property
    def name(self) -> str:
        """What stands in reports, such as ``fused (tensorflow)``."""
        return f"{self.kind} ({self.backend})"

    @property
    def xla(self) -> bool:
        """Whether TensorFlow compiles it with XLA, which can't hold cuDNN's kernels."""
        return self.kind != "cudnn"

    def shards(self, batch_size: int) -> int:
        """Parts of a batch that are computed side by side; worth it where a step's matrices are large."""
        return 1

    def apply(self, model: keras.Model) -> keras.Model:
        """The model that is trained in the place of ``model``, on the same variables."""
        return fuse(model) if self.kind == "fused" else model


def choose_implementation(train: TrainParams, model: keras.Model) -> Implementation:
    """Follows ``train.implementation``; ``auto`` takes the fastest that can compute ``model`` here.

    Raises:
        ValueError: if cudnn is wished for and there is no GPU.
    """
    gpu = _has_gpu()
    if train.implementation == "cudnn" and not gpu:
        raise ValueError(
            f"train.implementation is cudnn, but train.backend {train.backend} finds no GPU on this machine: "
            "set train.implementation to auto"
        )
    recurrent = [
        layer for layer in model.layers if isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
    ]
    kind: Kind
    if train.implementation != "auto":
        kind = train.implementation
    elif gpu:
        kind = "cudnn"
    else:
        kind = "fused" if all(can_fuse(layer) for layer in recurrent) else "keras"
    return Implementation(kind, train.backend, 0)


def _has_gpu() -> bool:
    if keras.config.backend() == "jax":
        import jax  # noqa: PLC0415 - an optional package

        return jax.default_backend() == "gpu"
    import tensorflow as tf  # noqa: PLC0415 - the other backend does without it

    return bool(tf.config.list_physical_devices("GPU"))
