"""Which ONNX operators a layer or operation of Keras becomes: one function an entry of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v17 as op
from spox import Var

_END = np.iinfo(np.int64).max  # of a slice without an end


@dataclass
class Facts:
    """What holds of the whole graph so far.

    Attributes:
        masked: whether every recurrent layer passes over padding.
        step_multiple: rows may be cut by a multiple of so many time steps; above 1 where steps are pooled.
        alignments: by mask, what :mod:`pipeline.serving.onnx_recurrent` made of it.
    """

    masked: bool = True
    step_multiple: int = 1
    alignments: dict[Var, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A layer or operation of a Keras model, and what it is called with.

    Attributes:
        name: the layer's.
        config: what Keras' `get_config` says of it.
        weights: the arrays of `get_weights`; none of an operation.
        args: positional arguments, a Var where Keras has a tensor.
        mask: bool (batch, steps), or None.
        facts: of the graph.
    """

    name: str
    config: Mapping[str, Any]
    weights: list[np.ndarray]
    args: tuple[Any, ...]
    mask: Var | None
    facts: Facts

    def require(self, config: Mapping[str, Any] | None = None, **wanted: Any) -> None:
        """Checks options that are converted for one value only.

        Raises:
            ValueError: if one of the config is another.
        """
        config = self.config if config is None else config
        for key, value in wanted.items():
            if config.get(key, value) != value:
                raise self.error(
                    f"with {key} = {config[key]!r}, only with {value!r}: add the case to "
                    "pipeline/serving/onnx_layers.py"
                )

    def error(self, why: str) -> ValueError:
        """``NAME can't be written as ONNX`` and why."""
        return ValueError(f"{self.name} can't be written as ONNX {why}")


Convert = Callable[[Call], Var | Sequence[Var]]


def _unchanged(call: Call) -> Var:
    """What does nothing at inference."""
    return call.args[0]


def _weight(array: np.ndarray) -> Var:
    return op.const(array, np.float32)


def _integers(*values: int) -> Var:
    """int64 (len(values),), as ONNX wants axes and shapes."""
    return op.const(values, np.int64)


def _embedding(call: Call) -> Var:
    call.require(mask_zero=False)
    return op.gather(_weight(call.weights[0]), call.args[0])


_ACTIVATIONS = {
    "linear": lambda sums: sums,
    "tanh": op.tanh,
    "relu": op.relu,
    "sigmoid": op.sigmoid,
    "softmax": op.softmax,
}


def _dense(call: Call) -> Var:
    product = op.matmul(call.args[0], _weight(call.weights[0]))
    if call.config["use_bias"]:
        product = op.add(product, _weight(call.weights[1]))
    return _chosen(_ACTIVATIONS, call, call.config["activation"])(product)


def _chosen(known: Mapping[str, Any], call: Call, activation: str) -> Any:
    if activation not in known:
        raise call.error(f"with the activation {activation!r}, only with one of {', '.join(known)}")
    return known[activation]


def _layer_normalization(call: Call) -> Var:
    """Ba et al. (2016), over the features."""
    call.require(center=True, scale=True, rms_scaling=False)
    gamma, beta = map(_weight, call.weights)
    return op.layer_normalization(call.args[0], gamma, beta, axis=-1, epsilon=call.config["epsilon"])[0]


def _rescaling(call: Call) -> Var:
    scale, offset = (_weight(np.array(call.config[key])) for key in ("scale", "offset"))
    return op.add(op.mul(call.args[0], scale), offset)


def _mean_over_time(call: Call) -> Var:
    (sequence,) = call.args
    if call.mask is None:
        return op.reduce_mean(sequence, axes=[1], keepdims=False)
    real = op.unsqueeze(op.cast(call.mask, to=np.float32), _integers(2))
    total = op.reduce_sum(op.mul(sequence, real), _integers(1), keepdims=False)
    return op.div(total, op.reduce_sum(real, _integers(1), keepdims=False))


def _max_pooling(call: Call) -> Var:
    (size,), (strides,) = (np.atleast_1d(call.config[key]) for key in ("pool_size", "strides"))
    call.require(data_format="channels_last")
    call.facts.step_multiple *= int(strides)
    pooled, _ = op.max_pool(
        op.transpose(call.args[0], perm=[0, 2, 1]),
        kernel_shape=[int(size)],
        strides=[int(strides)],
        auto_pad="SAME_UPPER" if call.config["padding"] == "same" else "VALID",
    )
    return op.transpose(pooled, perm=[0, 2, 1])


def _operands(values: Sequence[Any]) -> list[Var]:
    """Tensors, and numbers as constants of their type."""
    like = next((value.unwrap_tensor().dtype for value in values if isinstance(value, Var)), np.float32)
    return [value if isinstance(value, Var) else op.const(value, like) for value in values]


def _binary(operator: Callable[[Var, Var], Var]) -> Convert:
    """Two tensors, or one and a number."""
    return lambda call: operator(*_operands(call.args))


