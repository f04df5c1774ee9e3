"""Vectors of words and pairs in a network, against a dictionary of pairs and numbers by hand."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.networks.ngrams import NgramVectors, place_pairs
from pipeline.networks.stacked_rnn import build_stacked_rnn
from plain import plain_params
from random_networks import ngram_vectors

PARAMS = plain_params()
VOCAB_SIZE = 12


def network(ngrams: NgramVectors | None, length: int, **values: Any) -> keras.Model:
    chosen = PARAMS.model.model_copy(update={"units": 3, "embedding_dim": 4, "dropout": 0.0, **values})
    return build_stacked_rnn(chosen, VOCAB_SIZE, length, seed=3, ngrams=ngrams)


def test_many_pairs_are_found_as_in_a_dictionary() -> None:
    random = np.random.default_rng(1)
    # Common words begin and end most pairs, as in a language; more slots than are tried at once.
    words = random.zipf(1.3, (2, 40_000)) % 3_000 + 1
    keys = np.unique(words[0] * 4_000 + words[1])
    firsts, seconds = keys // 4_000, keys % 4_000
    places, slots = place_pairs(firsts, seconds, 4_000)
    number, first = slots[places[firsts, 0] + seconds].T
    assert (number == 1 + np.arange(len(keys))).all()
    assert (first == firsts).all()
    asked = random.integers(0, 4_000, (2, 20_000))
    number, first = slots[places[asked[0], 0] + asked[1]].T
    known = set(zip(firsts.tolist(), seconds.tolist(), strict=True))
    found = (first == asked[0]) & (number > 0)
    assert found.tolist() == [pair in known for pair in zip(*asked.tolist(), strict=True)]


@pytest.mark.parametrize("length", [7, 8])
@pytest.mark.parametrize("step_words", [1, 2])
def test_a_step_reads_what_a_plain_look_up_gives(step_words: int, length: int) -> None:
    ngrams = ngram_vectors(40, VOCAB_SIZE)
    token_ids = np.random.default_rng(2).integers(1, VOCAB_SIZE, (5, length)).astype(np.int32)
    token_ids[1, 4:] = token_ids[2, 1:] = 0
    model = network(ngrams, length, step_words=step_words)
    embeddings = np.asarray(model.get_layer("embedding").embeddings)
    numbers = {
        (first, second): number
        for first in range(VOCAB_SIZE)
        for second in range(VOCAB_SIZE)
        for number, of in [ngrams.slots[ngrams.places[first, 0] + second]]
        if number and of == first
    }
    assert sorted(numbers.values()) == list(range(1, 41))
    expected = np.zeros((5, -(-length // step_words), 4 * step_words + 3))
    for row, ids in enumerate(token_ids.tolist()):
        for place, (before, word) in enumerate(zip([0, *ids], ids, strict=False)):
            step, part = divmod(place, step_words)
            expected[row, step, 4 * part : 4 * part + 4] = embeddings[word]
            expected[row, step, -3:] += ngrams.words[word] + ngrams.pairs[numbers.get((before, word), 0)]
    if length % step_words:  # a padded word ends the last step
        expected[:, -1, 4:8] = embeddings[0]
    lowest = keras.Model(model.input, model.get_layer("gru_1").input)
    np.testing.assert_allclose(lowest(token_ids), expected, rtol=1e-5, atol=1e-6)
    of_words = ngrams.of(token_ids)
    np.testing.assert_allclose(of_words[:, 0], ngrams.words[token_ids[:, 0]], rtol=1e-6)
    padded = np.pad(of_words, [[0, 0], [0, -length % step_words], [0, 0]])
    np.testing.assert_allclose(
        padded.reshape(5, -1, step_words, 3).sum(2), expected[..., -3:], rtol=1e-5, atol=1e-6
    )


def test_the_output_reads_the_mean_of_a_reviews_steps_scaled() -> None:
    ngrams = ngram_vectors(40, VOCAB_SIZE)
    model = network(ngrams, 6, step_words=2, masking=True)
    token_ids = np.array([[1, 5, 6, 7, 8, 9], [1, 4, 5, 0, 0, 0]], np.int32)
    of_words = ngrams.of(token_ids)
    means = np.stack([of_words[0].sum(0) / 3, of_words[1, :3].sum(0) / 2])  # three steps, and two
    scaled = keras.Model(model.input, model.get_layer("ngram_scaling").output)(token_ids)
    np.testing.assert_allclose(scaled, means * ngrams.scale + ngrams.shift, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer_pooling", ["none", "max"])
def test_padding_changes_nothing_and_a_saved_network_takes_its_pairs_along(
    layer_pooling: str, tmp_path: Path
) -> None:
    pooled = {"layer_pooling": layer_pooling, "pooling": "max_mean"}
    model = network(ngram_vectors(40, VOCAB_SIZE), 6, step_words=2, masking=True, **pooled)
    token_ids = np.random.default_rng(3).integers(1, VOCAB_SIZE, (4, 7)).astype(np.int32)
    said = model(token_ids)
    np.testing.assert_allclose(model(np.pad(token_ids, [[0, 0], [0, 4]])), said, atol=1e-6)
    model.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(loaded(token_ids), said)
