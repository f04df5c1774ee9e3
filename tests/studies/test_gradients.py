"""The gradient's norms against finite differences of the loss."""

from typing import Any

import keras
import numpy as np
import pytest

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.networks.summary import recurrent_layers
from pipeline.params import Params
from pipeline.training.gradients import gradient_norms

TIMESTEPS, STEP = 5, 1e-2


def loss_with_moved_state(
    network: keras.Model, token_ids: np.ndarray, label: int, place: tuple[int, ...], changes: np.ndarray
) -> np.ndarray:
    """A review's loss with each of ``changes`` to the state at ``place``, its layer and step."""
    sequence = network.get_layer("embedding")(np.tile(token_ids, (len(changes), 1)))
    for number, layer in enumerate(recurrent_layers(network)):
        states = layer.cell.get_initial_state(len(changes))
        states = states if isinstance(states, list) else [states]
        outputs = []
        for t in range(TIMESTEPS):
            _, states = layer.cell(sequence[:, t], states)
            states = [states[0].numpy() + changes * ((number, t) == place), *states[1:]]
            outputs.append(states[0])
        sequence = np.stack(outputs, axis=1)
    probability = network.get_layer("probability")(sequence[:, -1]).numpy()[:, 0]
    return np.asarray(-np.log(probability if label else 1 - probability))


TOKEN_IDS, LABELS = np.array([[3, 8, 5, 11, 7], [4, 4, 9, 2, 15]], np.int32), np.array([1, 0])


def network_of(params: Params, **values: Any) -> keras.Model:
    small = {"depth": 2, "units": 3, "embedding_dim": 4, "dropout": 0.0}
    return build_stacked_rnn(params.model.model_copy(update=small | values), 20, TIMESTEPS, seed=1)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_norms_agree_with_finite_differences(params: Params, cell: str) -> None:
    network = network_of(params, cell=cell)
    expected = np.zeros((2, TIMESTEPS))
    for review in zip(TOKEN_IDS, LABELS, strict=True):
        for place in np.ndindex(2, TIMESTEPS):
            changes = STEP * np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
            ahead, behind = np.split(loss_with_moved_state(network, *review, place, changes), 2)
            expected[place] += np.linalg.norm((ahead - behind) / (2 * STEP)) / 2
    np.testing.assert_allclose(gradient_norms(network, TOKEN_IDS, LABELS), expected, rtol=0.02, atol=1e-5)


@pytest.mark.parametrize("extra", [{"skip": "highway"}, {"masking": True}])
def test_at_the_top_layers_last_step_the_norm_is_that_of_the_output(
    params: Params, extra: dict[str, str | bool]
) -> None:
    """There the state's only way is the output's weights w: the norm is |w| |p - y|, less a skip's gate."""
    network = network_of(params, cell="gru", **extra)
    probability = network.predict(TOKEN_IDS, verbose=0)[:, 0]
    weights = network.get_layer("probability").kernel.numpy()[:, 0]
    if "skip" in extra:
        gate = keras.Model(network.input, network.get_layer("gate_2").output)(TOKEN_IDS).numpy()[:, -1]
        weights = weights * gate
    expected = np.mean(np.linalg.norm(weights * np.abs(probability - LABELS)[:, None], axis=1))
    norms = gradient_norms(network, TOKEN_IDS, LABELS)
    assert norms.shape == (2, TIMESTEPS)
    assert norms[-1, -1] == pytest.approx(float(expected), rel=1e-4)


def test_a_layer_that_reads_both_ways_alike_treats_a_palindrome_alike(params: Params) -> None:
    network = network_of(params, depth=1, bidirectional=True)
    (layer,) = recurrent_layers(network)
    layer.backward_layer.set_weights(layer.forward_layer.get_weights())
    output = network.get_layer("probability")
    kernel, bias = output.get_weights()
    kernel[3:] = kernel[:3]
    output.set_weights([kernel, bias])
    (norms,) = gradient_norms(network, np.array([[3, 8, 5, 8, 3]], np.int32), np.array([1]))
    np.testing.assert_allclose(norms, norms[::-1], rtol=1e-5)
    assert norms[0] != pytest.approx(norms[1], rel=1e-3)
