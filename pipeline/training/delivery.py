"""The network that a study delivers: calibrated, so that its probabilities mean what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.calibration import worthwhile_calibration
from pipeline.evaluation.metrics import classification_metrics, weights_of
from pipeline.networks.devices import import_keras
from pipeline.params import Params
from pipeline.training.task import Data, Listen, file_bytes, network_of

if TYPE_CHECKING:
    import keras


def deliver(
    network: bytes, params: Params, data: Data, _listen: Listen
) -> tuple[bytes, dict[str, float | list[float]]]:
    """The network with its probabilities calibrated on the validation reviews, if that helps; a job.

    Where ``train.class_weights`` count some reviews more than others, the probabilities are those of reviews
    among which each label is as common as it then counts.

    Args:
        network: the bytes of a .keras file of :func:`pipeline.networks.stacked_rnn.build_stacked_rnn`'s.
        params: what it was made with.
        data: ``validation.token_ids`` and ``validation.labels`` are read.

    Returns:
        The bytes of a .keras file; and ``scale`` and ``shift`` of the logits (of more than two labels, a
        shift each), ``validation_ece_before`` and ``validation_ece_after``, the expected calibration error.
    """
    import_keras()
    from pipeline.networks.fused import choose_implementation  # noqa: PLC0415 - in the processes that fit
    from pipeline.training.compiled import compile_prediction  # noqa: PLC0415

    model = network_of(network)
    chosen = params.replace({"train.implementation": "auto"})
    predict = compile_prediction(model, choose_implementation(chosen.model, chosen.train))
    said, labels = predict(data["validation.token_ids"]), data["validation.labels"].astype(np.int64)
    weights = weights_of(params.train.class_weights, labels, said.shape[1])
    calibration = worthwhile_calibration(labels, said, weights)
    shift = calibration.shift if said.shape[1] > 2 else calibration.shift[1:]  # a sigmoid has one logit
    fold_calibration(model, calibration.scale, shift)
    return file_bytes(model), {
        "scale": calibration.scale,
        "shift": shift.tolist() if len(shift) > 1 else float(shift[0]),
        "validation_ece_before": classification_metrics(labels, said)["ece"],
        "validation_ece_after": classification_metrics(labels, calibration.apply(said))["ece"],
    }


def fold_calibration(network: keras.Model, scale: float, shift: np.ndarray) -> None:
    """Makes ``scale * logit + shift`` of the network's logits, by its output layer's own weights.

    So whatever computes the network, Keras, ONNX or NumPy, computes the calibrated one.

    Args:
        network: its last layer is a Dense with a sigmoid or a softmax; changed in place.
        scale: what the logits are multiplied by.
        shift: (1,), or (num_labels,) of a softmax; what is added to them.
    """
    kernel, bias = network.layers[-1].get_weights()
    # In float64, so that the weights are rounded once.
    network.layers[-1].set_weights([kernel * np.float64(scale), bias * np.float64(scale) + shift])
