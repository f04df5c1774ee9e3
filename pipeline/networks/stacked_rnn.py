"""The stack of recurrent layers: layer l reads the states of layer l - 1 at every time step.

    h_t^1 = f(W^1 x_t + U^1 h_{t-1}^1 + b^1)
    h_t^l = f(W^l h_t^{l-1} + U^l h_{t-1}^l + b^l)    for l = 2, ..., depth

Standard Keras layers and operations only, so a saved model loads without a line of this project and with
``safe_mode=True``: in Keras 3.15 or newer, since older ones refuse its layers' configs. Those read the
weights, saved as `.weights.h5`, into the same layers built there.
"""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import initializers, layers, ops

from pipeline.networks.ngrams import NgramVectors
from pipeline.params import ModelParams
from pipeline.reviews.vocabulary import OOV_ID, PAD_ID

NewSeed = Callable[[], int]
CARRY_BIAS = -1.0  # starts the gate nearer to carrying its input; Srivastava et al. (2015), section 2.2


def skip_connection(
    kind: Literal["residual", "highway"], inputs: Any, outputs: Any, number: int, new_seed: NewSeed
) -> Any:
    """Joins what entered recurrent layer ``number`` with what left it, float32 (batch, timesteps, width).

    So the gradient reaches the layers below it unhindered.

    - residual: ``outputs + inputs`` (He et al., 2016);
    - highway: ``gate * outputs + (1 - gate) * inputs`` with ``gate = sigmoid(W inputs + b)``
      (Srivastava, Greff & Schmidhuber, 2015, "Highway Networks").

    Inputs of another width than the outputs' are projected first, by a matrix without bias.
    """
    width = outputs.shape[-1]
    if inputs.shape[-1] != width:
        inputs = layers.Dense(
            width,
            use_bias=False,
            kernel_initializer=initializers.GlorotUniform(new_seed()),
            name=f"projection_{number}",
        )(inputs)
    if kind == "residual":
        return layers.Add(name=f"residual_{number}")([outputs, inputs])
    gate = layers.Dense(
        width,
        "sigmoid",
        kernel_initializer=initializers.GlorotUniform(new_seed()),
        bias_initializer=initializers.Constant(CARRY_BIAS),
        name=f"gate_{number}",
    )(inputs)
    return inputs + gate * (outputs - inputs)


