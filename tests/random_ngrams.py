"""Vectors of words and pairs that mean nothing."""

import numpy as np

from pipeline.networks.ngrams import NgramVectors, place_pairs


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