def _squeezing(operator: Callable[[Var, Var], Var]) -> Convert:
    return lambda call: operator(call.args[0], _integers(*np.atleast_1d(call.config["axis"])))


def _get_item(call: Call) -> Var:
    """Numbers and slices of leading axes."""
    tensor, key = call.args
    for axis, part in reversed(list(enumerate(key if isinstance(key, tuple) else (key,)))):
        if isinstance(part, slice):
            start, end, step = (part.start or 0, _END if part.stop is None else part.stop, part.step or 1)
            if (start, end, step) == (0, _END, 1):
                continue
            if axis == 1 and start == 0:  # slices that begin later are the other words of the same steps
                call.facts.step_multiple *= step
            tensor = op.slice(tensor, *map(_integers, (start, end, axis, step)))
        elif isinstance(part, int):
            tensor = op.gather(tensor, op.const(part, np.int64), axis=axis)
        else:
            raise call.error(f"with {part!r} in brackets, only with numbers and slices")
    return tensor


def _split(call: Call) -> Sequence[Var]:
    count, axis = call.config["indices_or_sections"], call.config["axis"]
    if not isinstance(count, int):
        raise call.error(f"at {count}, only into parts of equal size")
    return op.split(call.args[0], outputs_count=count, axis=axis)


def _pad(call: Call) -> Var:
    call.require(mode="constant")
    before, after = zip(*call.config["pad_width"], strict=True)
    return op.pad(call.args[0], _integers(*before, *after))


# Keras' recurrent layers as the operators LSTM, GRU and RNN of https://onnx.ai/onnx/operators/: time first,
# one row of weights a gate, and `sequence_lens` in place of a mask: a row's words must come first in it.
# Keras' masks may leave out steps at either end of a row, so each row is shifted to the left before a masked
# operator and back after it.


class _Cell(NamedTuple):
    """How an operator differs from Keras' layer.

    Attributes:
        operator: in ONNX.
        gates: Keras' blocks of units in ONNX' order.
        roles: what each activation of the operator is in Keras' config.
        options: of the operator.
    """

    operator: Callable[..., tuple[Var, ...]]
    gates: tuple[int, ...]
    roles: tuple[str, ...]
    options: Mapping[str, int] = {}


_CELLS = {
    "SimpleRNN": _Cell(op.rnn, (0,), ("activation",)),
    # Keras: input, forget, candidate, output. ONNX: input, output, forget, candidate.
    "LSTM": _Cell(op.lstm, (0, 3, 1, 2), ("recurrent_activation", "activation", "activation")),
    # Both: update, reset, candidate.
    "GRU": _Cell(op.gru, (0, 1, 2), ("recurrent_activation", "activation"), {"linear_before_reset": 1}),
}
_CELL_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}


def _recurrent(kind: str) -> Convert:
    """The conversion of a layer of class ``kind``, which must read forward."""

    def convert(call: Call) -> Var:
        call.require(go_backwards=False)
        return _operator(call, kind, [(call.config, call.weights)])

    return convert


def _bidirectional(call: Call) -> Var:
    """Both directions side by side (Schuster & Paliwal, 1997), by one operator."""
    call.require(merge_mode="concat")
    forward, backward = call.config["layer"], call.config["backward_layer"]
    call.require(forward["config"], go_backwards=False)
    call.require(backward["config"], go_backwards=True, activation=forward["config"]["activation"])
    kinds = forward["class_name"], backward["class_name"]
    if kinds[0] not in _CELLS or kinds[0] != kinds[1]:
        raise call.error(f"with {kinds[0]} and {kinds[1]} in it, only with two of one of {', '.join(_CELLS)}")
    half = len(call.weights) // 2
    sides = [(forward["config"], call.weights[:half]), (backward["config"], call.weights[half:])]
    return _operator(call, kinds[0], sides)


def _operator(call: Call, kind: str, sides: list[tuple[Mapping[str, Any], list[np.ndarray]]]) -> Var:
    """(batch, steps, features) -> (batch, steps, units of all sides), or without steps."""
    for side, _ in sides:
        call.require(side, use_bias=True, return_state=False, stateful=False, reset_after=True)
    cell, config, (inputs,), facts = _CELLS[kind], sides[0][0], call.args, call.facts
    if call.mask is not None and call.mask not in facts.alignments:
        facts.alignments[call.mask] = _align(call.mask)
    aligned = facts.alignments[call.mask] if call.mask is not None else None
    facts.masked = facts.masked and aligned is not None
    if aligned:
        inputs = op.gather_nd(inputs, aligned.to_left, batch_dims=1)
    weights = [_cell_weights(cell, *side) for side in sides]
    all_states, last_states, *_ = cell.operator(
        op.transpose(inputs, perm=[1, 0, 2]),
        *(_weight(np.stack(arrays)) for arrays in zip(*weights, strict=True)),
        aligned and aligned.lengths,
        hidden_size=config["units"],
        direction="bidirectional" if len(sides) == 2 else "forward",
        activations=[_chosen(_CELL_ACTIVATIONS, call, config[role]) for role in cell.roles] * len(sides),
        **cell.options,
    )
    width = config["units"] * len(sides)
    if not config["return_sequences"]:  # (sides, batch, units)
        return op.reshape(op.transpose(last_states, perm=[1, 0, 2]), _integers(0, width))
    # (steps, sides, batch, units)
    states = op.reshape(op.transpose(all_states, perm=[2, 0, 1, 3]), _integers(0, 0, width))
    if not aligned:
        return states
    back = aligned.back if config["zero_output_for_mask"] else aligned.back_holding
    return op.gather_nd(states, back, batch_dims=1)


