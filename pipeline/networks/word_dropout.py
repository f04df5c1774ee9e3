"""Words hidden from a network while it trains, so that it doesn't lean on any one of them.

Dai & Le (2015), "Semi-supervised Sequence Learning", drop words; Iyyer et al. (2015), "Deep Unordered
Composition Rivals Syntactic Methods", show that it pays for sentiment.
"""

from typing import Any

import keras
from keras import ops

from pipeline.reviews.vocabulary import OOV_ID


class WordDropout(keras.layers.Layer):
    """Replaces a random share ``rate`` of the words by OOV_ID in training; padding and START_ID stay.

    Input and output: token ids, int32 (batch, timesteps).
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__(name="word_dropout", dtype="int32")
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, token_ids: Any, training: bool = False) -> Any:
        if not training:
            return token_ids
        hidden = keras.random.uniform(ops.shape(token_ids), seed=self.seed_generator) < self.rate
        return ops.where(ops.logical_and(hidden, token_ids > OOV_ID), OOV_ID, token_ids)


def with_word_dropout(model: keras.Model, rate: float, seed: int) -> keras.Model:
    """``model`` behind a ``WordDropout``, for training; a saved network needs no layer of ours."""
    if not rate:
        return model
    token_ids = keras.Input(model.input.shape[1:], dtype="int32")
    return keras.Model(token_ids, model(WordDropout(rate, seed)(token_ids)))
