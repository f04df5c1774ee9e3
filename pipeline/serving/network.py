"""The forward pass of a `.keras` file in NumPy, so that serving needs no TensorFlow.

Importing TensorFlow takes longer than anything else that `predict` does, and Keras' own NumPy backend
imports JAX. A stack of recurrent layers is a few equations; they are written here as Keras documents them
and the file's own graph says how they are joined. A layer that is not known here is refused, and at
registration the result is held against Keras' (:func:`runtime_for`): what differs is served with Keras.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, Protocol

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Layer = Callable[..., np.ndarray]
Step = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Weights = Mapping[str, np.ndarray]
Runtime = Literal["numpy", "keras"]

TOLERANCE = 1e-5  # of a probability; float32 rounding over 100 time steps stays ten times below
_BATCH = 256  # rows; larger ones leave the processor's cache


class Network(Protocol):
    """What gives a probability for each padded row."""

    def __call__(self, token_ids: np.ndarray) -> Array:
        """From int32 (num_reviews, max_length) to the probability of label 1, float32 (num_reviews,)."""


class UnsupportedNetworkError(ValueError):
    """The file holds a layer or an option that :class:`NumpyNetwork` doesn't compute."""


class NumpyNetwork:
    """Computes a functional Keras model of one input and one output, without training behaviour.

    Raises:
        UnsupportedNetworkError: for a layer, an activation or a graph that is not known here.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Weights]) -> None:
        self._input = _single(config["input_layers"])
        self._output = _single(config["output_layers"])
        self._layers: dict[str, tuple[Layer, list[str]]] = {}
        for entry in config["layers"]:
            name, kind = entry["name"], entry["class_name"]
            if name == self._input:
                continue
            if kind not in _LAYERS or entry["registered_name"] not in (None, kind):
                raise UnsupportedNetworkError(f"layer {name} is a {kind}, which is not computed in NumPy")
            layer = _LAYERS[kind](entry["config"], weights.get(name, {}))
            self._layers[name] = layer, _sources(entry)

    @classmethod
    def load(cls, path: Path) -> NumpyNetwork:
        """Reads a `.keras` file: an archive of JSON and HDF5; nothing in it is executed."""
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            content = BytesIO(archive.read("model.weights.h5"))
        if config["class_name"] != "Functional":
            raise UnsupportedNetworkError(f"{path.name} is a {config['class_name']}, not a functional model")
        with h5py.File(content) as file:
            return cls(config["config"], _read_weights(file))

    def __call__(self, token_ids: np.ndarray) -> Array:
        """The probability of label 1 for each row of ``token_ids``: float32 (num_reviews,)."""
        batches = [self._run(token_ids[i : i + _BATCH]) for i in range(0, len(token_ids), _BATCH)]
        return np.concatenate(batches) if batches else np.zeros(0, np.float32)

    def _run(self, token_ids: np.ndarray) -> Array:
        values = {self._input: token_ids}

        def value(name: str) -> np.ndarray:
            if name not in values:
                layer, sources = self._layers[name]
                values[name] = layer(*(value(source) for source in sources))
            return values[name]

        return np.asarray(value(self._output)[:, 0], np.float32)


def runtime_for(path: Path, token_ids: np.ndarray, probabilities: np.ndarray) -> Runtime:
    """What serves the model of ``path``: NumPy if it gives Keras' probabilities, else Keras.

    Args:
        path: a `.keras` file.
        token_ids: int32 (num_reviews, max_length).
        probabilities: what Keras gives for them, (num_reviews,).
    """
    try:
        computed = NumpyNetwork.load(path)(token_ids)
    except UnsupportedNetworkError:
        return "keras"
    return "numpy" if np.allclose(computed, probabilities, rtol=0, atol=TOLERANCE) else "keras"


def _single(layers: list[Any]) -> str:
    """The layer's name of a model's only input or output, which Keras writes as [name, node, tensor]."""
    if not isinstance(layers[0], str):
        raise UnsupportedNetworkError(f"the model must have one input and one output, but got {layers}")
    return layers[0]


def _sources(entry: Mapping[str, Any]) -> list[str]:
    """The layers whose outputs a layer is called on."""
    if len(entry["inbound_nodes"]) != 1:
        raise UnsupportedNetworkError(f"layer {entry['name']} is called {len(entry['inbound_nodes'])} times")
    node = entry["inbound_nodes"][0]
    if any(isinstance(value, dict) for value in node["kwargs"].values()):  # such as an explicit mask
        raise UnsupportedNetworkError(f"layer {entry['name']} is given a tensor by keyword")
    arguments = node["args"][0] if isinstance(node["args"][0], list) else node["args"]
    return [argument["config"]["keras_history"][0] for argument in arguments]


def _read_weights(file: h5py.File) -> dict[str, dict[str, np.ndarray]]:
    """Weights by the layer's name, then by their path in the layer: ``cell/0``, ``forward_layer/cell/0``."""
    weights: dict[str, dict[str, np.ndarray]] = {}
    for group in file["layers"].values():
        arrays: dict[str, np.ndarray] = {}

        def collect(path: str, item: Any, arrays: dict[str, np.ndarray] = arrays) -> None:
            if isinstance(item, h5py.Dataset):
                arrays[path.replace("vars/", "")] = item[()]

        group.visititems(collect)
        weights[group["vars"].attrs["name"]] = arrays
    return weights


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


