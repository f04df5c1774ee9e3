"""The network against the recurrences in numpy, and each parameter against a network without it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.networks.stacked_rnn import TOP_STATES, build_stacked_rnn
from pipeline.networks.summary import LayerSummary, summarize, summary_text
from pipeline.params import ModelParams
from plain import plain_params
from random_networks import randomized

PARAMS = plain_params()

VOCAB_SIZE, MAX_LENGTH = 11, 6
PLAIN: dict[str, Any] = {"cell": "simple_rnn", "units": 3, "embedding_dim": 4, "dropout": 0.0}
TOKEN_IDS = np.array([[0, 0, 1, 7, 3, 2], [1, 9, 4, 4, 10, 5]], np.int32)


def model_params(**values: Any) -> ModelParams:
    return PARAMS.model.model_copy(update=PLAIN | values)


def network(max_length: int = MAX_LENGTH, seed: int = 3, **values: Any) -> keras.Model:
    return build_stacked_rnn(model_params(**values), VOCAB_SIZE, max_length, seed)


def outputs(model: keras.Model, token_ids: np.ndarray = TOKEN_IDS, training: bool = False) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(model(token_ids, training=training)))


def top_states(model: keras.Model, token_ids: np.ndarray = TOKEN_IDS) -> np.ndarray:
    return outputs(keras.Model(model.input, model.get_layer(TOP_STATES).output), token_ids)


# The reference: loops over reviews' time steps in float64, from the equations of the papers.


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference_states(cell: str, x: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """(batch, timesteps, features) -> (batch, timesteps, units)."""
    kernel, recurrent, bias = (weight.astype(np.float64) for weight in weights)
    units = recurrent.shape[0]
    h, c = np.zeros((len(x), units)), np.zeros((len(x), units))
    states = []
    for t in range(x.shape[1]):
        if cell == "simple_rnn":
            h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        elif cell == "lstm":
            i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
            hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            h = z * h + (1 - z) * np.tanh(xh + r * hh)
        states.append(h)
    return np.stack(states, axis=1)


def output_of(model: keras.Model, features: np.ndarray) -> np.ndarray:
    kernel, bias = model.get_layer("probability").get_weights()
    return sigmoid(features.astype(np.float64) @ kernel + bias)


def reference_probability(model: keras.Model, params: ModelParams, token_ids: np.ndarray) -> np.ndarray:
    x = model.get_layer("embedding").get_weights()[0].astype(np.float64)[token_ids]
    names = {layer.name for layer in model.layers}
    for number in range(1, params.depth + 1):
        inputs = x
        x = reference_states(params.cell, x, model.get_layer(f"{params.cell}_{number}").get_weights())
        if f"projection_{number}" in names:
            inputs = inputs @ model.get_layer(f"projection_{number}").get_weights()[0]
        if params.skip == "residual":
            x = x + inputs
        elif params.skip == "highway":
            kernel, bias = model.get_layer(f"gate_{number}").get_weights()
            gate = sigmoid(inputs @ kernel + bias)
            x = gate * x + (1 - gate) * inputs
    return output_of(model, x[:, -1])


@pytest.mark.parametrize("skip", ["none", "residual", "highway"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_network_computes_the_recurrences_of_the_literature(cell: str, depth: int, skip: str) -> None:
    params = model_params(cell=cell, depth=depth, skip=skip, units=(4, 5, 5)[:depth])
    model = randomized(build_stacked_rnn(params, VOCAB_SIZE, MAX_LENGTH, seed=1))
    np.testing.assert_allclose(outputs(model), reference_probability(model, params, TOKEN_IDS), atol=1e-5)


def test_all_ones_weights_give_hand_computed_states() -> None:
    model = network(2, units=1, embedding_dim=1, depth=2, activation="relu")
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    # layer 1: 1 + 0 + 1 = 2, then 1 + 2 + 1 = 4; layer 2: 2 + 0 + 1 = 3, then 4 + 3 + 1 = 8.
    token_ids = np.array([[1, 2]], np.int32)
    np.testing.assert_array_equal(top_states(model, token_ids)[0, :, 0], [3, 8])
    np.testing.assert_allclose(outputs(model, token_ids), [[1 / (1 + np.exp(-9))]], rtol=1e-6)


@pytest.mark.parametrize(("cell", "count"), [("simple_rnn", 320_251), ("lstm", 320_986), ("gru", 320_771)])
def test_networks_of_the_notebook_have_its_parameter_counts(cell: str, count: int) -> None:
    params = model_params(cell=cell, units=5, embedding_dim=32, depth=2)
    model = build_stacked_rnn(params, 10_000, 100, seed=1)
    assert model.count_params() == count
    assert f"{count:,}" in summary_text(model)


def test_a_summary_has_each_layers_shape_and_weights() -> None:
    """An LSTM of u units on w features has 4 (w u + u u + u) weights; both directions have twice that."""
    model = network(cell="lstm", depth=2, units=5, embedding_dim=8, dropout=0.2, bidirectional=True)
    layers = summarize(model)
    assert layers[0] == LayerSummary("embedding", "Embedding", (6, 8), 88, False)
    assert [(each.kind, each.shape, each.parameters) for each in layers if each.recurrent] == [
        ("Bidirectional(LSTM)", (6, 10), 2 * 4 * (8 * 5 + 5 * 5 + 5)),
        ("Bidirectional(LSTM)", (6, 10), 2 * 4 * (10 * 5 + 5 * 5 + 5)),
    ]
    assert layers[-1] == LayerSummary("probability", "Dense", (1,), 11, False)
    assert sum(layer.parameters for layer in layers) == model.count_params()


CHANGES: list[dict[str, Any]] = [
    {},
    {"cell": "gru"},
    {"depth": 3},
    *({"units": units} for units in (4, (3, 2))),
    {"embedding_dim": 5},
    {"bidirectional": True},
    *({"skip": skip} for skip in ("residual", "highway")),
    {"activation": "relu"},
    *({"recurrent_initializer": name} for name in ("glorot_uniform", "identity")),
    {"recurrent_initializer": "identity", "identity_scale": 0.5},
    {"layer_normalization": True},
    *({"pooling": pooling} for pooling in ("mean", "max")),
    {"masking": True},
]


def behaviour(model: keras.Model, training: bool = False) -> list[np.ndarray]:
    return [*model.get_weights(), outputs(model, training=training)]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_every_parameter_changes_the_network_in_its_own_way() -> None:
    networks = [behaviour(network(**change)) for change in CHANGES]
    for number, one in enumerate(networks):
        assert not any(same(one, other) for other in networks[:number]), CHANGES[number]


@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout", "embedding_dropout"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    with_dropout, without = network(**{name: 0.5}), network()
    with_dropout.set_weights(without.get_weights())
    np.testing.assert_array_equal(outputs(with_dropout), outputs(without))
    assert np.abs(outputs(with_dropout, training=True) - outputs(without)).max() > 1e-4


def test_dropout_stands_between_all_layers_and_before_the_output() -> None:
    model = network(depth=3, dropout=0.25)
    rates = {layer.name: layer.rate for layer in model.layers if "dropout" in layer.name}
    assert rates == {"dropout_1": 0.25, "dropout_2": 0.25, "dropout": 0.25}


def test_embedding_dropout_drops_whole_channels_of_a_review() -> None:
    model = network(embedding_dropout=0.5, embedding_dim=64)
    dropped = keras.Model(model.input, model.get_layer("embedding_dropout").output)
    zero = outputs(dropped, training=True) == 0
    np.testing.assert_array_equal(zero, np.broadcast_to(zero[:, :1], zero.shape))
    assert 0.2 < zero[:, 0].mean() < 0.8


def weights(name: str, **values: Any) -> list[np.ndarray]:
    """A layer's weights before training."""
    return list(network(**values).get_layer(name).get_weights())


