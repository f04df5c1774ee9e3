"""Next-word prediction: what the stack may learn before it sees a label.

Dai & Le (2015), "Semi-supervised Sequence Learning": a recurrent language model's weights are a better start
for a classifier than random ones.
"""

from typing import Any

import keras
from keras import ops

from pipeline.networks.stacked_rnn import TOP_STATES
from pipeline.reviews.vocabulary import PAD_ID

Tensor = Any


def language_model(network: keras.Model, vocab_size: int, seed: int) -> keras.Model:
    """A model of ``network``'s own embedding and recurrent layers with a prediction of the next word on top.

    Returns:
        A model from ``token_ids``, int32 (batch, timesteps), to logits over the words, float32
        (batch, timesteps, vocab_size); row t predicts the token at t + 1.
    """
    head = keras.layers.Dense(
        vocab_size, kernel_initializer=keras.initializers.GlorotUniform(seed), name="next_word"
    )
    return keras.Model(network.input, head(network.get_layer(TOP_STATES).output), name="language_model")


def next_word_objective(logits: Tensor, token_ids: Tensor, _labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the next words and the share guessed right, each the mean over a review's real words.

    Args:
        logits: float32 (batch, timesteps, vocab_size).
        token_ids: int32 (batch, timesteps).

    Returns:
        Two of float32 (batch,).
    """
    logits, following = logits[:, :-1], token_ids[:, 1:]
    real = ops.cast(ops.not_equal(following, PAD_ID), "float32")
    count = ops.maximum(ops.sum(real, axis=1), 1.0)
    losses = keras.losses.sparse_categorical_crossentropy(following, logits, from_logits=True)
    hits = ops.cast(ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), following), "float32")
    return ops.sum(real * losses, axis=1) / count, ops.sum(real * hits, axis=1) / count
