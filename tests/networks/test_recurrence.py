"""A masked recurrence against Keras' own masked layers: states and gradients at every real step."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.networks.fused import FusedRNN
from random_networks import randomized

RANDOM = np.random.default_rng(0)
BATCH, TIMESTEPS, FEATURES, UNITS = 5, 7, 3, 4
LENGTHS = np.array([7, 1, 4, 2, 6], np.int32)
RIGHT_PADDED = np.arange(TIMESTEPS) < LENGTHS[:, None]
# No review has a token at the first two steps or the last; some are padded at either end, one has a hole.
MIXED = np.array([list(row) for row in ("0011110", "0010000", "0000010", "0001110", "0011010")]) == "1"
SEQUENCE = RANDOM.normal(size=(BATCH, TIMESTEPS, FEATURES)).astype("float32")
CELLS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def layer_of(cell: str, bidirectional: bool) -> keras.layers.Layer:
    layer = CELLS[cell](UNITS, return_sequences=True)
    layer = keras.layers.Bidirectional(layer) if bidirectional else layer
    layer.build(SEQUENCE.shape)
    return randomized(layer, seed=1)


def states_and_gradients(
    call: Any, layer: keras.layers.Layer, sequence: np.ndarray, mask: np.ndarray, xla: bool = False
) -> list[np.ndarray]:
    """The states of ``call(sequence)`` and the gradients of a weighted sum of them; masked ones are 0."""
    width = UNITS * (2 if isinstance(layer, keras.layers.Bidirectional) else 1)
    weights = np.random.default_rng(2).normal(size=(BATCH, TIMESTEPS, width)).astype("float32")
    weights = np.where(mask[:, :, None], np.resize(weights, (*mask.shape, width)), 0).astype("float32")
    variables = layer.trainable_variables

    @tf.function(jit_compile=xla, autograph=False)
    def run(sequence: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(sequence)
            states = call(sequence)
            loss = tf.reduce_sum(states * weights)
        return states, tape.gradient(loss, [sequence, *(variable.value for variable in variables)])

    states, gradients = run(tf.constant(sequence))
    return [np.where(mask[:, :, None], states, 0), *(np.asarray(gradient) for gradient in gradients)]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", list(CELLS))
def test_states_and_gradients_are_those_of_keras_masked_layer(cell: str, bidirectional: bool) -> None:
    layer = layer_of(cell, bidirectional)
    fused = FusedRNN(layer)
    plain = states_and_gradients(lambda sequence: layer(sequence, mask=MIXED), layer, SEQUENCE, MIXED)
    ours = states_and_gradients(lambda sequence: fused(sequence, mask=MIXED), layer, SEQUENCE, MIXED)
    for expected, found in zip(plain, ours, strict=True):
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_more_padding_changes_nothing_and_gets_no_gradient() -> None:
    layer = layer_of("lstm", bidirectional=True)
    fused = FusedRNN(layer)
    junk = RANDOM.normal(size=(BATCH, 5, FEATURES)).astype("float32")
    longer = np.concatenate([SEQUENCE, junk], axis=1)
    mask = np.pad(RIGHT_PADDED, ((0, 0), (0, 5)))
    # The same weights of the loss at the real steps; states_and_gradients draws them for TIMESTEPS steps.
    states, d_sequence, *gradients = states_and_gradients(
        lambda x: fused(x, lengths=LENGTHS)[:, :TIMESTEPS], layer, longer, RIGHT_PADDED, xla=True
    )
    whole = keras.ops.convert_to_numpy(fused(longer, lengths=LENGTHS))
    expected = states_and_gradients(
        lambda x: fused(x, mask=RIGHT_PADDED), layer, SEQUENCE, RIGHT_PADDED, xla=True
    )
    assert (whole[:, TIMESTEPS:] == 0).all()
    assert (d_sequence[~mask] == 0).all()
    for found, value in zip([states, d_sequence[:, :TIMESTEPS], *gradients], expected, strict=True):
        np.testing.assert_array_equal(found, value)


def test_a_batch_without_a_token_has_states_of_zero() -> None:
    fused = FusedRNN(layer_of("gru", bidirectional=True))
    states = fused(SEQUENCE, lengths=np.zeros(BATCH, np.int32))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(states), 0)


def test_one_program_serves_masks_of_every_value() -> None:
    layer = layer_of("lstm", bidirectional=True)

    @tf.function(jit_compile=True, autograph=False)
    def gradients(sequence: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            states = FusedRNN(layer)(sequence, mask=mask)
        return tape.gradient(states, [variable.value for variable in layer.trainable_variables])

    # What XLA takes for a constant is no parameter of the program, which is then compiled for each value.
    program = gradients.experimental_get_compiler_ir(SEQUENCE, MIXED)(stage="hlo")
    entry = program[program.index("ENTRY") :]
    assert f"pred[{BATCH},{TIMESTEPS}]{{1,0}} parameter(" in entry
