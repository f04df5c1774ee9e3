"""The stack of recurrent layers: layer l reads the states of layer l - 1 at every time step.

h_t^1 = f(W^1 x_t + U^1 h_{t-1}^1 + b^1)
h_t^l = f(W^l h_t^{l-1} + U^l h_{t-1}^l + b^l)    for l = 2, ..., depth
"""

import keras
import numpy as np

from pipeline.params import ModelParams

_CELLS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def build_stacked_rnn(model: ModelParams, vocab_size: int, max_length: int, seed: int) -> keras.Model:
    """Builds the network; the same ``seed`` gives the same weights.

    Returns:
        A model from token_ids, int32 (batch, max_length), to the probability of a positive review,
        float32 (batch, 1).
    """
    random = np.random.default_rng(seed)

    def new_seed() -> int:
        return int(random.integers(2**31))

    token_ids = keras.Input((max_length,), dtype="int32", name="token_ids")
    embedding = keras.layers.Embedding(
        vocab_size, model.embedding_dim, keras.initializers.RandomUniform(seed=new_seed()), name="embedding"
    )
    sequence = embedding(token_ids)
    for layer, units in enumerate(model.layer_units, start=1):
        if layer > 1 and model.dropout:
            sequence = keras.layers.SpatialDropout1D(model.dropout, seed=new_seed())(sequence)
        recurrent = _CELLS[model.cell](
            units,
            return_sequences=layer < model.depth,
            kernel_initializer=keras.initializers.GlorotUniform(new_seed()),
            recurrent_initializer=keras.initializers.Orthogonal(seed=new_seed()),
            name=f"{model.cell}_{layer}",
        )
        sequence = recurrent(sequence)
    if model.dropout:
        sequence = keras.layers.Dropout(model.dropout, seed=new_seed())(sequence)
    output = keras.layers.Dense(
        1, "sigmoid", kernel_initializer=keras.initializers.GlorotUniform(new_seed()), name="probability"
    )
    return keras.Model(token_ids, output(sequence), name=f"stacked_{model.cell}")
