"""The network that a study delivers: calibrated, so that its probabilities mean what they say."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from pipeline.evaluation.calibration import worthwhile_calibration
from pipeline.evaluation.metrics import classification_metrics, weights_of
from pipeline.networks.fused import choose_implementation
from pipeline.params import Params
from pipeline.training.compiled import Split, compile_prediction


def deliver(network: Path, params: Params, validation: Split, target: Path) -> dict[str, float | list[float]]:
    """Writes the network to ``target`` with its probabilities calibrated on ``validation``, if that helps.

    Where ``train.class_weights`` count some reviews more than others, the probabilities are those of reviews
    among which each label is as common as it then counts.

    Args:
        network: a .keras file of :func:`pipeline.networks.stacked_rnn.build_stacked_rnn`'s.
        params: what it was made with.
        validation: reviews that it wasn't fitted to; labels whole numbers from 0.
        target: a .keras file.

    Returns:
        ``scale`` and ``shift`` of the logits (of more than two labels, a shift each),
        and ``validation_ece_before`` and ``validation_ece_after``,
        the expected calibration error on ``validation``.
    """
    model = keras.models.load_model(network, compile=False, safe_mode=True)
    chosen = params.replace({"train.implementation": "auto"})
    predict = compile_prediction(model, choose_implementation(chosen.model, chosen.train))
    said = predict(validation.token_ids)
    labels = validation.labels.astype(np.int64)
    weights = weights_of(params.train.class_weights, labels, said.shape[1])
    calibration = worthwhile_calibration(labels, said, weights)
    shift = calibration.shift if said.shape[1] > 2 else calibration.shift[1:]  # a sigmoid has one logit
    fold_calibration(model, calibration.scale, shift)
    model.save(target)
    return {
        "scale": calibration.scale,
        "shift": shift.tolist() if len(shift) > 1 else float(shift[0]),
        "validation_ece_before": classification_metrics(labels, said)["ece"],
        "validation_ece_after": classification_metrics(labels, calibration.apply(said))["ece"],
    }


# A network that carries its calibration in the weights of its output layer.


def fold_calibration(network: keras.Model, scale: float, shift: np.ndarray) -> None:
    """Makes ``scale * logit + shift`` of the network's logits, by its output layer's own weights.

    So whatever computes the network, Keras, ONNX or NumPy, computes the calibrated one.

    Args:
        network: its last layer is a Dense with a sigmoid or a softmax; changed in place.
        scale: what the logits are multiplied by.
        shift: (1,), or (num_labels,) of a softmax; what is added to them.

    Raises:
        ValueError: if the last layer is another, or has another number of logits.
    """
    output = network.layers[-1]
    activation = getattr(output, "activation", None)
    if not isinstance(output, keras.layers.Dense) or activation not in (
        keras.activations.sigmoid,
        keras.activations.softmax,
    ):
        raise ValueError(
            "a calibration can be folded into a Dense layer with a sigmoid or softmax only, "
            f"but the last layer is {output.name} ({type(output).__name__})"
        )
    kernel, bias = output.get_weights()
    if shift.shape != bias.shape:
        raise ValueError(f"shift must have the shape {bias.shape} of the logits, but got {shift.shape}")
    # In float64, so that the weights are rounded once.
    output.set_weights([kernel * np.float64(scale), bias * np.float64(scale) + shift])
