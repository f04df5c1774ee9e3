"""Language modelling: what the recurrent layers may learn from reviews without labels, before they see one.

Dai & Le (2015), "Semi-supervised Sequence Learning": a recurrent language model's weights are a better start
for a classifier than random ones. The next word is told from a sample of the vocabulary, and the output's
word vectors are the embedding's own (Press & Wolf, 2017, "Using the Output Embedding to Improve Language
Models").
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from pipeline.networks.stacked_rnn import TOP_STATES
from pipeline.networks.summary import recurrent_layers
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID

Tensor = Any
_FIRST_WORD = INDEX_FROM + 1  # the id of the most frequent word
_NEVER = -1e9  # the logit of a sampled word that is the very one to be told


class SampledSoftmax(layers.Layer):
    """How well states tell words: cross-entropy against ``samples`` words drawn for the whole batch.

    A word of frequency rank r (from 0) is drawn in proportion to log((r + 2) / (r + 1)), near to how often
    words occur. The logit of a drawn word is lessened by the log of how often it is expected in the sample:
    the sum over the sample then estimates the softmax's over all other words (Bengio & Senecal, 2008,
    "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language Model").

    Call arguments:
        states: float32 (batch, timesteps, units).
        targets: int32 (batch, timesteps), the word that each state is to tell; OOV_ID and less aren't.

    Returns:
        float32 (batch, 2): the mean loss over a review's words, and the share of them whose logit is above
        those of all sampled words.
    """

    def __init__(self, embedding: layers.Embedding, samples: int, seed: int) -> None:
        super().__init__(name="sampled_softmax")
        self.embedding, self.samples = embedding, samples
        self.generator = keras.random.SeedGenerator(seed)
        self.projection = layers.Dense(
            embedding.output_dim, kernel_initializer=keras.initializers.GlorotUniform(seed)
        )

    def build(self, states_shape: Any, targets_shape: Any) -> None:
        """Makes the biases, float32 (vocab_size,)."""
        self.projection.build(states_shape)
        self.bias = self.add_weight(shape=(self.embedding.input_dim,), initializer="zeros", name="bias")

    def call(self, states: Tensor, targets: Tensor) -> Tensor:
        num_words = int(self.embedding.input_dim) - _FIRST_WORD
        log_range = float(np.log(num_words + 1))
        uniform = keras.random.uniform((self.samples,), seed=self.generator)
        ranks = ops.clip(ops.floor(ops.exp(uniform * log_range)) - 1, 0, num_words - 1)
        drawn = ops.cast(ranks, "int32") + _FIRST_WORD
        expected = self.samples * (ops.log((ranks + 2) / (ranks + 1)) / log_range)  # times in the sample
        vectors = ops.convert_to_tensor(self.embedding.embeddings)
        bias = ops.convert_to_tensor(self.bias)
        told = self.projection(states)  # (batch, timesteps, embedding_dim)
        right = ops.sum(told * ops.take(vectors, targets, axis=0), axis=-1) + ops.take(bias, targets)
        others = ops.matmul(told, ops.transpose(ops.take(vectors, drawn, axis=0))) + ops.take(bias, drawn)
        others = ops.where(ops.expand_dims(targets, -1) == drawn, _NEVER, others - ops.log(expected))
        losses = ops.logaddexp(right, ops.logsumexp(others, axis=-1)) - right
        hits = ops.cast(right > ops.max(others, axis=-1), "float32")
        real = ops.cast(targets > OOV_ID, "float32")
        count = ops.maximum(ops.sum(real, axis=1), 1.0)
        return ops.stack([ops.sum(real * values, axis=1) / count for values in (losses, hits)], axis=1)


def language_model(network: keras.Model, samples: int, seed: int) -> keras.Model:
    """A model of ``network``'s own embedding and recurrent layers that tells the words of its input.

    States that read forwards are to tell the next word, those that read backwards the one before. Where a
    layer reads both ways, or pools steps, all above it has seen the words that it would have to tell: then
    the lowest recurrent layer learns alone, each direction for itself (as in Peters et al., 2018, "Deep
    Contextualized Word Representations"). Otherwise the whole stack learns.

    Returns:
        A model from ``token_ids``, int32 (batch, timesteps), to what ``SampledSoftmax`` gives.
    """
    token_ids, lowest = network.inputs[0], recurrent_layers(network)[0]
    tell = SampledSoftmax(network.get_layer("embedding"), samples, seed)
    if isinstance(lowest, layers.Bidirectional):
        forward, backward = ops.split(lowest.output, 2, axis=-1)
        both = tell(forward[:, :-1], token_ids[:, 1:]) + tell(backward[:, 1:], token_ids[:, :-1])
        outputs = both / 2
    else:
        pooled = any(layer.name.startswith("layer_pooling") for layer in network.layers)
        states = lowest.output if pooled else network.get_layer(TOP_STATES).output
        outputs = tell(states[:, :-1], token_ids[:, 1:])
    return keras.Model(token_ids, outputs, name="language_model")


def word_objective(outputs: Tensor, _labels: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and share of hits, each float32 (batch,), of the language model's outputs."""
    return outputs[:, 0], outputs[:, 1]
