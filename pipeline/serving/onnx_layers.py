"""Which ONNX nodes a layer or operation of Keras becomes: one function an entry of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from pipeline.serving.onnx_graph import Call, Convert, Graph, Outputs, Tensor
from pipeline.serving.onnx_recurrent import bidirectional, recurrent

_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}
_END = np.iinfo(np.int64).max  # of a slice without an end


def _unchanged(_graph: Graph, call: Call) -> Outputs:
    """What does nothing at inference."""
    return str(call.args[0].name)


def _embedding(graph: Graph, call: Call) -> Outputs:
    call.require(mask_zero=False)
    return graph.add("Gather", graph.constant(call.weights[0], "float32"), call.args[0].name)


def _dense(graph: Graph, call: Call) -> Outputs:
    product = graph.add("MatMul", call.args[0].name, graph.constant(call.weights[0], "float32"))
    if call.config["use_bias"]:
        product = graph.add("Add", product, graph.constant(call.weights[1], "float32"))
    activation = call.config["activation"]
    if activation == "linear":
        return product
    if activation not in _ACTIVATIONS:
        raise ValueError(
            f"{call.name} can't be written as ONNX with the activation {activation!r}, only with linear, "
            f"{', '.join(_ACTIVATIONS)}"
        )
    return graph.add(_ACTIVATIONS[activation], product)


def _layer_normalization(graph: Graph, call: Call) -> Outputs:
    """Ba et al. (2016), over the features."""
    call.require(center=True, scale=True, rms_scaling=False)
    gamma, beta = (graph.constant(array, "float32") for array in call.weights)
    return graph.add(
        "LayerNormalization", call.args[0].name, gamma, beta, axis=-1, epsilon=call.config["epsilon"]
    )


def _sum_of(graph: Graph, call: Call) -> Outputs:
    return graph.add("Sum", *(tensor.name for tensor in call.args[0]))


def _mean_over_time(graph: Graph, call: Call) -> Outputs:
    sequence, mask = call.args[0], call.kwargs.get("mask")
    if mask is None:
        return graph.add("ReduceMean", sequence.name, axes=[1], keepdims=0)
    real = graph.add("Cast", mask.name, to=1)
    steps = graph.integers(1)
    real = graph.add("Unsqueeze", real, graph.integers(2))
    total = graph.add("ReduceSum", graph.add("Mul", sequence.name, real), steps, keepdims=0)
    return graph.add("Div", total, graph.add("ReduceSum", real, steps, keepdims=0))


def _max_over_time(graph: Graph, call: Call) -> Outputs:
    return graph.add("ReduceMax", call.args[0].name, axes=[1], keepdims=0)


def _max_pooling(graph: Graph, call: Call) -> Outputs:
    (size,), (strides,) = (np.atleast_1d(call.config[key]) for key in ("pool_size", "strides"))
    call.require(data_format="channels_last")
    graph.step_multiple *= int(strides)
    features_first = graph.add("Transpose", call.args[0].name, perm=[0, 2, 1])
    pad = "SAME_UPPER" if call.config["padding"] == "same" else "VALID"
    pooled = graph.add(
        "MaxPool", features_first, kernel_shape=[int(size)], strides=[int(strides)], auto_pad=pad
    )
    return graph.add("Transpose", pooled, perm=[0, 2, 1])


def _binary(operator: str, negated: bool = False) -> Convert:
    """Two tensors, or one and a number."""

    def convert(graph: Graph, call: Call) -> Outputs:
        like = next(value for value in call.args if isinstance(value, Tensor))
        result = graph.add(operator, *(graph.operand(value, like) for value in call.args))
        return graph.add("Not", result) if negated else result

    return convert


def _where(graph: Graph, call: Call) -> Outputs:
    condition, *values = call.args
    like = next((value for value in values if isinstance(value, Tensor)), Tensor("", "float32", ()))
    return graph.add("Where", condition.name, *(graph.operand(value, like) for value in values))


def _cast(graph: Graph, call: Call) -> Outputs:
    to = helper.np_dtype_to_tensor_dtype(np.dtype(call.config["dtype"]))
    return graph.add("Cast", call.args[0].name, to=to)


def _expand_dims(graph: Graph, call: Call) -> Outputs:
    axes = np.atleast_1d(call.config["axis"]).tolist()
    return graph.add("Unsqueeze", call.args[0].name, graph.integers(*axes))


def _squeeze(graph: Graph, call: Call) -> Outputs:
    axes = np.atleast_1d(call.config["axis"]).tolist()
    return graph.add("Squeeze", call.args[0].name, graph.integers(*axes))


def _get_item(graph: Graph, call: Call) -> Outputs:
    """Numbers and slices of leading axes."""
    tensor, key = call.args
    name = tensor.name
    for axis, part in reversed(list(enumerate(key if isinstance(key, tuple) else (key,)))):
        if isinstance(part, slice):
            bounds = (part.start or 0, _END if part.stop is None else part.stop, part.step or 1)
            if bounds == (0, _END, 1):
                continue
            graph.step_multiple *= bounds[2] if axis == 1 else 1
            starts, ends, steps = (graph.integers(bound) for bound in bounds)
            name = graph.add("Slice", name, starts, ends, graph.integers(axis), steps)
        elif isinstance(part, int):
            name = graph.add("Gather", name, graph.constant(part, "int64"), axis=axis)
        else:
            raise ValueError(
                f"{call.name} can't be written as ONNX: {part!r} is neither a number nor a slice"
            )
    return str(name)


def _split(graph: Graph, call: Call) -> Outputs:
    count, axis = call.config["indices_or_sections"], call.config["axis"]
    if not isinstance(count, int):
        raise ValueError(
            f"{call.name} can't be written as ONNX: only into parts of equal size, not at {count}"
        )
    return graph.add_many("Split", count, call.args[0].name, axis=axis)


def _concatenate(graph: Graph, call: Call) -> Outputs:
    return graph.add("Concat", *(tensor.name for tensor in call.args[0]), axis=call.config["axis"])


def _einsum(graph: Graph, call: Call) -> Outputs:
    return graph.add("Einsum", *(tensor.name for tensor in call.args), equation=call.config["subscripts"])


def _pad(graph: Graph, call: Call) -> Outputs:
    call.require(mode="constant")
    before, after = zip(*call.config["pad_width"], strict=True)
    return graph.add("Pad", call.args[0].name, graph.integers(*before, *after))


LAYERS: dict[str, Convert] = {
    "Embedding": _embedding,
    "Dropout": _unchanged,
    "SpatialDropout1D": _unchanged,
    "Identity": _unchanged,
    "SimpleRNN": recurrent("SimpleRNN"),
    "LSTM": recurrent("LSTM"),
    "GRU": recurrent("GRU"),
    "Bidirectional": bidirectional,
    "LayerNormalization": _layer_normalization,
    "Add": _sum_of,
    "GlobalAveragePooling1D": _mean_over_time,
    "GlobalMaxPooling1D": _max_over_time,
    "MaxPooling1D": _max_pooling,
    "Dense": _dense,
}
# What `keras.ops` and operators leave in a graph.
OPERATIONS: dict[str, Convert] = {
    "Add": _binary("Add"),
    "Subtract": _binary("Sub"),
    "Multiply": _binary("Mul"),
    "NotEqual": _binary("Equal", negated=True),
    "Greater": _binary("Greater"),
    "Where": _where,
    "GetItem": _get_item,
    "Cast": _cast,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Split": _split,
    "Concatenate": _concatenate,
    "Einsum": _einsum,
    "Pad": _pad,
}


def converter(entry: dict[str, Any]) -> Convert:
    """The conversion of a layer or operation of a model's config.

    Raises:
        ValueError: if there is none: the message names it.
    """
    kind, module = entry["class_name"], entry["module"]
    known = LAYERS if module == "keras.layers" else OPERATIONS if module.startswith("keras.src.ops.") else {}
    if kind not in known:
        raise ValueError(
            f"{entry['name']} is a {module}.{kind}, which can't be written as ONNX yet: give it an entry in "
            "pipeline/serving/onnx_layers.py"
        )
    return known[kind]
