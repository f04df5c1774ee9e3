"""The fused recurrences against the plain Keras layers: the same loss, gradients and training steps."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.networks import fused
from pipeline.networks.fused import FusedRNN, Implementation, choose_implementation, fuse
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import Params
from pipeline.training.compiled import Batches, Totals, compile_training, label_objective
from plain import plain_params
from random_networks import randomized

PARAMS = plain_params()

RANDOM = np.random.default_rng(0)
TOKEN_IDS = RANDOM.integers(1, 9, (7, 6)).astype(np.int32)
LABELS = np.array([0, 1, 1, 0, 1, 0, 1])


def network(**values: Any) -> keras.Model:
    params = PARAMS.model.model_copy(update={"units": (4, 3), "embedding_dim": 5, "dropout": 0.0} | values)
    return randomized(build_stacked_rnn(params, 9, 6, seed=2), seed=1)


def loss_and_gradients(
    model: keras.Model, weights: list[keras.Variable], token_ids: np.ndarray, labels: np.ndarray = LABELS
) -> list[np.ndarray]:
    """By TensorFlow's own automatic differentiation of whatever ``model`` computes."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(label_objective()(model(token_ids), labels.astype("float32"))[0])
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    return [np.asarray(tf.convert_to_tensor(value)) for value in (loss, *gradients)]


def agree(model: keras.Model, token_ids: np.ndarray, **tolerance: float) -> None:
    """The fused network's loss and gradients are the plain layers'; none is zero, as if it never arrived."""
    plain_values, fused_values = (
        loss_and_gradients(network, model.trainable_variables, token_ids) for network in (model, fuse(model))
    )
    for plain, ours in zip(plain_values, fused_values, strict=True):
        assert np.abs(plain).max() > 0
        np.testing.assert_allclose(ours, plain, **tolerance)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_fused_loss_and_gradients_are_the_plain_layers(cell: str, activation: str) -> None:
    model = network(
        cell=cell, activation=activation, bidirectional=activation == "tanh", skip="highway", pooling="mean"
    )
    assert sum(isinstance(layer, FusedRNN) for layer in fuse(model).layers) == 2
    agree(model, TOKEN_IDS, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradients_of_many_steps_are_the_plain_layers(cell: str) -> None:
    # Steps 3 to 77 of 80: products of 64 steps, of 8, and of 8 that reach beyond the last.
    padded = np.zeros((7, 80), np.int32)
    for row, (first, last) in enumerate([(3, 77), (5, 70), (9, 12), (3, 4), (40, 41), (10, 77), (3, 50)]):
        padded[row, first:last] = RANDOM.integers(1, 9, last - first)
    model = network(cell=cell, depth=1, units=4, masking=True, bidirectional=True, pooling="max_mean")
    agree(model, padded, rtol=1e-4, atol=5e-6)


@pytest.fixture(scope="module")
def adam() -> tuple[list[np.ndarray], Totals]:
    """The weights after two steps as Kingma & Ba (2015) take them, and the totals over the steps."""
    model = network(cell="gru")
    first: Any = 0.0
    second: Any = 0.0
    totals = Totals(0.0, 0.0, 0.0)
    for step, rows in enumerate([[0, 1, 2, 3], [4, 5, 6]], start=1):
        token_ids, labels = TOKEN_IDS[rows], LABELS[rows]
        hits = ((keras.ops.convert_to_numpy(model(token_ids))[:, 0] > 0.5) == labels).sum()
        loss, *values = loss_and_gradients(model, model.trainable_variables, token_ids, labels)
        norm = np.sqrt(sum((value**2).sum() for value in values))
        totals += Totals(len(rows) * float(loss), float(hits), float(norm))
        gradients = np.array(values, dtype=object)
        first, second = 0.9 * first + 0.1 * gradients, 0.999 * second + 0.001 * gradients**2
        rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for variable, m, v in zip(model.trainable_variables, first, second, strict=True):
            variable.assign(keras.ops.convert_to_numpy(variable) - rate * m / (np.sqrt(v) + 1e-7))
    return model.get_weights(), totals


@pytest.mark.parametrize(
    ("is_fused", "shards", "xla"), [(True, 4, True), (True, 2, True), (False, 1, True), (False, 1, False)]
)
def test_compiled_steps_and_their_totals_are_adams(
    adam: tuple[list[np.ndarray], Totals], is_fused: bool, shards: int, xla: bool
) -> None:
    model = network(cell="gru")
    start, variables = model.get_weights(), model.trainable_variables
    trained, optimizer = fuse(model) if is_fused else model, keras.optimizers.Adam(0.01)
    run = compile_training(trained, variables, optimizer, label_objective(), TOKEN_IDS, LABELS, shards, xla)
    # The second is filled up; the third is not run.
    rows = np.array([[0, 1, 2, 3], [4, 5, 6, 0], [1, 1, 1, 1]], np.int32)
    weights = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]], np.float32)
    totals = run(Batches(rows, weights, 2, 6))
    for before, after, ours in zip(start, adam[0], model.get_weights(), strict=True):
        assert np.abs(after - before).max() > 1e-3  # every weight moves
        np.testing.assert_allclose(ours, after, atol=5e-5)
    np.testing.assert_allclose(totals, adam[1], rtol=2e-5)