def _cell_weights(cell: _Cell, config: Mapping[str, Any], weights: list[np.ndarray]) -> list[np.ndarray]:
    """Kernel (gates * units, features), recurrent kernel (gates * units, units), bias (2 * gates * units)."""
    units = config["units"]
    order = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in cell.gates])
    kernel, recurrent_kernel, bias = weights
    # Only a GRU has a bias of its own at the recurrent product; elsewhere the two are added.
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return [kernel.T[order], recurrent_kernel.T[order], biases[:, order].reshape(-1)]


class _Alignment(NamedTuple):
    """Of a mask: a row's words, int32 (batch,), and indices int64 (batch, steps, 1) to its left end and back.

    A bidirectional layer of Keras gives zeros at masked steps (``back``), any other its last state, which is
    zero before the first word (``back_holding``). The operators give zeros beyond a row's length.
    """

    lengths: Var
    to_left: Var
    back: Var
    back_holding: Var


def _align(mask: Var) -> _Alignment:
    """``mask``: bool (batch, steps)."""
    counted = op.cast(mask, to=np.int32)  # as sequence_lens must be
    lengths = op.reduce_sum(counted, _integers(1), keepdims=False)
    first = op.arg_max(counted, axis=1, keepdims=True)  # 0 in a row without a word
    zero, one = op.const(0, np.int64), op.const(1, np.int64)
    steps = op.gather(op.shape(mask), one)
    places = op.range(zero, steps, one)

    def index(shifted: Var) -> Var:
        return op.unsqueeze(op.mod(shifted, steps), _integers(2))

    offset = op.sub(places, first)
    final = op.sub(op.unsqueeze(op.cast(lengths, to=np.int64), _integers(1)), one)
    # Left of the first word the offset is negative, and its remainder lies beyond the row's length.
    holding = op.min([offset, op.max([final, zero])])
    return _Alignment(lengths, index(op.add(places, first)), index(offset), index(holding))


_LAYERS: dict[str, Convert] = {
    "Embedding": _embedding,
    "Dropout": _unchanged,
    "SpatialDropout1D": _unchanged,
    "Identity": _unchanged,
    "SimpleRNN": _recurrent("SimpleRNN"),
    "LSTM": _recurrent("LSTM"),
    "GRU": _recurrent("GRU"),
    "Bidirectional": _bidirectional,
    "LayerNormalization": _layer_normalization,
    "Add": lambda call: op.sum(call.args[0]),
    "GlobalAveragePooling1D": _mean_over_time,
    "GlobalMaxPooling1D": lambda call: op.reduce_max(call.args[0], axes=[1], keepdims=False),
    "MaxPooling1D": _max_pooling,
    "Rescaling": _rescaling,
    "Dense": _dense,
}
# What `keras.ops` and operators leave in a graph.
_OPERATIONS: dict[str, Convert] = {
    "Add": _binary(op.add),
    "Subtract": _binary(op.sub),
    "Multiply": _binary(op.mul),
    "NotEqual": _binary(lambda one, other: op.not_(op.equal(one, other))),
    "Equal": _binary(op.equal),
    "Greater": _binary(op.greater),
    "Where": lambda call: op.where(call.args[0], *_operands(call.args[1:])),
    "GetItem": _get_item,
    "Cast": lambda call: op.cast(call.args[0], to=np.dtype(call.config["dtype"])),
    "ExpandDims": _squeezing(op.unsqueeze),
    "Squeeze": _squeezing(op.squeeze),
    "Split": _split,
    "Concatenate": lambda call: op.concat(call.args[0], axis=call.config["axis"]),
    "Einsum": lambda call: op.einsum(call.args, equation=call.config["subscripts"]),
    "Pad": _pad,
}


def converter(entry: Mapping[str, Any]) -> Convert:
    """The conversion of a layer or operation of a model's config.

    Raises:
        ValueError: if there is none: the message names it.
    """
    kind, module = entry["class_name"], entry["module"]
    known = (
        _LAYERS if module == "keras.layers" else _OPERATIONS if module.startswith("keras.src.ops.") else {}
    )
    if kind not in known:
        raise ValueError(
            f"{entry['name']} is a {module}.{kind}, which can't be written as ONNX yet: give it an entry in "
            "pipeline/serving/onnx_layers.py"
        )
    return known[kind]
