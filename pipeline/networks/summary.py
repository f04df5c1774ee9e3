"""What a network is made of, layer by layer, in plain values that need no Keras to be shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras

_WITHOUT_WEIGHTS = ("Dropout", "Pooling", "Add")  # in the class' name: shown all the same


class LayerSummary(NamedTuple):
    """One layer.

    Attributes:
        name: its name in the network, such as ``gru_1``.
        kind: its class, such as ``GRU``; of both directions, ``Bidirectional(GRU)``.
        shape: of its output, without the batch: (timesteps, features), or (features,); timesteps is None
            where a batch has as many as its longest review.
        parameters: how many weights it has that training changes.
        recurrent: whether it passes states over the time steps.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    recurrent: bool


def summarize(network: keras.Model) -> tuple[LayerSummary, ...]:
    """The layers that hold weights, drop or pool, bottom first; inputs and arithmetic are left out.

    Args:
        network: of ``build_stacked_rnn``, or loaded from its `.keras` file.
    """
    return tuple(
        LayerSummary(
            layer.name,
            _kind(layer),
            tuple(layer.output.shape[1:]),
            sum(math.prod(weight.shape) for weight in layer.trainable_weights),
            hasattr(layer, "cell") or hasattr(layer, "forward_layer"),
        )
        for layer in network.layers
        if layer.count_params() or any(word in type(layer).__name__ for word in _WITHOUT_WEIGHTS)
    )


def _kind(layer: keras.layers.Layer) -> str:
    if hasattr(layer, "forward_layer"):
        return f"Bidirectional({type(layer.forward_layer).__name__})"
    return type(layer).__name__
