"""What a network is made of, layer by layer, in plain values that need no Keras to be shown."""

from __future__ import annotations

from typing import NamedTuple

import keras


class LayerSummary(NamedTuple):
    """One layer.

    Attributes:
        name: its name in the network, such as ``gru_1``.
        kind: its class, such as ``GRU``; of both directions, ``Bidirectional(GRU)``.
        shape: of its output, without the batch: (timesteps, features), or (features,).
        parameters: how many weights it has.
        recurrent: whether it passes states over the time steps.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
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
            layer.count_params(),
            isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional),
        )
        for layer in network.layers
        if layer.count_params() or any(word in type(layer).__name__ for word in ("Dropout", "Pooling", "Add"))
    )


def _kind(layer: keras.layers.Layer) -> str:
    if isinstance(layer, keras.layers.Bidirectional):
        return f"Bidirectional({type(layer.forward_layer).__name__})"
    return type(layer).__name__
