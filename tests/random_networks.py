"""Weights, and vectors of words and pairs, that mean nothing."""

from typing import Any

import numpy as np

from pipeline.networks.ngrams import NgramVectors, place_pairs


def randomized(model: Any, seed: int = 0) -> Any:
    """A network or layer whose weights all differ, biases too: zeros would hide a term that is missing."""
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(random.normal(scale=0.5, size=variable.shape))
    return model


def ngram_vectors(num_pairs: int, vocab_size: int, dimension: int = 3) -> NgramVectors:
    """Random vectors of all words but padding, and of some pairs."""
    random = np.random.default_rng(0)
    pairs = random.permutation((vocab_size - 3) ** 2)[:num_pairs]
    firsts, seconds = pairs // (vocab_size - 3) + 3, pairs % (vocab_size - 3) + 3
    words = random.normal(size=(vocab_size, dimension)).astype(np.float32)
    vectors = random.normal(size=(1 + num_pairs, dimension)).astype(np.float32)
    words[0] = vectors[0] = 0
    places, slots = place_pairs(firsts, seconds, vocab_size)
    scale, shift = random.normal(size=(2, dimension))
    return NgramVectors(words, vectors, places, slots, scale, shift)