@keras.saving.register_keras_serializable("tests")
class OtherGRU(keras.layers.GRU):
    """A layer whose equations nobody has written out."""


def test_a_layer_without_written_equations_is_computed_as_keras_does() -> None:
    token_ids = keras.Input((6,), dtype="int32")
    states = keras.layers.Embedding(9, 5)(token_ids)
    states = keras.layers.Bidirectional(OtherGRU(3, return_sequences=True))(states)
    model = keras.Model(token_ids, OtherGRU(4)(states))
    ours = fuse(model)
    assert not any(isinstance(layer, FusedRNN) for layer in ours.layers)
    np.testing.assert_array_equal(ours(TOKEN_IDS), model(TOKEN_IDS))


# Which way the recurrent layers are computed, on machines with and without a GPU.


@pytest.mark.parametrize(
    ("changes", "on_gpu", "on_cpu"),
    [
        ({"model.cell": "lstm"}, "cudnn", "fused"),
        ({"model.cell": "gru"}, "cudnn", "fused"),
        ({"model.cell": "simple_rnn"}, "fused", "fused"),  # cuDNN's is not reached by Keras
        ({"model.activation": "relu"}, "fused", "fused"),
        ({"model.recurrent_dropout": 0.1}, "keras", "keras"),
        ({"model.masking": True, "model.bidirectional": True, "model.skip": "highway"}, "cudnn", "fused"),
        ({"train.implementation": "keras"}, "keras", "keras"),
    ],
)
def test_auto_takes_cudnn_on_a_gpu_where_it_can_compute_the_network(
    changes: dict[str, object], on_gpu: str, on_cpu: str, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = params.replace(changes)
    for gpu, kind in ((True, on_gpu), (False, on_cpu)):
        monkeypatch.setattr(fused, "gpu_names", lambda gpu=gpu: ["H100"] * gpu)
        found = choose_implementation(chosen.model, chosen.train)
        assert found.kind == kind
        assert found.xla == (kind != "cudnn"), "XLA can't hold cuDNN's kernels"


@pytest.mark.parametrize(("batch_size", "shards"), [(127, 1), (128, 2), (1023, 2), (1024, 4)])
def test_a_large_fused_batch_is_computed_in_parts(batch_size: int, shards: int) -> None:
    assert Implementation("fused", 32).shards(batch_size) == shards
    assert Implementation("keras", 32).shards(batch_size) == 1


def test_cudnn_without_a_gpu_is_an_error_that_names_both(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "gpu_names", list)
    train = params.train.model_copy(update={"implementation": "cudnn"})
    with pytest.raises(ValueError, match=r"train\.implementation is cudnn, but TensorFlow finds no GPU"):
        choose_implementation(params.model, train)
