"""The fused recurrences against the plain Keras layers: the same loss, gradients and training steps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.networks.devices import import_keras
from plain import plain_params

PROJECT = Path(__file__).resolve().parents[2]
PARAMS = plain_params()
import_keras()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from pipeline.networks.fused import FusedRNN, fuse  # noqa: E402
from pipeline.networks.stacked_rnn import build_stacked_rnn  # noqa: E402
from pipeline.training.compiled import Batches, Totals, compile_training, label_objective  # noqa: E402

RANDOM = np.random.default_rng(0)
TOKEN_IDS = RANDOM.integers(1, 9, (7, 6)).astype(np.int32)
LABELS = np.array([0, 1, 1, 0, 1, 0, 1])


def network(**values: Any) -> keras.Model:
    params = PARAMS.model.model_copy(update={"units": (4, 3), "embedding_dim": 5, "dropout": 0.0} | values)
    model = build_stacked_rnn(params, 9, 6, seed=2)
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:  # biases too: zeros would hide a term that is missing
        variable.assign(random.normal(scale=0.5, size=variable.shape))
    return model


def loss_and_gradients(
    model: keras.Model, variables: list[keras.Variable], rows: list[int] | slice = slice(None)
) -> list[np.ndarray]:
    """By TensorFlow's own automatic differentiation of whatever ``model`` computes."""
    token_ids, labels = TOKEN_IDS[rows], LABELS[rows].astype("float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(label_objective()(model(token_ids), labels)[0])
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    return [np.asarray(tf.convert_to_tensor(value)) for value in (loss, *gradients)]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_fused_loss_and_gradients_are_the_plain_layers(cell: str, activation: str) -> None:
    model = network(
        cell=cell, activation=activation, bidirectional=activation == "tanh", skip="highway", pooling="mean"
    )
    fused = fuse(model)
    assert sum(isinstance(layer, FusedRNN) for layer in fused.layers) == 2
    plain_values = loss_and_gradients(model, model.trainable_variables)
    fused_values = loss_and_gradients(fused, model.trainable_variables)
    for plain, ours in zip(plain_values, fused_values, strict=True):
        assert np.abs(plain).max() > 0  # a gradient that never arrives would agree, too
        np.testing.assert_allclose(ours, plain, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gradients_of_many_steps_are_the_plain_layers(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Steps 3 to 77 of 80: products of 64 steps, of 8, and of 8 that reach beyond the last.
    padded = np.zeros((7, 80), np.int32)
    for row, (first, last) in enumerate([(3, 77), (5, 70), (9, 12), (3, 4), (40, 41), (10, 77), (3, 50)]):
        padded[row, first:last] = RANDOM.integers(1, 9, last - first)
    monkeypatch.setattr(sys.modules[__name__], "TOKEN_IDS", padded)
    model = network(masking=True, cell=cell, bidirectional=True, pooling="max_mean")
    plain_values = loss_and_gradients(model, model.trainable_variables)
    fused_values = loss_and_gradients(fuse(model), model.trainable_variables)
    for plain, ours in zip(plain_values, fused_values, strict=True):
        assert np.abs(plain).max() > 0
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=5e-6)


def trained(
    fused: bool, shards: int, xla: bool, rows: list[list[int]], weights: list[list[float]]
) -> tuple[list[np.ndarray], Totals]:
    """The weights and totals after all but the last of the steps."""
    model = network(cell="gru")
    run = compile_training(
        fuse(model) if fused else model,
        model.trainable_variables,
        keras.optimizers.Adam(0.01),
        label_objective(),
        TOKEN_IDS,
        LABELS,
        shards,
        xla,
    )
    totals = run(Batches(np.array(rows, np.int32), np.array(weights, np.float32), len(rows) - 1, 6))
    return model.get_weights(), totals


def adam_in_numpy(model: keras.Model, batches: list[list[int]]) -> Totals:
    """Changes the weights as Kingma & Ba (2015) do; returns the totals over the steps."""
    first: Any = 0.0
    second: Any = 0.0
    totals = Totals(0.0, 0.0, 0.0)
    for step, rows in enumerate(batches, start=1):
        probabilities = keras.ops.convert_to_numpy(model(TOKEN_IDS[rows]))[:, 0]
        loss, *values = loss_and_gradients(model, model.trainable_variables, rows)
        norm = np.sqrt(sum((value**2).sum() for value in values))
        hits = ((probabilities > 0.5) == LABELS[rows]).sum()
        totals += Totals(len(rows) * float(loss), float(hits), float(norm))
        gradients = np.array(values, dtype=object)
        first, second = 0.9 * first + 0.1 * gradients, 0.999 * second + 0.001 * gradients**2
        rate = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for variable, m, v in zip(model.trainable_variables, first, second, strict=True):
            moved = rate * m / (np.sqrt(v) + 1e-7)
            variable.assign(keras.ops.convert_to_numpy(variable) - moved)
    return totals


@pytest.mark.parametrize(
    ("fused", "shards", "xla"), [(True, 4, True), (True, 2, True), (False, 1, True), (False, 1, False)]
)
def test_compiled_steps_and_their_totals_are_adams(fused: bool, shards: int, xla: bool) -> None:
    model = network(cell="gru")
    start = model.get_weights()
    expected = adam_in_numpy(model, [[0, 1, 2, 3], [4, 5, 6]])
    rows = [[0, 1, 2, 3], [4, 5, 6, 0], [1, 1, 1, 1]]  # the second is filled up; the third is not run
    weights = [[1.0, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]]
    ours, totals = trained(fused, shards, xla, rows, weights)
    for before, after, mine in zip(start, model.get_weights(), ours, strict=True):
        assert np.abs(after - before).max() > 1e-3  # every weight moves
        np.testing.assert_allclose(mine, after, atol=5e-5)
    np.testing.assert_allclose(totals, expected, rtol=2e-5)


@keras.saving.register_keras_serializable("tests")
class OtherGRU(keras.layers.GRU):
    """A layer whose equations nobody has written out."""


def test_a_layer_without_written_equations_is_computed_as_keras_does() -> None:
    token_ids = keras.Input((6,), dtype="int32")
    states = keras.layers.Embedding(9, 5)(token_ids)
    states = keras.layers.Bidirectional(OtherGRU(3, return_sequences=True))(states)
    model = keras.Model(token_ids, OtherGRU(4)(states))
    fused = fuse(model)
    assert not any(isinstance(layer, FusedRNN) for layer in fused.layers)
    np.testing.assert_array_equal(fused(TOKEN_IDS), model(TOKEN_IDS))
