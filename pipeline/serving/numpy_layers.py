"""Keras' layers and operations in NumPy, for a forward pass without training behaviour.

Each builder takes a layer's config and weights, as a `.keras` file holds them, and gives a function of its
inputs. Sequences are float32 (batch, timesteps, features); a mask is bool (batch, timesteps), True where a
step is real.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Config = Mapping[str, Any]
Weights = Mapping[str, np.ndarray]
Layer = Callable[..., Any]
Step = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class UnsupportedNetworkError(ValueError):
    """A network holds a layer or an option that is not computed here."""


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + 0.5  # never overflows


_ACTIVATIONS: dict[str, Layer] = {
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
}


def _activation(name: Any) -> Layer:
    if name not in _ACTIVATIONS:
        raise UnsupportedNetworkError(f"the activation {name} is not computed in NumPy")
    return _ACTIVATIONS[name]


def _embedding(config: Config, weights: Weights) -> Layer:
    _require(config, mask_zero=False)
    table = weights["0"]
    return lambda token_ids: table[token_ids]


def _dense(config: Config, weights: Weights) -> Layer:
    activation = _activation(config["activation"])
    kernel = weights["0"]
    bias = weights.get("1", np.float32(0))
    return lambda x: activation(x @ kernel + bias)


def _layer_normalization(config: Config, weights: Weights) -> Layer:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the features (Ba et al., 2016)."""
    _require(config, center=True, scale=True, rms_scaling=False)
    gamma, beta, epsilon = weights["0"], weights["1"], np.float32(config["epsilon"])

    def normalize(x: np.ndarray) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        variance = (centered**2).mean(-1, keepdims=True)
        return np.asarray(centered / np.sqrt(variance + epsilon) * gamma + beta)

    return normalize


