"""Keras' recurrent layers as the ONNX operators LSTM, GRU and RNN.

The operators are those of https://onnx.ai/onnx/operators/: time first, one row of weights a gate, and
`sequence_lens` in place of a mask: a row's words must come first in it. Keras' masks may leave out steps at
either end of a row, so each row is shifted to the left before a masked operator and back after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pipeline.serving.onnx_graph import Call, Graph, Outputs, Tensor

_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}


class _Cell(NamedTuple):
    """How an operator differs from Keras' layer.

    Attributes:
        operator: in ONNX.
        gates: Keras' blocks of units in ONNX' order.
        roles: what each activation of the operator is in Keras' config.
    """

    operator: str
    gates: tuple[int, ...]
    roles: tuple[str, ...]


_CELLS = {
    "SimpleRNN": _Cell("RNN", (0,), ("activation",)),
    # Keras: input, forget, candidate, output. ONNX: input, output, forget, candidate.
    "LSTM": _Cell("LSTM", (0, 3, 1, 2), ("recurrent_activation", "activation", "activation")),
    "GRU": _Cell("GRU", (0, 1, 2), ("recurrent_activation", "activation")),  # update, reset, candidate
}


class _Alignment(NamedTuple):
    """Names of tensors made of a mask, bool (batch, steps): see :func:`_alignment`."""

    lengths: str
    to_left: str
    back: str
    back_holding: str


def recurrent(kind: str) -> Any:
    """The conversion of a layer of class ``kind``, which must read forward."""

    def convert(graph: Graph, call: Call) -> Outputs:
        call.require(go_backwards=False)
        return _operator(graph, call, kind, [(call.config, call.weights)])

    return convert


def bidirectional(graph: Graph, call: Call) -> Outputs:
    """Both directions side by side (Schuster & Paliwal, 1997), by one operator."""
    call.require(merge_mode="concat")
    forward, backward = call.config["layer"], call.config["backward_layer"]
    call.require(forward["config"], go_backwards=False)
    call.require(backward["config"], go_backwards=True, activation=forward["config"]["activation"])
    if forward["class_name"] not in _CELLS or backward["class_name"] != forward["class_name"]:
        raise ValueError(
            f"{call.name} can't be written as ONNX: it holds a {forward['class_name']} and a "
            f"{backward['class_name']}, but must hold two of one kind of {', '.join(_CELLS)}"
        )
    half = len(call.weights) // 2
    sides = [(forward["config"], call.weights[:half]), (backward["config"], call.weights[half:])]
    return _operator(graph, call, forward["class_name"], sides)


def _operator(
    graph: Graph, call: Call, kind: str, sides: list[tuple[Mapping[str, Any], list[np.ndarray]]]
) -> str:
    """(batch, steps, features) -> (batch, steps, units of all sides), or without steps."""
    cell, config = _CELLS[kind], sides[0][0]
    for side, _ in sides:
        call.require(side, use_bias=True, return_state=False, stateful=False, reset_after=True)
    sequence: Tensor = call.args[0]
    mask: Tensor | None = call.kwargs.get("mask")
    units, count = config["units"], len(sides)
    stacked = [np.stack(arrays) for arrays in zip(*(_weights(cell, *side) for side in sides), strict=True)]
    weights = [graph.constant(array, "float32") for array in stacked]
    attributes: dict[str, Any] = {
        "hidden_size": units,
        "direction": "bidirectional" if count == 2 else "forward",
        "activations": [_activation(call, config[role]) for role in cell.roles] * count,
    }
    if kind == "GRU":
        attributes["linear_before_reset"] = 1
    aligned = (
        None if mask is None else graph.shared(f"alignment {mask.name}", lambda: _alignment(graph, mask))
    )
    graph.masked = graph.masked and aligned is not None
    inputs, lengths = sequence.name, ""
    if aligned is not None:
        inputs, lengths = graph.add("GatherND", inputs, aligned.to_left, batch_dims=1), aligned.lengths
    steps_first = graph.add("Transpose", inputs, perm=[1, 0, 2])
    all_states, last_states = graph.add_many(cell.operator, 2, steps_first, *weights, lengths, **attributes)
    if not config["return_sequences"]:  # (sides, batch, units)
        batch_first = graph.add("Transpose", last_states, perm=[1, 0, 2])
        return graph.add("Reshape", batch_first, graph.integers(0, count * units))
    # (steps, sides, batch, units)
    batch_first = graph.add("Transpose", all_states, perm=[2, 0, 1, 3])
    states = graph.add("Reshape", batch_first, graph.integers(0, 0, count * units))
    if aligned is None:
        return states
    back = aligned.back if config["zero_output_for_mask"] else aligned.back_holding
    return graph.add("GatherND", states, back, batch_dims=1)


def _weights(cell: _Cell, config: Mapping[str, Any], weights: list[np.ndarray]) -> list[np.ndarray]:
    """Kernel (gates * units, features), recurrent kernel (gates * units, units), bias (2 * gates * units)."""
    units = config["units"]
    order = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in cell.gates])
    kernel, recurrent_kernel, bias = weights
    # Only a GRU has a bias of its own at the recurrent product; elsewhere the two are added.
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return [kernel.T[order], recurrent_kernel.T[order], biases[:, order].reshape(-1)]


def _activation(call: Call, name: str) -> str:
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"{call.name} can't be written as ONNX with the activation {name!r}, only with one of "
            f"{', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


def _alignment(graph: Graph, mask: Tensor) -> _Alignment:
    """Indices that shift a row's words to its left end, and back; each int64 (batch, steps, 1).

    A bidirectional layer of Keras gives zeros at masked steps (``back``), any other its last state, which is
    zero before the first word (``back_holding``). The operators give zeros beyond a row's length.
    """
    counted = graph.add("Cast", mask.name, to=6)  # int32, as sequence_lens
    lengths = graph.add("ReduceSum", counted, graph.integers(1), keepdims=0)
    first = graph.add("ArgMax", counted, axis=1, keepdims=1)  # 0 in a row without a word
    zero, one = graph.constant(0, "int64"), graph.constant(1, "int64")
    steps = graph.add("Gather", graph.add("Shape", mask.name), one)
    places = graph.add("Range", zero, steps, one)
    last_axis = graph.integers(2)

    def index(shifted: str) -> str:
        return graph.add("Unsqueeze", graph.add("Mod", shifted, steps), last_axis)

    offset = graph.add("Sub", places, first)
    final = graph.add("Cast", graph.add("Unsqueeze", lengths, graph.integers(1)), to=7)
    final = graph.add("Max", graph.add("Sub", final, one), zero)
    # Left of the first word the offset is negative, and its remainder lies beyond the row's length.
    holding = graph.add("Min", offset, final)
    return _Alignment(lengths, index(graph.add("Add", places, first)), index(offset), index(holding))
