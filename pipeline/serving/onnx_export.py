"""A trained Keras network as an ONNX model: the same graph of standard operators, with the same weights.

The graph is the one that Keras writes into a `.keras` file (`keras.Model.get_config`), so what is converted
is what was trained: nothing here knows `ModelParams`. Each layer and operation of Keras has its operators in
a table. Spox names the tensors, infers their types and checks each operator's inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v17 as op
from spox import Var

from pipeline.reviews.vocabulary import PAD_ID

if TYPE_CHECKING:
    import keras

INPUT, OUTPUT = "token_ids", "probability"
_IR_VERSION = 8  # the one of opset 17's time, which old runtimes read too
_END = np.iinfo(np.int64).max  # of a slice without an end


@dataclass(frozen=True)
class _Call:
    """A layer or operation of a Keras model, and what it is called with."""

    kind: str  # its class
    name: str
    config: Mapping[str, Any]  # of Keras' `get_config`
    weights: list[np.ndarray]  # of `get_weights`; none of an operation
    args: tuple[Any, ...]  # a Var where Keras has a tensor
    mask: Var | None  # bool (batch, steps)

    def require(self, config: Mapping[str, Any] | None = None, **wanted: Any) -> None:
        """Raises ValueError if an option is another than the one that is converted."""
        config = self.config if config is None else config
        for key, value in wanted.items():
            if config.get(key, value) != value:
                raise _error(self.name, f"with {key} = {config[key]!r}, only with {value!r}")

    def choose(self, known: Mapping[str, Any], kind: str) -> Any:
        if kind not in known:
            raise _error(self.name, f"with {kind!r}, only with one of {', '.join(known)}")
        return known[kind]


def _error(name: str, why: str) -> ValueError:
    return ValueError(f"{name} can't be written as ONNX {why}")


def to_onnx(network: keras.Model) -> onnx.ModelProto:
    """Writes a network as ONNX.

    The model's input is `token_ids`, int32 (batch, steps), its output `probability`, float32 (batch, labels
    or 1); batch and steps may be any. Its metadata say `masked`, whether padding changes nothing, on either
    side of a row, so that rows may be cut to the longest of a batch.

    Args:
        network: a functional model from token ids to probabilities; what only trains, such as dropout, is
            left out. A masked recurrent layer gives zeros at padded steps, which nothing above it may read.

    Raises:
        ValueError: if it isn't such a model, or has a layer or an option that isn't known here.
    """
    config = network.get_config()
    if not {"layers", "input_layers", "output_layers"} <= set(config):
        raise _error(network.name, "since it is no functional Keras model")
    entries = {entry["name"]: entry for entry in config["layers"]}
    operations = {operation.name: operation for operation in network.operations}
    token_ids = spox.argument(spox.Tensor(np.int32, ("batch", "steps")))
    recurrent = [entry for entry in entries.values() if entry["class_name"] in (*_CELLS, "Bidirectional")]
    masked = all(node["kwargs"].get("mask") for entry in recurrent for node in entry["inbound_nodes"])
    start = _words_first(token_ids) if masked else token_ids
    done: dict[str, tuple[Var, ...]] = {_single(config["input_layers"]): (start,)}

    def resolve(argument: Any) -> Any:
        """An argument as Keras writes it, with tensors and slices in place."""
        if isinstance(argument, list | tuple):
            return tuple(map(resolve, argument))
        match argument:
            case {"class_name": "__keras_tensor__", "config": {"keras_history": (name, _, number)}}:
                if name not in done:
                    done[name] = convert(entries[name])
                return done[name][number]
            case {"class_name": "__slice__", "config": part}:
                return slice(part["start"], part["stop"], part["step"])
        return argument

    def convert(entry: Mapping[str, Any]) -> tuple[Var, ...]:
        name, kind, module = entry["name"], entry["class_name"], entry["module"]
        known = next((table for begin, table in _CONVERTERS.items() if module.startswith(begin)), {})
        if kind not in known:
            raise _error(name, f"since pipeline/serving/onnx_export.py has no entry for {module}.{kind}")
        if len(entry["inbound_nodes"]) != 1:
            raise _error(name, "since it is called more than once")
        (node,) = entry["inbound_nodes"]
        weights = [np.asarray(weight) for weight in getattr(operations[name], "get_weights", list)()]
        args, mask = resolve(node["args"]), resolve(node["kwargs"].get("mask"))
        outputs = known[kind](_Call(kind, name, entry["config"], weights, args, mask))
        return (outputs,) if isinstance(outputs, Var) else tuple(outputs)

    (output,) = convert(entries[_single(config["output_layers"])])
    model = spox.build({INPUT: token_ids}, {OUTPUT: output})
    model.ir_version = _IR_VERSION
    onnx.helper.set_model_props(model, {"masked": str(int(masked))})
    onnx.checker.check_model(model, full_check=True)
    return model


def _single(layers: Any) -> str:
    """The layer's name of a model's only input or output, which Keras writes as [name, node, tensor]."""
    if not isinstance(layers[0], str):
        raise _error("the network", f"since it must have one input and one output, but has {layers}")
    return layers[0]


def _words_first(token_ids: Var) -> Var:
    """Rows that begin with their first word, as the recurrent operators want them."""
    is_word = op.not_(op.equal(token_ids, op.const(PAD_ID, np.int32)))
    first = op.arg_max(op.cast(is_word, to=np.int32), axis=1, keepdims=True)  # 0 in a row without a word
    zero, one = op.const(0, np.int64), op.const(1, np.int64)
    steps = op.gather(op.shape(token_ids), one)
    return op.gather_elements(token_ids, op.mod(op.add(op.range(zero, steps, one), first), steps), axis=1)


def _weight(array: np.ndarray) -> Var:
    return op.const(array, np.float32)


def _integers(*values: int) -> Var:
    """int64 (len(values),), as ONNX wants axes and shapes."""
    return op.const(values, np.int64)


def _embedding(call: _Call) -> Var:
    call.require(mask_zero=False)
    return op.gather(_weight(call.weights[0]), call.args[0])


_ACTIVATIONS = {"linear": lambda sums: sums, "sigmoid": op.sigmoid, "softmax": op.softmax}


def _dense(call: _Call) -> Var:
    product = op.matmul(call.args[0], _weight(call.weights[0]))
    if call.config["use_bias"]:
        product = op.add(product, _weight(call.weights[1]))
    return call.choose(_ACTIVATIONS, call.config["activation"])(product)


def _layer_normalization(call: _Call) -> Var:
    """Ba et al. (2016), over the features."""
    call.require(center=True, scale=True, rms_scaling=False)
    gamma, beta = map(_weight, call.weights)
    return op.layer_normalization(call.args[0], gamma, beta, axis=-1, epsilon=call.config["epsilon"])[0]


def _rescaling(call: _Call) -> Var:
    scale, offset = (_weight(np.array(call.config[key])) for key in ("scale", "offset"))
    return op.add(op.mul(call.args[0], scale), offset)


def _mean_over_time(call: _Call) -> Var:
    (sequence,) = call.args
    if call.mask is None:
        return op.reduce_mean(sequence, axes=[1], keepdims=False)
    real = op.unsqueeze(op.cast(call.mask, to=np.float32), _integers(2))
    total = op.reduce_sum(op.mul(sequence, real), _integers(1), keepdims=False)
    return op.div(total, op.reduce_sum(real, _integers(1), keepdims=False))


def _max_of_pairs(call: _Call) -> Var:
    """Of each two steps; MaxPool, which wants time last, takes several times as long."""
    call.require(pool_size=(2,), strides=(2,), padding="same", data_format="channels_last")
    lowest = op.const(np.finfo(np.float32).min, np.float32)
    longer = op.pad(call.args[0], _integers(0, 0, 0, 0, 1, 0), lowest)  # for the last of an odd number
    first = op.slice(longer, *map(_integers, (0, -1, 1, 2)))
    return op.max([first, op.slice(longer, *map(_integers, (1, _END, 1, 2)))])


def _operands(values: Sequence[Any]) -> list[Var]:
    """Tensors, and numbers as constants of their type."""
    like = next((value.unwrap_tensor().dtype for value in values if isinstance(value, Var)), np.float32)
    return [value if isinstance(value, Var) else op.const(value, like) for value in values]


def _binary(operator: Callable[[Var, Var], Var]) -> Callable[[_Call], Var]:
    """Two tensors, or one and a number."""
    return lambda call: operator(*_operands(call.args))


def _along_axis(operator: Callable[[Var, Var], Var]) -> Callable[[_Call], Var]:
    return lambda call: operator(call.args[0], _integers(*np.atleast_1d(call.config["axis"])))


def _get_item(call: _Call) -> Var:
    """Numbers and slices of leading axes."""
    tensor, key = call.args
    for axis, part in reversed(list(enumerate(key if isinstance(key, tuple) else (key,)))):
        if not isinstance(part, slice):
            tensor = op.gather(tensor, op.const(part, np.int64), axis=axis)
        elif part != slice(None):
            end = _END if part.stop is None else part.stop
            tensor = op.slice(tensor, *map(_integers, (part.start or 0, end, axis, part.step or 1)))
    return tensor


def _split(call: _Call) -> Sequence[Var]:
    return op.split(call.args[0], outputs_count=call.config["indices_or_sections"], axis=call.config["axis"])


def _pad(call: _Call) -> Var:
    call.require(mode="constant")
    before, after = zip(*call.config["pad_width"], strict=True)
    return op.pad(call.args[0], _integers(*before, *after))


# Keras' recurrent layers as the operators LSTM, GRU and RNN of https://onnx.ai/onnx/operators/: time first,
# one row of weights a gate, and `sequence_lens` in place of a mask, since a row's words come first.


# Operator; Keras' blocks of units in ONNX' order; what each activation is in Keras' config; options.
_CELLS: dict[str, tuple[Callable[..., tuple[Var, ...]], list[int], list[str], dict[str, int]]] = {
    "SimpleRNN": (op.rnn, [0], ["activation"], {}),
    # Keras: input, forget, candidate, output. ONNX: input, output, forget, candidate.
    "LSTM": (op.lstm, [0, 3, 1, 2], ["recurrent_activation", "activation", "activation"], {}),
    # Both: update, reset, candidate.
    "GRU": (op.gru, [0, 1, 2], ["recurrent_activation", "activation"], {"linear_before_reset": 1}),
}
_CELL_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}
_Side = tuple[Mapping[str, Any], list[np.ndarray]]  # of a layer that reads in one direction: config, weights


def _one_direction(call: _Call) -> Var:
    call.require(go_backwards=False)
    return _recurrent(call, call.kind, [(call.config, call.weights)])


def _both_directions(call: _Call) -> Var:
    """Side by side (Schuster & Paliwal, 1997), by one operator."""
    call.require(merge_mode="concat")
    forward, backward = call.config["layer"], call.config["backward_layer"]
    call.require(forward["config"], go_backwards=False)
    call.require(backward["config"], go_backwards=True, activation=forward["config"]["activation"])
    call.require(backward, class_name=forward["class_name"])
    half = len(call.weights) // 2
    sides = [(forward["config"], call.weights[:half]), (backward["config"], call.weights[half:])]
    return _recurrent(call, forward["class_name"], sides)


def _recurrent(call: _Call, kind: str, sides: list[_Side]) -> Var:
    """(batch, steps, features) -> (batch, steps, units of all sides), or without steps."""
    for side, _ in sides:
        call.require(side, use_bias=True, return_state=False, stateful=False, reset_after=True)
    operator, gates, roles, options = call.choose(_CELLS, kind)
    config = sides[0][0]
    lengths = call.mask and op.reduce_sum(op.cast(call.mask, to=np.int32), _integers(1), keepdims=False)
    weights = zip(*(_cell_weights(gates, *side) for side in sides), strict=True)
    all_states, last_states, *_ = operator(
        op.transpose(call.args[0], perm=[1, 0, 2]),
        *(_weight(np.stack(arrays)) for arrays in weights),
        lengths,
        hidden_size=config["units"],
        direction="bidirectional" if len(sides) == 2 else "forward",
        activations=[call.choose(_CELL_ACTIVATIONS, config[role]) for role in roles] * len(sides),
        **options,
    )
    width = config["units"] * len(sides)
    if config["return_sequences"]:  # (steps, sides, batch, units)
        return op.reshape(op.transpose(all_states, perm=[2, 0, 1, 3]), _integers(0, 0, width))
    return op.reshape(op.transpose(last_states, perm=[1, 0, 2]), _integers(0, width))  # (sides, batch, units)


def _cell_weights(gates: list[int], config: Mapping[str, Any], weights: list[np.ndarray]) -> list[np.ndarray]:
    """Kernel (gates * units, features), recurrent kernel (gates * units, units), bias (2 * gates * units)."""
    units = config["units"]
    order = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in gates])
    kernel, recurrent_kernel, bias = weights
    # Only a GRU has a bias of its own at the recurrent product; elsewhere the two are added.
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return [kernel.T[order], recurrent_kernel.T[order], biases[:, order].reshape(-1)]


_CONVERTERS: dict[str, dict[str, Callable[[_Call], Var | Sequence[Var]]]] = {
    "keras.layers": {
        **dict.fromkeys(("Dropout", "SpatialDropout1D", "Identity"), lambda call: call.args[0]),
        **dict.fromkeys(_CELLS, _one_direction),
        "Bidirectional": _both_directions,
        "Embedding": _embedding,
        "LayerNormalization": _layer_normalization,
        "Add": lambda call: op.sum(call.args[0]),
        "GlobalAveragePooling1D": _mean_over_time,
        "GlobalMaxPooling1D": lambda call: op.reduce_max(call.args[0], axes=[1], keepdims=False),
        "MaxPooling1D": _max_of_pairs,
        "Rescaling": _rescaling,
        "Dense": _dense,
    },
    "keras.src.ops.": {  # what `keras.ops` and operators leave in a graph
        "Add": _binary(op.add),
        "Subtract": _binary(op.sub),
        "Multiply": _binary(op.mul),
        "NotEqual": _binary(lambda one, other: op.not_(op.equal(one, other))),
        "Equal": _binary(op.equal),
        "Greater": _binary(op.greater),
        "Where": lambda call: op.where(call.args[0], *_operands(call.args[1:])),
        "GetItem": _get_item,
        "Cast": lambda call: op.cast(call.args[0], to=np.dtype(call.config["dtype"])),
        "ExpandDims": _along_axis(op.unsqueeze),
        "Squeeze": _along_axis(op.squeeze),
        "Split": _split,
        "Concatenate": lambda call: op.concat(call.args[0], axis=call.config["axis"]),
        "Einsum": lambda call: op.einsum(call.args, equation=call.config["subscripts"]),
        "Pad": _pad,
    },
}