def _identity(_config: Mapping[str, Any], _weights: Weights) -> Layer:
    return lambda x: x


def _embedding(config: Mapping[str, Any], weights: Weights) -> Layer:
    _require(config, mask_zero=False)
    table = weights["0"]
    return lambda token_ids: table[token_ids]


def _dense(config: Mapping[str, Any], weights: Weights) -> Layer:
    activation = _activation(config["activation"])
    kernel = weights["0"]
    bias = weights.get("1", np.float32(0))
    return lambda x: activation(x @ kernel + bias)


def _layer_normalization(config: Mapping[str, Any], weights: Weights) -> Layer:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the features (Ba et al., 2016)."""
    _require(config, center=True, scale=True, rms_scaling=False)
    gamma, beta, epsilon = weights["0"], weights["1"], np.float32(config["epsilon"])

    def normalize(x: np.ndarray) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        variance = (centered**2).mean(-1, keepdims=True)
        return np.asarray(centered / np.sqrt(variance + epsilon) * gamma + beta)

    return normalize


def _add(_config: Mapping[str, Any], _weights: Weights) -> Layer:
    return lambda *inputs: sum(inputs[1:], inputs[0])


def _recurrent(
    step: Callable[[Mapping[str, Any], Weights], Step],
) -> Callable[[Mapping[str, Any], Weights], Layer]:
    """A recurrent layer from the step of its cell."""

    def build(config: Mapping[str, Any], weights: Weights) -> Layer:
        _require(config, use_bias=True, return_state=False, stateful=False)
        advance = step(config, weights)
        units, backwards = config["units"], config["go_backwards"]
        kernel = weights["cell/0"]
        bias = weights["cell/2"] if weights["cell/2"].ndim == 1 else weights["cell/2"][0]

        def layer(x: np.ndarray) -> np.ndarray:
            # The input's share of every time step at once; time first, so that a step is contiguous.
            projected = np.ascontiguousarray((x @ kernel + bias).swapaxes(0, 1))
            states = np.empty((len(projected), len(x), units), np.float32)
            hidden = cell = np.zeros((len(x), units), np.float32)
            for time in range(len(projected)):
                hidden, cell = advance(projected[-1 - time if backwards else time], hidden, cell)
                states[time] = hidden
            return states.swapaxes(0, 1) if config["return_sequences"] else hidden

        return layer

    return build


def _simple_rnn_step(config: Mapping[str, Any], weights: Weights) -> Step:
    """h' = f(Wx + b + Uh)."""
    activation = _activation(config["activation"])
    kernel = weights["cell/1"]
    return lambda projected, hidden, cell: (activation(projected + hidden @ kernel), cell)


def _lstm_step(config: Mapping[str, Any], weights: Weights) -> Step:
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


def _gru_step(config: Mapping[str, Any], weights: Weights) -> Step:
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


def _bidirectional(config: Mapping[str, Any], weights: Weights) -> Layer:
    """Both directions side by side (Schuster & Paliwal, 1997)."""
    _require(config, merge_mode="concat")
    layers = []
    for side in ("forward", "backward"):
        entry, prefix = config[f"{side}_layer" if side == "backward" else "layer"], f"{side}_layer/"
        if entry["class_name"] not in _LAYERS:
            raise UnsupportedNetworkError(f"a bidirectional {entry['class_name']} is not computed in NumPy")
        inner = {
            path.removeprefix(prefix): value for path, value in weights.items() if path.startswith(prefix)
        }
        layers.append(_LAYERS[entry["class_name"]](entry["config"], inner))
    forward, backward = layers

    def layer(x: np.ndarray) -> np.ndarray:
        reversed_states = backward(x)
        if reversed_states.ndim == 3:  # all time steps, the last one first
            reversed_states = reversed_states[:, ::-1]
        return np.concatenate([forward(x), reversed_states], axis=-1)

    return layer


def _require(config: Mapping[str, Any], **wanted: Any) -> None:
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise UnsupportedNetworkError(f"{config['name']}: {key} = {config[key]} is not computed in NumPy")


_LAYERS: dict[str, Callable[[Mapping[str, Any], Weights], Layer]] = {
    "Embedding": _embedding,
    "Dropout": _identity,
    "SpatialDropout1D": _identity,
    "SimpleRNN": _recurrent(_simple_rnn_step),
    "LSTM": _recurrent(_lstm_step),
    "GRU": _recurrent(_gru_step),
    "Bidirectional": _bidirectional,
    "LayerNormalization": _layer_normalization,
    "Add": _add,
    "GlobalAveragePooling1D": lambda _config, _weights: lambda x: x.mean(1),
    "GlobalMaxPooling1D": lambda _config, _weights: lambda x: x.max(1),
    "Dense": _dense,
}
