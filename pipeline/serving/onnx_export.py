"""A trained Keras network as an ONNX model: the same graph of standard operators, with the same weights.

The graph is the one that Keras writes into a `.keras` file (`keras.Model.get_config`), so what is converted
is what was trained: nothing here knows `ModelParams`. Spox names the tensors, infers their types and checks
each operator's inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import spox

from pipeline.serving.onnx_layers import Call, Facts, converter

if TYPE_CHECKING:
    import keras

INPUT, OUTPUT = "token_ids", "probability"
_IR_VERSION = 8  # the one of opset 17's time, which old runtimes read too


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
    config = network.get_config()
    if not {"layers", "input_layers", "output_layers"} <= set(config):
        raise ValueError(f"{network.name} can't be written as ONNX: it must be a functional Keras model")
    entries = {entry["name"]: entry for entry in config["layers"]}
    facts, token_ids = Facts(), spox.argument(spox.Tensor(np.int32, ("batch", "steps")))
    done: dict[str, tuple[spox.Var, ...]] = {_single(config["input_layers"]): (token_ids,)}

    def tensor(reference: Mapping[str, Any]) -> spox.Var:
        name, _, number = reference["config"]["keras_history"]
        if name not in done:
            outputs = converter(entries[name])(_call(entries[name], network, tensor, facts))
            done[name] = (outputs,) if isinstance(outputs, spox.Var) else tuple(outputs)
        return done[name][number]

    output = tensor({"config": {"keras_history": (_single(config["output_layers"]), 0, 0)}})
    model = spox.build({INPUT: token_ids}, {OUTPUT: output})
    model.ir_version = _IR_VERSION
    facts_text = {"masked": str(int(facts.masked)), "step_multiple": str(facts.step_multiple)}
    onnx.helper.set_model_props(model, facts_text)
    onnx.checker.check_model(model, full_check=True)
    return model


def _single(layers: Any) -> str:
    """The layer's name of a model's only input or output, which Keras writes as [name, node, tensor]."""
    if not isinstance(layers[0], str):
        raise ValueError(f"the network must have one input and one output to become ONNX, but has {layers}")
    return layers[0]


def _call(
    entry: Mapping[str, Any],
    network: keras.Model,
    tensor: Callable[[Mapping[str, Any]], spox.Var],
    facts: Facts,
) -> Call:
    name = entry["name"]
    if len(entry["inbound_nodes"]) != 1:
        raise ValueError(f"{name} can't be written as ONNX: it must be called once")

    def resolved(argument: Any) -> Any:
        """An argument as Keras writes it, with tensors and slices in place."""
        if isinstance(argument, list | tuple):
            return tuple(map(resolved, argument))
        if not isinstance(argument, dict):
            return argument
        match argument.get("class_name"):
            case "__keras_tensor__":
                return tensor(argument)
            case "__slice__":
                return slice(*(argument["config"][key] for key in ("start", "stop", "step")))
        return {key: resolved(item) for key, item in argument.items()}

    (node,) = entry["inbound_nodes"]
    operation = next(each for each in network.operations if each.name == name)
    weights = [np.asarray(weight) for weight in getattr(operation, "get_weights", list)()]
    mask = node["kwargs"].get("mask")
    return Call(name, entry["config"], weights, resolved(node["args"]), mask and resolved(mask), facts)