class WordDropout(keras.layers.Layer):
    """Replaces a random share ``rate`` of the words by OOV_ID in training; padding and START_ID stay.

    Dai & Le (2015), "Semi-supervised Sequence Learning", drop words; Iyyer et al. (2015), "Deep Unordered
    Composition Rivals Syntactic Methods", show that it pays. int32 (batch, timesteps), ids in and out.
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


def load_network(file: Path) -> keras.Model:
    """Reads a saved network, of a cell of our own too, which Keras knows once this module is imported."""
    return keras.models.load_model(file, compile=False, safe_mode=True)


TOP_STATES = "top_states"

# The layer of each cell, and which block of units in its kernels passes through f.
_CELLS = {"simple_rnn": (layers.SimpleRNN, 0), "lstm": (layers.LSTM, 2), "gru": (layers.GRU, 2)}
_LOWEST = -3e38  # what a maximum over time sees of padding


def build_stacked_rnn(
    model: ModelParams,
    vocab_size: int,
    max_length: int,
    seed: int,
    num_labels: int = 2,
    ngrams: NgramVectors | None = None,
) -> keras.Model:
    """Builds the network; the same ``seed`` gives the same weights and the same dropout masks.

    Dropout masks of the embedding and between layers are drawn once a review and hold at all its time steps
    (Gal & Ghahramani, 2016). Skip connections and layer normalization come after each recurrent layer.

    A time step reads the joined vectors of ``step_words`` words and, of ``ngrams``, the sum of those of the
    words and of the pairs that end there; the mean of these sums over time joins what the output reads
    (Thongtan & Phienthrakul, 2019, "Sentiment Classification Using Document Embeddings Trained with Cosine
    Similarity", joins such vectors to a bag of n-grams).

    Returns:
        A model from ``token_ids``, int32 (batch, max_length), to the probability of label 1, float32
        (batch, 1); of more than two labels, to that of each, (batch, num_labels). Its layer ``top_states``
        gives the states of the top layer, float32 (batch, time steps, layer_widths[-1]).
    """
    random = np.random.default_rng(seed)

    def new_seed() -> int:
        return int(random.integers(2**31))

    # A masked network gives the same answer however much padding follows a review, so any length will do.
    steps = None if model.masking else max_length
    token_ids = keras.Input((steps,), dtype="int32", name="token_ids")
    # Two words a step: (batch, steps, 2). A step is padding if its first word is: pad.padding is post then.
    words = _pairs_of(token_ids) if model.words_a_step == 2 else token_ids
    mask = None
    if model.masking:
        mask = ops.not_equal(words[:, :, 0] if model.words_a_step == 2 else words, PAD_ID)
    embedding = layers.Embedding(
        vocab_size, model.embedding_dim, initializers.RandomUniform(seed=new_seed()), name="embedding"
    )
    parts = _of_step(embedding(words))
    if ngrams is not None:
        frozen = reduce(ops.add, _of_step(_frozen_vectors(words, ngrams)))
        parts.append(frozen)
    sequence = _join(parts)
    if model.embedding_dropout:
        dropout = layers.SpatialDropout1D(model.embedding_dropout, new_seed(), name="embedding_dropout")
        sequence = dropout(sequence)
    mask_above = mask
    for number in range(1, model.depth + 1):
        if number > 1 and model.layer_pooling == "max":
            sequence, mask_above = _pool_pairs(sequence, mask_above, number - 1)
        sequence = _recurrent_block(model, number, sequence, mask_above, new_seed)
    sequence = layers.Identity(name=TOP_STATES)(sequence)
    features = _pool(model, sequence, mask_above)
    if ngrams is not None:
        mean = layers.GlobalAveragePooling1D(name="ngram_mean")(frozen, mask=mask)
        scaling = layers.Rescaling(ngrams.scale.tolist(), ngrams.shift.tolist(), name="ngram_scaling")
        features = ops.concatenate([features, scaling(mean)], axis=-1)
    if rate := model.dropout if model.output_dropout is None else model.output_dropout:
        features = layers.Dropout(rate, seed=new_seed(), name="dropout")(features)
    width, activation = (1, "sigmoid") if num_labels == 2 else (num_labels, "softmax")
    output = layers.Dense(
        width, activation, kernel_initializer=initializers.GlorotUniform(new_seed()), name="probability"
    )
    return keras.Model(token_ids, output(features), name=f"stacked_{model.cell}")


# What a time step reads. All of it holds for (batch, steps), one word a step, and for (batch, steps, 2).


def _pairs_of(token_ids: Any) -> Any:
    """The words two by two, the last of an odd number with padding: (batch, ceil(timesteps / 2), 2)."""
    longer = ops.expand_dims(ops.pad(token_ids, [[0, 0], [0, 1]]), -1)
    return ops.concatenate([longer[:, :-1:2], longer[:, 1::2]], axis=-1)


def _of_step(vectors: Any) -> list[Any]:
    """Those of each word of a step: each (batch, steps, width)."""
    return [vectors] if len(vectors.shape) == 3 else [vectors[:, :, 0], vectors[:, :, 1]]


def _frozen_vectors(words: Any, ngrams: NgramVectors) -> Any:
    """For each word ``NgramVectors.of``: float32 (*words.shape, dimension). Every layer is called once."""
    if len(words.shape) == 2:
        before = ops.pad(words[:, :-1], [[0, 0], [1, 0]])
    else:
        before = ops.pad(words[:, :-1, 1:], [[0, 0], [1, 0], [0, 0]])
        before = ops.concatenate([before, words[:, :, :1]], axis=-1)
    # Whole numbers below 2^24, which float32 holds exactly.
    place = ops.cast(ops.squeeze(_table("ngram_places", ngrams.places)(before), -1), "int32")
    slot = _table("ngram_slots", ngrams.slots)(place + words)
    number, first = (ops.squeeze(part, -1) for part in ops.split(slot, 2, axis=-1))
    pair = ops.cast(ops.where(ops.equal(first, ops.cast(before, "float32")), number, 0.0), "int32")
    return _table("ngram_words", ngrams.words)(words) + _table("ngram_pairs", ngrams.pairs)(pair)


def _table(name: str, values: np.ndarray) -> layers.Embedding:
    """Looks up rows of ``values``, which no training changes."""
    return layers.Embedding(*values.shape, weights=[values.astype(np.float32)], trainable=False, name=name)


def _recurrent_block(model: ModelParams, number: int, sequence: Any, mask: Any, new_seed: NewSeed) -> Any:
    """Dropout, recurrent layer ``number`` (from 1), skip connection and normalization."""
    inputs = sequence
    if number > 1 and model.dropout:
        sequence = layers.SpatialDropout1D(model.dropout, new_seed(), name=f"dropout_{number - 1}")(sequence)
    layer = _recurrent_layer(model, number, model.layer_units[number - 1], new_seed)
    sequence = layer(sequence, mask=mask) if mask is not None else layer(sequence)
    if model.starts_at_identity:
        _start_at_identity(model, layer)
    if model.skip != "none":
        sequence = skip_connection(model.skip, inputs, sequence, number, new_seed)
    if model.layer_normalization:
        sequence = layers.LayerNormalization(name=f"normalization_{number}")(sequence)
    return sequence


def _recurrent_layer(model: ModelParams, number: int, units: int, new_seed: NewSeed) -> layers.Layer:
    glorot = initializers.GlorotUniform
    recurrent = glorot if model.recurrent_initializer == "glorot_uniform" else initializers.Orthogonal
    extra = {"unit_forget_bias": model.unit_forget_bias} if model.cell == "lstm" else {}
    make, _ = _CELLS[model.cell]
    layer = make(
        units,
        activation=model.activation,
        return_sequences=True,
        recurrent_dropout=model.recurrent_dropout,
        kernel_initializer=glorot(new_seed()),
        recurrent_initializer=recurrent(seed=new_seed()),
        seed=new_seed(),
        name=f"{model.cell}_{number}",
        **extra,
    )
    if not model.bidirectional:
        return layer
    backward = type(layer).from_config(
        layer.get_config()
        | {
            "go_backwards": True,
            "seed": new_seed(),
            "kernel_initializer": glorot(new_seed()),
            "recurrent_initializer": recurrent(seed=new_seed()),
        }
    )
    return layers.Bidirectional(layer, backward_layer=backward, name=f"bidirectional_{model.cell}_{number}")


def _start_at_identity(model: ModelParams, layer: layers.Layer) -> None:
    """Starts the recurrent weights that pass through the activation at a multiple of the identity.

    Le, Jaitly & Hinton (2015), "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units".
    Gates keep their orthogonal start.
    """
    pair = (layer.forward_layer, layer.backward_layer) if model.bidirectional else (layer,)
    for recurrent in pair:
        kernel = ops.convert_to_numpy(recurrent.cell.recurrent_kernel).copy()
        units, (_, block) = recurrent.units, _CELLS[model.cell]
        start = block * units
        kernel[:, start : start + units] = model.identity_scale * np.eye(units, dtype=kernel.dtype)
        recurrent.cell.recurrent_kernel.assign(kernel)


def _pool_pairs(sequence: Any, mask: Any, number: int) -> tuple[Any, Any]:
    """The greater of each two time steps above layer ``number``; of a pair with one word, that word's.

    (batch, timesteps, width) -> (batch, ceil(timesteps / 2), width), and the mask likewise.
    """
    pairs = layers.MaxPooling1D(2, padding="same", name=f"layer_pooling_{number}")
    if mask is None:
        return pairs(sequence), None
    real = ops.expand_dims(mask, -1)
    above = layers.MaxPooling1D(2, padding="same", name=f"mask_pooling_{number}")(ops.cast(real, "float32"))
    greater = pairs(ops.where(real, sequence, _LOWEST))
    return ops.where(above > 0, greater, 0.0), ops.squeeze(above, -1) > 0


def _pool(model: ModelParams, sequence: Any, mask: Any) -> Any:
    """(batch, timesteps, width) -> (batch, width): the last state, or the mean or maximum over time."""
    if model.pooling == "last":
        return _last_states(model, sequence, mask)
    parts = []
    if "max" in model.pooling:
        words = sequence if mask is None else ops.where(ops.expand_dims(mask, -1), sequence, _LOWEST)
        parts.append(layers.GlobalMaxPooling1D(name="max_pooling")(words))
    if "mean" in model.pooling:
        parts.append(layers.GlobalAveragePooling1D(name="mean_pooling")(sequence, mask=mask))
    return _join(parts)


def _join(parts: list[Any]) -> Any:
    return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]


def _last_states(model: ModelParams, sequence: Any, mask: Any) -> Any:
    """The state after the last word; of a layer that reads backwards, the state after the first."""
    forward, *backward = ops.split(sequence, 2, axis=-1) if model.bidirectional else [sequence]
    if mask is None:
        return _join([forward[:, -1], *(each[:, 0] for each in backward)])
    real = ops.cast(mask, "float32")
    ends = real * (1 - ops.pad(real[:, 1:], [[0, 0], [0, 1]]))
    last = ops.einsum("bt,btw->bw", ends, forward)
    if not backward:
        return last
    begins = real * (1 - ops.pad(real[:, :-1], [[0, 0], [1, 0]]))
    return ops.concatenate([last, ops.einsum("bt,btw->bw", begins, backward[0])], axis=-1)