def _recurrent(step: Callable[[Config, Weights], Step]) -> Callable[[Config, Weights], Layer]:
    """A recurrent layer from the step of its cell."""

    def build(config: Config, weights: Weights) -> Layer:
        _require(config, use_bias=True, return_state=False, stateful=False)
        advance = step(config, weights)
        kernel = weights["cell/0"]
        bias = weights["cell/2"] if weights["cell/2"].ndim == 1 else weights["cell/2"][0]

        def layer(x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
            # The input's share of every time step at once; time first, so that a step is contiguous.
            projected = np.ascontiguousarray((x @ kernel + bias).swapaxes(0, 1))
            states = np.empty((len(projected), len(x), config["units"]), np.float32)
            hidden = cell = np.zeros(states.shape[1:], np.float32)
            times = range(len(projected))
            for place, time in enumerate(reversed(times) if config["go_backwards"] else times):
                new_hidden, new_cell = advance(projected[time], hidden, cell)
                if mask is None:
                    hidden, cell = new_hidden, new_cell
                    states[place] = hidden
                else:  # a masked step leaves the state as it was
                    real = mask[:, time, None]
                    hidden, cell = np.where(real, new_hidden, hidden), np.where(real, new_cell, cell)
                    states[place] = hidden * real if config["zero_output_for_mask"] else hidden
            return states.swapaxes(0, 1) if config["return_sequences"] else states[-1]

        return layer

    return build


def _simple_rnn_step(config: Config, weights: Weights) -> Step:
    """h' = f(Wx + b + Uh)."""
    activation = _activation(config["activation"])
    kernel = weights["cell/1"]
    return lambda projected, hidden, cell: (activation(projected + hidden @ kernel), cell)


def _lstm_step(config: Config, weights: Weights) -> Step:
    """Hochreiter & Schmidhuber (1997) with the forget gate; Keras' order of the gates is i, f, c, o."""
    activation, gate = _activation(config["activation"]), _activation(config["recurrent_activation"])
    kernel, units = weights["cell/1"], config["units"]

    def step(projected: np.ndarray, hidden: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = projected + hidden @ kernel
        gates = gate(total)
        candidate = activation(total[:, 2 * units : 3 * units])
        cell = gates[:, units : 2 * units] * cell + gates[:, :units] * candidate
        return gates[:, 3 * units :] * activation(cell), cell

    return step


def _gru_step(config: Config, weights: Weights) -> Step:
    """Cho et al. (2014), the reset gate after the product (``reset_after``); the order is z, r, h."""
    _require(config, reset_after=True)
    activation, gate = _activation(config["activation"]), _activation(config["recurrent_activation"])
    kernel, bias, units = weights["cell/1"], weights["cell/2"][1], config["units"]

    def step(projected: np.ndarray, hidden: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        recurrent = hidden @ kernel + bias
        gates = gate(projected[:, : 2 * units] + recurrent[:, : 2 * units])
        update, reset = gates[:, :units], gates[:, units:]
        candidate = activation(projected[:, 2 * units :] + reset * recurrent[:, 2 * units :])
        return update * hidden + (1 - update) * candidate, cell

    return step


def _bidirectional(config: Config, weights: Weights) -> Layer:
    """Both directions side by side (Schuster & Paliwal, 1997)."""
    _require(config, merge_mode="concat")
    layers = []
    for side in ("forward", "backward"):
        entry, prefix = config[f"{side}_layer" if side == "backward" else "layer"], f"{side}_layer/"
        if entry["class_name"] not in LAYERS:
            raise UnsupportedNetworkError(f"a bidirectional {entry['class_name']} is not computed in NumPy")
        inner = {
            path.removeprefix(prefix): value for path, value in weights.items() if path.startswith(prefix)
        }
        layers.append(LAYERS[entry["class_name"]](entry["config"], inner))
    forward, backward = layers

    def layer(x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        reversed_states = backward(x, mask)
        if reversed_states.ndim == 3:  # all time steps, the last one first
            reversed_states = reversed_states[:, ::-1]
        return np.concatenate([forward(x, mask), reversed_states], axis=-1)

    return layer


def _mean_over_time(_config: Config, _weights: Weights) -> Layer:
    def mean(x: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        if mask is None:
            return np.asarray(x.mean(1))
        real = mask[:, :, None].astype(np.float32)
        return np.asarray((x * real).sum(1) / real.sum(1))

    return mean


def _pad(config: Config, _weights: Weights) -> Layer:
    _require(config, mode="constant")
    return lambda x: np.pad(x, config["pad_width"])


def _require(config: Config, **wanted: Any) -> None:
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise UnsupportedNetworkError(f"{config['name']}: {key} = {config[key]} is not computed in NumPy")


def _plain(function: Layer) -> Callable[[Config, Weights], Layer]:
    """A layer or operation without config or weights."""
    return lambda _config, _weights: function


LAYERS: dict[str, Callable[[Config, Weights], Layer]] = {
    "Embedding": _embedding,
    "Dropout": _plain(lambda x: x),
    "SpatialDropout1D": _plain(lambda x: x),
    "Identity": _plain(lambda x: x),
    "SimpleRNN": _recurrent(_simple_rnn_step),
    "LSTM": _recurrent(_lstm_step),
    "GRU": _recurrent(_gru_step),
    "Bidirectional": _bidirectional,
    "LayerNormalization": _layer_normalization,
    "Add": _plain(sum),
    "GlobalAveragePooling1D": _mean_over_time,
    "GlobalMaxPooling1D": _plain(lambda x: x.max(1)),
    "Dense": _dense,
}
# What `keras.ops` and operators leave in a graph.
OPERATIONS: dict[str, Callable[[Config, Weights], Layer]] = {
    "Add": _plain(np.add),
    "Subtract": _plain(np.subtract),
    "Multiply": _plain(np.multiply),
    "NotEqual": _plain(np.not_equal),
    "Where": _plain(np.where),
    "GetItem": _plain(operator.getitem),
    "Cast": lambda config, _: lambda x: x.astype(config["dtype"]),
    "ExpandDims": lambda config, _: lambda x: np.expand_dims(x, config["axis"]),
    "Split": lambda config, _: lambda x: np.split(x, config["indices_or_sections"], config["axis"]),
    "Concatenate": lambda config, _: lambda arrays: np.concatenate(arrays, config["axis"]),
    "Einsum": lambda config, _: lambda *arrays: np.einsum(config["subscripts"], *arrays),
    "Pad": _pad,
}
