"""Language modelling by independently computed values: pieces, the sampled softmax, who sees which word."""

import keras
import numpy as np
import pytest

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import Params
from pipeline.training.batches import windows_of
from pipeline.training.fitting import Fitting, Split
from pipeline.training.pretraining import SampledSoftmax, language_model
from plain import plain_params

PARAMS = plain_params().replace({"model.units": 3, "model.depth": 2, "model.dropout": 0.0})


def test_whole_reviews_are_cut_into_rows_and_a_last_single_word_is_left_out() -> None:
    tokens = np.array([4, 5, 6, 7, 8, 9, 4, 5, 6], np.int32)
    rows = windows_of(tokens, np.array([0, 5, 5, 6, 9]), vocab_size=9, length=2)
    # 4 5 | 6 7 | 8 alone; no words; 9 alone; 4 5 | 6 alone
    np.testing.assert_array_equal(rows, [[4, 5], [6, 7], [4, 5]])
    rows = windows_of(tokens, np.array([0, 5, 9]), vocab_size=8, length=4)
    np.testing.assert_array_equal(rows, [[4, 5, 6, 7], [2, 4, 5, 6]])


def test_sampled_loss_estimates_the_full_softmax() -> None:
    random = np.random.default_rng(0)
    embedding = keras.layers.Embedding(204, 8)
    embedding.build((None, 5))
    embedding.embeddings.assign(random.normal(size=(204, 8)).astype(np.float32))
    tell = SampledSoftmax(embedding, samples=50_000, seed=1)
    states = random.normal(size=(2, 5, 3)).astype(np.float32)
    targets = np.array([[4, 9, 203, 2, 0], [2, 1, 0, 50, 7]], np.int32)
    losses, _ = np.asarray(keras.ops.convert_to_numpy(tell(states, targets))).T
    # By hand, over the 200 words: ids below 4 are no words, neither as targets nor as rivals.
    told = states @ np.asarray(tell.projection.kernel)
    logits = (told @ np.asarray(embedding.embeddings).T)[..., 4:].astype(np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    first = -np.mean([log_probabilities[0, step, targets[0, step] - 4] for step in (0, 1, 2)])
    second = -np.mean([log_probabilities[1, step, targets[1, step] - 4] for step in (3, 4)])
    np.testing.assert_allclose(losses, [first, second], rtol=0.03)


def changed_outputs(params: Params, position: int) -> list[bool]:
    """Which steps' states, forwards then backwards, change with the word at ``position`` of five."""
    network = build_stacked_rnn(params.model, 9, 5, seed=1)
    heard = keras.Model(network.inputs, language_model(network, 4, seed=1).get_layer("sampled_softmax").input)
    token_ids = np.array([[4, 5, 6, 7, 8]], np.int32)
    other = token_ids.copy()
    other[0, position] = 3
    before, after = (keras.ops.convert_to_numpy(heard(ids)[0]) for ids in (token_ids, other))
    return [bool(moved) for moved in np.abs(before - after).max(axis=(0, 2)) > 1e-7]


def test_the_stack_looks_only_back() -> None:
    """The states that tell the words at 1 to 4 are those after the words at 0 to 3."""
    assert changed_outputs(PARAMS, 2) == [False, False, True, True]


@pytest.mark.parametrize(("bidirectional", "pooling"), [(True, "none"), (True, "max"), (False, "max")])
def test_the_lowest_layer_learns_alone_where_those_above_have_seen_the_word(
    bidirectional: bool, pooling: str
) -> None:
    params = PARAMS.replace({"model.bidirectional": bidirectional, "model.layer_pooling": pooling})
    network = build_stacked_rnn(params.model, 9, 5, seed=1)
    paths = [variable.path for variable in language_model(network, 4, seed=1).trainable_variables]
    assert not any("gru_2/" in path or "probability" in path for path in paths)
    assert sum("gru_1/" in path for path in paths) == (6 if bidirectional else 3)


def test_both_directions_learn_which_word_is_next() -> None:
    token_ids = (np.arange(8) + np.random.default_rng(0).integers(0, 19, (64, 1))) % 19 + 4
    counting = token_ids.astype(np.int32)
    values = {"pretrain.epochs": 30, "pretrain.samples": 40, "pretrain.learning_rate": 0.01}
    values |= {"model.units": 32, "model.bidirectional": True, "pad.vocab_size": 24}
    params = PARAMS.replace(values)
    split = Split(counting, np.zeros(64))
    told = Fitting(params, 1, 2, split).pretrain(counting)
    assert told.hits / 64 > 0.5