def test_recurrent_weights_start_orthogonal_and_with_relu_at_the_scaled_identity() -> None:
    _, kernel, _ = weights("simple_rnn_2", units=5)
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(5), atol=1e-6)
    _, kernel, _ = weights("simple_rnn_1", activation="relu", identity_scale=0.5)
    np.testing.assert_array_equal(kernel, 0.5 * np.eye(3))
    _, kernel, _ = weights("gru_1", cell="gru", activation="relu")
    np.testing.assert_array_equal(kernel[:, 6:], np.eye(3))
    assert not np.array_equal(kernel[:, :3], np.eye(3))


def test_forget_gates_start_open_where_asked_and_highway_gates_nearer_to_carrying() -> None:
    for is_open in (True, False):
        bias = weights("lstm_1", cell="lstm", unit_forget_bias=is_open)[2]
        np.testing.assert_array_equal(bias, [0] * 3 + [float(is_open)] * 3 + [0] * 6)
    np.testing.assert_array_equal(weights("gate_1", skip="highway")[1], [-1, -1, -1])


def test_layer_normalization_centres_and_scales_every_step() -> None:
    states = top_states(network(units=8, layer_normalization=True))
    np.testing.assert_allclose(states.mean(axis=-1), 0, atol=1e-5)
    assert 0.8 < states.std(axis=-1).min() <= states.std(axis=-1).max() < 1.01


