"""A trained Keras network as an ONNX model: the same graph of standard operators, with the same weights.

The graph is the one that Keras writes into a `.keras` file (`keras.Model.get_config`), so what is converted
is what was trained: nothing here knows `ModelParams`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.serving.onnx_graph import Call, Graph, Tensor
from pipeline.serving.onnx_layers import converter

if TYPE_CHECKING:
    import keras
    import onnx

INPUT, OUTPUT = "token_ids", "probability"


def to_onnx(network: keras.Model) -> onnx.ModelProto:
    """Writes a network as ONNX.

    The model's input is `token_ids`, int32 (batch, steps), its output `probability`, float32 (batch, labels
    or 1); batch and steps may be any. Its metadata say `masked`, whether padding changes nothing, so that
    rows may be cut to the longest of a batch, and `step_multiple`, by a multiple of which.

    Args:
        network: a functional model from token ids to probabilities; what only trains, such as dropout, is
            left out. A mask leaves out steps at the ends of a row, not between words.

    Raises:
        ValueError: if it isn't such a model, or has a layer or an option that isn't known here.
    """
    config = _functional_config(network)
    entries = {entry["name"]: entry for entry in config["layers"]}
    operations = {operation.name: operation for operation in network.operations}
    graph, token_ids = Graph(), _single(config["input_layers"])
    done: dict[str, list[str]] = {token_ids: [INPUT]}

    def tensor(reference: Mapping[str, Any]) -> Tensor:
        facts = reference["config"]
        name, _, number = facts["keras_history"]
        if name not in done:
            outputs = converter(entries[name])(graph, _call(entries[name], operations[name], tensor))
            done[name] = [outputs] if isinstance(outputs, str) else outputs
        return Tensor(done[name][number], facts["dtype"], tuple(facts["shape"]))

    output = network.outputs[0]
    reference = {"keras_history": (_single(config["output_layers"]), 0, 0), "dtype": output.dtype}
    graph.add_output(tensor({"config": reference | {"shape": output.shape}}).name, OUTPUT)
    return graph.model(
        network.name,
        {INPUT: "int32"},
        {OUTPUT: output.shape[-1]},
        {"masked": str(int(graph.masked)), "step_multiple": str(graph.step_multiple)},
    )


def convert_file(source: Path, target: Path) -> None:
    """Writes the ONNX model of a `.keras` file."""
    import keras  # noqa: PLC0415 - seconds; whoever has a network in memory has it already

    network = keras.models.load_model(source, compile=False, safe_mode=True)
    target.write_bytes(to_onnx(network).SerializeToString())


def _functional_config(network: keras.Model) -> dict[str, Any]:
    config = network.get_config()
    if not {"layers", "input_layers", "output_layers"} <= set(config):
        raise ValueError(f"{network.name} can't be written as ONNX: it must be a functional Keras model")
    return dict(config)


def _single(layers: Any) -> str:
    """The layer's name of a model's only input or output, which Keras writes as [name, node, tensor]."""
    if not isinstance(layers[0], str):
        raise ValueError(f"the network must have one input and one output to become ONNX, but has {layers}")
    return layers[0]


def _call(entry: Mapping[str, Any], operation: Any, tensor: Callable[[Mapping[str, Any]], Tensor]) -> Call:
    if len(entry["inbound_nodes"]) != 1:
        raise ValueError(f"{entry['name']} can't be written as ONNX: it must be called once")
    (node,) = entry["inbound_nodes"]
    # An argument that is None, and `training`, say nothing to a forward pass.
    named = {key: value for key, value in node["kwargs"].items() if value is not None and key != "training"}
    weights = [np.asarray(weight) for weight in getattr(operation, "get_weights", list)()]
    return Call(
        entry["name"], entry["config"], weights, _resolved(node["args"], tensor), _resolved(named, tensor)
    )


def _resolved(argument: Any, tensor: Callable[[Mapping[str, Any]], Tensor]) -> Any:
    """An argument as Keras writes it, with tensors and slices in place."""
    if isinstance(argument, list | tuple):
        return tuple(_resolved(item, tensor) for item in argument)
    if not isinstance(argument, dict):
        return argument
    match argument.get("class_name"):
        case "__keras_tensor__":
            return tensor(argument)
        case "__slice__":
            return slice(*(argument["config"][key] for key in ("start", "stop", "step")))
    return {key: _resolved(item, tensor) for key, item in argument.items()}
