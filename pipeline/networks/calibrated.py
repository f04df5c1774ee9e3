"""A network that carries its calibration in the weights of its output layer."""

from __future__ import annotations

import keras
import numpy as np


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
