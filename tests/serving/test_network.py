"""The NumPy forward pass against Keras, layer by layer, and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import Params
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.serving.network import NumpyNetwork, runtime_for
from pipeline.serving.numpy_layers import UnsupportedNetworkError

layers = keras.layers
VOCAB_SIZE, LENGTH = 30, 9


def random_weights(model: keras.Model, seed: int = 0) -> None:
    """Every weight drawn at random, biases too, so that no term of an equation can hide in a zero."""
    random = np.random.default_rng(seed)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])


def network(top: Callable[[Any], Any]) -> keras.Model:
    """Embedding, then ``top``, then one sigmoid unit."""
    token_ids = keras.Input((LENGTH,), dtype="int32")
    features = top(layers.Embedding(VOCAB_SIZE, 4)(token_ids))
    model = keras.Model(token_ids, layers.Dense(1, "sigmoid")(features))
    random_weights(model)
    return model


def rows(count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, VOCAB_SIZE, (count, LENGTH)).astype(np.int32)


def probabilities_of(model: keras.Model) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(rows(), training=False))[:, 0]


def two_of(kind: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda x: kind(3, **options)(kind(5, return_sequences=True, **options)(x))


def pooled(pooling: Any) -> Callable[[Any], Any]:
    return lambda x: pooling()(layers.GRU(3, return_sequences=True)(x))


def normalized_with_skip(x: Any) -> Any:
    states = layers.LayerNormalization()(layers.SimpleRNN(4, return_sequences=True)(x))
    return layers.LSTM(3)(layers.Add()([x, layers.SpatialDropout1D(0.5)(states)]))


def both_directions(x: Any) -> Any:
    inner = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    return layers.Bidirectional(layers.GRU(2))(layers.Dropout(0.5)(inner))


@pytest.mark.parametrize(
    "top",
    [
        two_of(layers.SimpleRNN),
        two_of(layers.SimpleRNN, activation="relu"),
        two_of(layers.LSTM),
        two_of(layers.GRU),
        two_of(layers.GRU, go_backwards=True),
        pooled(layers.GlobalAveragePooling1D),
        pooled(layers.GlobalMaxPooling1D),
        normalized_with_skip,
        both_directions,
    ],
)
def test_probabilities_are_those_of_keras(top: Callable[[Any], Any], tmp_path: Path) -> None:
    model, path = network(top), tmp_path / "model.keras"
    model.save(path)
    expected = probabilities_of(model)
    assert np.ptp(expected) > 0.01  # the rows differ, so equality says something
    np.testing.assert_allclose(NumpyNetwork.load(path)(rows()), expected, atol=1e-6)


def test_masked_steps_are_those_of_keras_where_nothing_hides_them(tmp_path: Path) -> None:
    token_ids = keras.Input((LENGTH,), dtype="int32")
    mask = keras.ops.not_equal(token_ids, PAD_ID)
    embedded = layers.Embedding(VOCAB_SIZE, 4)(token_ids)
    # A bidirectional layer gives zeros at masked steps, a plain one its last state.
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True))(embedded, mask=mask)
    plain = layers.LSTM(3, return_sequences=True)(embedded, mask=mask)
    states = keras.ops.concatenate([both, plain], axis=-1)
    features = keras.ops.einsum("btf->bf", states)  # a sum over all steps, masked or not
    model = keras.Model(token_ids, layers.Dense(1, "sigmoid")(features))
    random_weights(model)
    model.save(tmp_path / "model.keras")
    padded = rows()
    padded[:, :3] = PAD_ID
    padded[2:, 7:] = PAD_ID
    expected = keras.ops.convert_to_numpy(model(padded, training=False))[:, 0]
    np.testing.assert_allclose(NumpyNetwork.load(tmp_path / "model.keras")(padded), expected, atol=1e-6)


def test_a_simple_rnn_gives_the_number_computed_by_hand(tmp_path: Path) -> None:
    token_ids = keras.Input((2,), dtype="int32")
    states = layers.SimpleRNN(1)(layers.Embedding(3, 1)(token_ids))
    model = keras.Model(token_ids, layers.Dense(1, "sigmoid")(states))
    # embedding of ids 0, 1, 2; then kernel, recurrent kernel, bias; then kernel and bias of the output
    values = [[0.0], [1.0], [2.0]], [[0.5]], [[2.0]], [0.1], [[3.0]], [-1.0]
    model.set_weights([np.array(value) for value in values])
    model.save(tmp_path / "model.keras")
    first = np.tanh(0.5 * 1.0 + 0.1)
    second = np.tanh(0.5 * 2.0 + 0.1 + 2.0 * first)
    expected = 1 / (1 + np.exp(-(3.0 * second - 1.0)))
    computed = NumpyNetwork.load(tmp_path / "model.keras")(np.array([[1, 2]], np.int32))
    np.testing.assert_allclose(computed, [expected], rtol=1e-6)


def test_batches_do_not_change_the_result(tmp_path: Path) -> None:
    network(two_of(layers.GRU)).save(tmp_path / "model.keras")
    computed, many = NumpyNetwork.load(tmp_path / "model.keras"), rows(600)
    one_by_one = np.concatenate([computed(row[None]) for row in many])
    np.testing.assert_allclose(computed(many), one_by_one, atol=1e-6)
    assert computed(many[:0]).shape == (0,)


@pytest.mark.parametrize(
    "values",
    [
        {"model.cell": "lstm", "model.units": (6, 5, 4), "model.pooling": "max", "model.masking": True},
        {"model.bidirectional": True, "model.masking": True, "model.layer_normalization": True},
        {"model.cell": "simple_rnn", "model.skip": "residual", "model.activation": "relu"},
        {"model.skip": "highway", "model.masking": True, "model.pooling": "mean"},
        {"model.cell": "lstm", "model.bidirectional": True, "model.skip": "residual"},
    ],
)
def test_the_pipelines_own_networks_are_served_by_numpy(
    values: dict[str, Any], params: Params, tmp_path: Path
) -> None:
    chosen = params.replace({"tune.trials": 1, "model.depth": 3, "model.units": 6} | values)
    model = build_stacked_rnn(chosen.model, VOCAB_SIZE, LENGTH, seed=1)
    random_weights(model)
    model.save(tmp_path / "model.keras")
    padded = rows(LENGTH - 1)
    for row in range(len(padded)):
        padded[row, :row] = PAD_ID
    expected = keras.ops.convert_to_numpy(model(padded, training=False))[:, 0]
    np.testing.assert_allclose(NumpyNetwork.load(tmp_path / "model.keras")(padded), expected, atol=1e-5)
    assert runtime_for(tmp_path / "model.keras", padded, expected) == "numpy"


def test_a_result_that_differs_from_keras_is_left_to_keras(tmp_path: Path) -> None:
    model = network(two_of(layers.GRU))
    model.save(tmp_path / "model.keras")
    expected = probabilities_of(model)
    assert runtime_for(tmp_path / "model.keras", rows(), expected + 1e-4) == "keras"


@pytest.mark.parametrize(
    ("top", "named"),
    [
        (lambda x: layers.Flatten()(layers.Conv1D(3, 2)(x)), "Conv1D"),
        (lambda x: layers.GRU(3, reset_after=False)(x), "reset_after"),
        (lambda x: layers.SimpleRNN(3, activation="gelu")(x), "gelu"),
        (lambda x: layers.Bidirectional(layers.LSTM(3), merge_mode="sum")(x), "merge_mode"),
    ],
)
def test_what_is_not_computed_is_refused(top: Callable[[Any], Any], named: str, tmp_path: Path) -> None:
    model = network(top)
    model.save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedNetworkError, match=named):
        NumpyNetwork.load(tmp_path / "model.keras")
    assert runtime_for(tmp_path / "model.keras", rows(), probabilities_of(model)) == "keras"
