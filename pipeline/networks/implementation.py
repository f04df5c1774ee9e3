"""Which way the recurrent layers are computed in training: the plain Keras layer, fused, or cuDNN's kernel.

All compute the same function of the same variables. The fused recurrence is taken wherever it can be, since
the plain layer was measured faster nowhere (benchmarks/implementations.py); on a GPU, cuDNN is.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import keras

from pipeline.networks.devices import gpu_names
from pipeline.networks.fused import fuse
from pipeline.params import ModelParams, TrainParams
from pipeline.runtime.errors import UserError

# Batch size times units from which parts of a batch pay, which are computed side by side where there are
# cores. Tokens a second of two bidirectional LSTM layers, batch 64, on two cores, in one, two and four parts:
# 64 units 66,000, 172,000 and -, 128 units 37,000, 64,000 and 50,000 (AMD EPYC).
SHARDS = ((32768, 4), (4096, 2))

Kind = Literal["keras", "fused", "cudnn"]


class Implementation(NamedTuple):
    """``kind`` on ``backend``, compiled by XLA or not; ``units`` are those of the widest recurrent layer."""

    kind: Kind
    backend: str
    units: int
    xla: bool = True

    @property
    def name(self) -> str:
        """What stands in reports, such as ``fused (tensorflow)``."""
        return f"{self.kind} ({self.backend})"

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
    gpu = bool(gpu_names(keras.config.backend()))
    if train.implementation == "cudnn" and not gpu:
        raise UserError(
            f"train.implementation is cudnn, but train.backend {train.backend} finds no GPU on this machine: "
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
    return Implementation(kind, train.backend, max(model.layer_units), xla)
