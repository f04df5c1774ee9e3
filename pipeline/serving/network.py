"""The forward pass of a `.keras` file in NumPy, so that serving needs no TensorFlow.

Importing TensorFlow takes longer than anything else that `predict` does, and Keras' own NumPy backend
imports JAX. A stack of recurrent layers is a few equations: ``numpy_layers`` has them, and the file's own
graph says how they are joined. What is not known there is refused, and at registration the result is held
against Keras' (:func:`runtime_for`): what differs is served with Keras.
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

from pipeline.serving.numpy_layers import (
    LAYERS,
    OPERATIONS,
    Layer,
    UnsupportedNetworkError,
    Weights,
)

Array = npt.NDArray[np.float32]
Runtime = Literal["numpy", "keras"]

TOLERANCE = 1e-5  # of a probability; float32 rounding over 100 time steps stays ten times below
# Rows. BLAS keeps products of so few on one thread; on a busy machine its threads wait for each other, and
# batches of 256 were three times slower.
_BATCH = 64


class Network(Protocol):
    """What gives a probability for each padded row."""

    def __call__(self, token_ids: np.ndarray) -> Array:
        """From int32 (num_reviews, max_length) to the probability of label 1, float32 (num_reviews,)."""


class NumpyNetwork:
    """Computes a functional Keras model of one input and one output, without training behaviour.

    Raises:
        UnsupportedNetworkError: for a layer, an option or a graph that is not known here.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Weights]) -> None:
        self._input = _single(config["input_layers"])
        self._output = _single(config["output_layers"])
        self._nodes: dict[str, tuple[Layer, Mapping[str, Any]]] = {}
        for entry in config["layers"]:
            if entry["name"] == self._input:
                continue
            if len(entry["inbound_nodes"]) != 1:
                raise UnsupportedNetworkError(f"layer {entry['name']} is called more than once")
            layer = _layer(entry, weights.get(entry["name"], {}))
            self._nodes[entry["name"]] = layer, entry["inbound_nodes"][0]

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
        values: dict[str, Any] = {self._input: token_ids}

        def value(name: str) -> Any:
            if name not in values:
                layer, node = self._nodes[name]
                # An argument that is None, and `training`, say nothing to a forward pass.
                named = {key: item for key, item in node["kwargs"].items() if item is not None}
                named.pop("training", None)
                values[name] = layer(*_resolve(node["args"], value), **_resolve(named, value))
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


def _layer(entry: Mapping[str, Any], weights: Weights) -> Layer:
    kind, module = entry["class_name"], entry["module"]
    known = LAYERS if module == "keras.layers" else OPERATIONS if module.startswith("keras.src.ops.") else {}
    if kind not in known:
        raise UnsupportedNetworkError(f"{entry['name']} is a {module}.{kind}, which is not computed in NumPy")
    return known[kind](entry["config"], weights)


def _resolve(argument: Any, value: Callable[[str], Any]) -> Any:
    """An argument as Keras writes it, with the layers' outputs and slices in place."""
    if isinstance(argument, list):
        return tuple(_resolve(item, value) for item in argument)
    if not isinstance(argument, dict):
        return argument
    match argument.get("class_name"):
        case "__keras_tensor__":
            name, _, number = argument["config"]["keras_history"]
            output = value(name)
            return output[number] if isinstance(output, list) else output
        case "__slice__":
            return slice(*(argument["config"][key] for key in ("start", "stop", "step")))
    return {key: _resolve(item, value) for key, item in argument.items()}


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
