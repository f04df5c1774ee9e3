"""The gradient's norms against finite differences of the loss."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.networks.summary import recurrent_layers
from pipeline.params import Params
from pipeline.training.gradients import gradient_norms

TIMESTEPS, STEP = 5, 1e-2


def loss_with_moved_state(
    network: keras.Model,
    token_ids: np.ndarray,
    label: int,
    move: Callable[[int, int, np.ndarray], np.ndarray],
) -> float:
    """The loss of one review, computed step by step; ``move`` changes a state by layer and step."""
    sequence = network.get_layer("embedding")(token_ids)
    for number, layer in enumerate(recurrent_layers(network)):
        states = layer.cell.get_initial_state(1)
        states = states if isinstance(states, list) else [states]
        outputs = []
        for t in range(TIMESTEPS):
            _, states = layer.cell(sequence[:, t], states)
            states = [move(number, t, states[0].numpy()), *states[1:]]
            outputs.append(states[0])
        sequence = np.stack(outputs, axis=1)
    probability = network.get_layer("probability")(sequence[:, -1]).numpy()[0, 0]
    return float(-np.log(probability if label else 1 - probability))


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_norms_agree_with_finite_differences(params: Params, cell: str) -> None:
    small = params.replace(
        {
            "model.cell": cell,
            "model.depth": 2,
            "model.units": 3,
            "model.embedding_dim": 4,
            "model.dropout": 0.0,
        }
    )
    network = build_stacked_rnn(small.model, 20, TIMESTEPS, seed=1)
    token_ids, labels = np.array([[3, 8, 5, 11, 7], [4, 4, 9, 2, 15]], np.int32), np.array([1, 0])
    expected = np.zeros((2, TIMESTEPS))
    for row, label in zip(token_ids, labels, strict=True):
        for layer, t in np.ndindex(2, TIMESTEPS):
            slopes = []
            for unit in np.eye(3, dtype=np.float32):
                ahead, behind = (
                    loss_with_moved_state(
                        network,
                        row[None],
                        int(label),
                        lambda at, step, h, d=sign * STEP * unit, want=(layer, t): (
                            h + d if (at, step) == want else h
                        ),
                    )
                    for sign in (1, -1)
                )
                slopes.append((ahead - behind) / (2 * STEP))
            expected[layer, t] += np.linalg.norm(slopes) / 2
    np.testing.assert_allclose(gradient_norms(network, token_ids, labels), expected, rtol=0.02, atol=1e-5)


@pytest.mark.parametrize("extra", [{"model.skip": "highway"}, {"model.masking": True}])
def test_at_the_top_layers_last_step_the_norm_is_that_of_the_output(
    params: Params, extra: dict[str, str | bool]
) -> None:
    """There the state's only way is the output's weights w: the norm is |w| |p - y|, less a skip's gate."""
    values = {"model.depth": 2, "model.units": 3, "model.dropout": 0.0, "model.cell": "gru", **extra}
    network = build_stacked_rnn(params.replace(values).model, 20, TIMESTEPS, seed=1)
    token_ids, labels = np.array([[3, 8, 5, 11, 7], [4, 4, 9, 2, 15]], np.int32), np.array([1, 0])
    probability = network.predict(token_ids, verbose=0)[:, 0]
    weights = network.get_layer("probability").kernel.numpy()[:, 0]
    if "model.skip" in extra:
        gate = keras.Model(network.input, network.get_layer("gate_2").output)(token_ids).numpy()[:, -1]
        weights = weights * gate
    expected = np.mean(np.linalg.norm(weights * np.abs(probability - labels)[:, None], axis=1))
    norms = gradient_norms(network, token_ids, labels)
    assert norms.shape == (2, TIMESTEPS)
    assert norms[-1, -1] == pytest.approx(float(expected), rel=1e-4)


def test_a_layer_that_reads_both_ways_alike_treats_a_palindrome_alike(params: Params) -> None:
    values = {"model.depth": 1, "model.units": 3, "model.bidirectional": True, "model.dropout": 0.0}
    network = build_stacked_rnn(params.replace(values).model, 20, TIMESTEPS, seed=1)
    (layer,) = recurrent_layers(network)
    layer.backward_layer.set_weights(layer.forward_layer.get_weights())
    output = network.get_layer("probability")
    kernel, bias = output.get_weights()
    kernel[3:] = kernel[:3]
    output.set_weights([kernel, bias])
    (norms,) = gradient_norms(network, np.array([[3, 8, 5, 8, 3]], np.int32), np.array([1]))
    np.testing.assert_allclose(norms, norms[::-1], rtol=1e-5)
    assert norms[0] != pytest.approx(norms[1], rel=1e-3)
