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
    """Of the layers that hold weights, drop or pool, bottom first; inputs and arithmetic are left out."""
    recurrent, found = recurrent_layers(network), []
    for layer in network.layers:
        kind = type(layer).__name__
        if not layer.count_params() and not any(word in kind for word in _WITHOUT_WEIGHTS):
            continue
        if hasattr(layer, "forward_layer"):
            kind = f"{kind}({type(layer.forward_layer).__name__})"
        parameters = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
        shape = tuple(layer.output.shape[1:])
        found.append(LayerSummary(layer.name, kind, shape, parameters, layer in recurrent))
    return tuple(found)


def recurrent_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Those of a network of ``build_stacked_rnn``, bottom first."""
    return [layer for layer in network.layers if hasattr(layer, "cell") or hasattr(layer, "forward_layer")]


def summary_text(network: keras.Model) -> str:
    """The layers, their output shapes and parameter counts, as a table of 80 columns."""
    lines: list[str] = []
    network.summary(line_length=80, print_fn=lines.append)
    return "\n".join(lines)
