"""A small builder of ONNX graphs: names for tensors, constants, and what a Keras layer is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
_IR_VERSION = 8  # the one of opset 17's time, which old runtimes read too


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    Attributes:
        name: in the ONNX graph.
        dtype: as Keras calls it: float32, int32, bool.
        shape: as Keras has it; None where it varies.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Call:
    """A layer or operation of a Keras model, and what it is called with.

    Attributes:
        name: the layer's.
        config: what Keras' `get_config` says of it.
        weights: the arrays of `get_weights`; none of an operation.
        args: positional arguments, :class:`Tensor` where Keras has a tensor.
        kwargs: named ones that aren't None, without `training`.
    """

    name: str
    config: Mapping[str, Any]
    weights: list[np.ndarray]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def require(self, config: Mapping[str, Any] | None = None, **wanted: Any) -> None:
        """Checks options that are converted for one value only.

        Raises:
            ValueError: if one of the config is another.
        """
        config = self.config if config is None else config
        for key, value in wanted.items():
            if config.get(key, value) != value:
                raise ValueError(
                    f"{self.name} can't be written as ONNX with {key} = {config[key]!r}, only with {value!r}"
                    ": add the case to pipeline/serving/onnx_layers.py"
                )


Outputs = str | list[str]
Convert = Callable[["Graph", Call], Outputs]


class Graph:
    """Collects nodes and constants in the order of their computation.

    Attributes:
        step_multiple: rows may be cut by a multiple of so many time steps; above 1 where steps are pooled.
        masked: whether every recurrent layer so far passes over padding.
    """

    def __init__(self) -> None:
        self.step_multiple = 1
        self.masked = True
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._shared: dict[str, Any] = {}

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node of one output and returns the output's name; an input "" is left out."""
        return self.add_many(op, 1, *inputs, **attributes)[0]

    def add_many(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Adds a node of several outputs and returns their names."""
        names = [f"{op}_{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def add_output(self, tensor: str, name: str) -> None:
        """Gives ``tensor`` a name from outside, as an output."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))

    def constant(self, value: Any, dtype: str | np.dtype[Any]) -> str:
        """Adds a constant and returns its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def integers(self, *values: int) -> str:
        """A constant of shape (len(values),), int64, as ONNX wants axes and shapes."""
        return self.constant(values, "int64")

    def operand(self, value: Any, like: Tensor) -> str:
        """The name of a tensor, or of a number as a constant of ``like``'s type."""
        return value.name if isinstance(value, Tensor) else self.constant(value, like.dtype)

    def shared(self, key: str, build: Callable[[], Any]) -> Any:
        """What ``build`` adds, once for each key."""
        if key not in self._shared:
            self._shared[key] = build()
        return self._shared[key]

    def model(
        self, name: str, inputs: Mapping[str, str], outputs: Mapping[str, int], facts: Mapping[str, str]
    ) -> onnx.ModelProto:
        """The finished, checked model.

        Args:
            name: the graph's.
            inputs: the input's name and its Keras dtype; of shape (batch, steps), both dynamic.
            outputs: each output's name and width; float32 (batch, width).
            facts: kept as the model's metadata.
        """
        graph = helper.make_graph(
            self._nodes,
            name,
            [
                helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), _ROWS)
                for key, dtype in inputs.items()
            ],
            [
                helper.make_tensor_value_info(key, onnx.TensorProto.FLOAT, ["batch", width])
                for key, width in outputs.items()
            ],
            self._constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION
        )
        helper.set_model_props(model, dict(facts))
        onnx.checker.check_model(model, full_check=True)
        return model


_ROWS = ["batch", "steps"]
