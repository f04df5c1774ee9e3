"""A calibration in the output layer's weights; how it is found is in tests/evaluation/test_calibration.py."""

import keras
import numpy as np

from pipeline.evaluation.calibration import Calibration
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.training.delivery import fold_calibration
from plain import plain_params
from two_labels import both


def test_the_network_with_the_calibration_in_it_gives_the_calibrated_probabilities() -> None:
    model = plain_params().model.model_copy(update={"units": 4, "depth": 2})
    network = build_stacked_rnn(model, 30, 6, seed=0)
    network.layers[-1].set_weights([network.layers[-1].get_weights()[0] * 20, np.array([0.7])])
    token_ids = np.random.default_rng(0).integers(1, 30, (40, 6)).astype(np.int32)
    before = np.asarray(network(token_ids))[:, 0]
    expected = 1 / (1 + np.exp(-(0.4 * np.log(before / (1 - before)) - 0.3)))
    calibration = Calibration(0.4, np.array([0, -0.3]))
    np.testing.assert_allclose(calibration.apply(both(before))[:, 1], expected, atol=1e-6)
    fold_calibration(network, calibration.scale, calibration.shift[1:])
    np.testing.assert_allclose(np.asarray(network(token_ids))[:, 0], expected, atol=1e-5)


def test_a_softmax_is_shifted_label_by_label() -> None:
    inputs = keras.Input((2,))
    network = keras.Model(inputs, keras.layers.Dense(3, "softmax")(inputs))
    logits = np.array([[1.0, 2.0, 3.0]])
    network.layers[-1].set_weights([np.zeros((2, 3)), logits[0]])
    shift = np.array([0.0, 0.5, -1.0])
    fold_calibration(network, 2.0, shift)
    expected = np.exp([2.0, 4.5, 5.0]) / np.exp([2.0, 4.5, 5.0]).sum()
    np.testing.assert_allclose(np.asarray(network(np.zeros((1, 2))))[0], expected, rtol=1e-5)