@pytest.mark.parametrize(("pooling", "reduce"), [("mean", np.mean), ("max", np.max)])
def test_pooling_is_over_the_time_steps_of_the_top_layer(pooling: str, reduce: Any) -> None:
    model = randomized(network(pooling=pooling))
    np.testing.assert_allclose(outputs(model), output_of(model, reduce(top_states(model), axis=1)), atol=1e-6)


def test_bidirectional_layer_joins_what_each_direction_ends_with() -> None:
    model = randomized(network(bidirectional=True, depth=1))
    weights = model.get_layer("bidirectional_simple_rnn_1").get_weights()
    x = model.get_layer("embedding").get_weights()[0][TOKEN_IDS]
    forward = reference_states("simple_rnn", x, weights[:3])
    backward = reference_states("simple_rnn", x[:, ::-1], weights[3:])
    expected = output_of(model, np.concatenate([forward[:, -1], backward[:, -1]], axis=1))
    np.testing.assert_allclose(outputs(model), expected, atol=1e-6)


WORDS = np.array([[1, 7, 3, 2]], np.int32)


@pytest.mark.parametrize("padded", [((0, 0), (2, 0)), ((0, 0), (0, 2))], ids=["pre", "post"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize(("skip", "bidirectional"), [("residual", False), ("none", True)])
def test_padding_does_not_change_a_masked_prediction(
    padded: Any, pooling: str, skip: str, bidirectional: bool
) -> None:
    values = {"pooling": pooling, "skip": skip, "bidirectional": bidirectional, "layer_normalization": True}
    short, long = (randomized(network(length, masking=True, **values)) for length in (4, 6))
    np.testing.assert_allclose(outputs(long, np.pad(WORDS, padded)), outputs(short, WORDS), atol=1e-6)


def test_padding_changes_a_prediction_without_masking() -> None:
    short, long = (randomized(network(length, pooling="mean")) for length in (4, 6))
    assert np.abs(outputs(long, np.pad(WORDS, ((0, 0), (2, 0)))) - outputs(short, WORDS)).max() > 1e-3


def test_the_same_seed_gives_the_same_weights_and_masks() -> None:
    values = {"dropout": 0.5, "bidirectional": True, "skip": "highway"}
    first, again, other = (behaviour(network(seed=seed, **values), training=True) for seed in (5, 5, 6))
    assert same(first, again)
    assert not same(first, other)
    model = network(seed=5, **values)
    kernels = [variable.numpy() for variable in model.trainable_variables if "kernel" in variable.path]
    for number, kernel in enumerate(kernels):
        assert not any(np.array_equal(kernel, other) for other in kernels[:number])


def test_a_saved_network_loads_without_this_project(tmp_path: Path) -> None:
    rich = {"cell": "lstm", "bidirectional": True, "skip": "highway", "layer_normalization": True}
    networks = {
        "plain": network(),
        "rich": randomized(network(**rich, dropout=0.2, recurrent_dropout=0.1)),
        "masked": randomized(network(**rich, masking=True, pooling="max", activation="relu")),
        "last": randomized(network(**rich, masking=True)),
    }
    for name, model in networks.items():
        model.save(tmp_path / f"{name}.keras")
    np.save(tmp_path / "token_ids.npy", TOKEN_IDS)
    script = (
        "import keras, numpy as np, sys\n"
        f"for name in {list(networks)}:\n"
        "    model = keras.models.load_model(name + '.keras', safe_mode=True)\n"
        "    np.save(name, model(np.load('token_ids.npy')))\n"
        "sys.exit('pipeline' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    for name, model in networks.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), outputs(model))


def test_weights_saved_alone_are_read_into_the_same_layers(tmp_path: Path) -> None:
    """What an older Keras reads, that refuses the network's own file."""
    values = {"cell": "gru", "bidirectional": True, "skip": "highway", "masking": True, "pooling": "max"}
    model, same = randomized(network(**values)), network(**values)
    model.save_weights(tmp_path / "network.weights.h5")
    same.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_array_equal(outputs(same), outputs(model))
