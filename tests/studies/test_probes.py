"""Probes on a network whose answer is known: layer 1 carries the label, layer 2 destroys it."""

import numpy as np
import pytest

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.networks.summary import recurrent_layers
from pipeline.params import Params
from pipeline.training.compiled import compile_outputs
from studies.depth.fitting import describe, describing_network, probe_accuracy

POSITIVE, NEGATIVE = 5, 6


def test_a_probe_finds_the_label_where_it_is_and_nowhere_else(params: Params) -> None:
    values = {"model.cell": "simple_rnn", "model.depth": 2, "model.units": 2, "model.embedding_dim": 1}
    network = build_stacked_rnn(params.replace({**values, "model.dropout": 0.0}).model, 10, 6, seed=0)
    words = np.zeros((10, 1))
    words[POSITIVE], words[NEGATIVE] = 1, -1
    network.get_layer("embedding").set_weights([words])
    first, second = recurrent_layers(network)
    first.set_weights([np.ones((1, 2)), 0.5 * np.eye(2), np.zeros(2)])
    second.set_weights([np.zeros((2, 2)), np.eye(2), np.ones(2)])  # reads nothing of the layer below

    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    token_ids = random.integers(7, 10, (200, 6)).astype(np.int32)
    token_ids[:, 3] = np.where(labels == 1, POSITIVE, NEGATIVE)
    token_ids[::2, 0] = 0  # padding in every other review
    describing, widths = describing_network(network)
    described = describe(compile_outputs(describing, xla=False), token_ids, batch_size=64)
    assert widths == [1, 1, 2, 2]
    assert described.shape == (200, 6)
    np.testing.assert_allclose(described[:, :1], network.predict(token_ids, verbose=0), atol=1e-6)

    embeddings, lower, upper = np.split(described[:, 1:], [1, 3], axis=1)
    half = slice(0, 100), slice(100, 200)
    accuracy = [
        probe_accuracy(layer[half[0]], labels[half[0]], layer[half[1]], labels[half[1]])
        for layer in (embeddings, lower, upper)
    ]
    assert accuracy[:2] == [1.0, 1.0]
    assert 0.35 < accuracy[2] < 0.65


def test_the_mean_leaves_padding_out(params: Params) -> None:
    """Embeddings are the token ids here: the mean of 4 and 8, without the two zeros, is 6."""
    network = build_stacked_rnn(
        params.replace({"model.depth": 1, "model.units": 2, "model.embedding_dim": 1}).model, 10, 4, seed=0
    )
    network.get_layer("embedding").set_weights([np.arange(10.0)[:, None]])
    describing, _ = describing_network(network)
    compute = compile_outputs(describing, xla=False)
    assert describe(compute, np.array([[0, 0, 4, 8]], np.int32), batch_size=8)[0, 1] == pytest.approx(6.0)


def test_one_label_alone_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"depth\.probe_reviews is too low: all 3 reviews"):
        probe_accuracy(np.zeros((3, 1)), np.ones(3), np.zeros((3, 1)), np.ones(3))
