"""What each layer knows: how well a linear classifier reads the label from the layer's states.

Alain & Bengio (2017), "Understanding intermediate layers using linear classifier probes".
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.networks.stacked_rnn import recurrent_layers
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.runtime.errors import UserError


def describing_network(network: keras.Model) -> tuple[keras.Model, list[int]]:
    """A network of ``network``'s own layers that gives its probabilities and every layer's mean state.

    Returns:
        A model from ``token_ids`` to float32 (batch, sum of widths), and the widths: of the probabilities, of
        the embeddings, then of each recurrent layer. The mean is over a review's real words.
    """
    token_ids = network.input
    mask = ops.not_equal(token_ids, PAD_ID)
    sequences = [network.get_layer("embedding").output]
    sequences += [layer.output for layer in recurrent_layers(network)]
    means = [keras.layers.GlobalAveragePooling1D()(sequence, mask=mask) for sequence in sequences]
    outputs = [network.output, *means]
    return keras.Model(token_ids, ops.concatenate(outputs, axis=-1)), [each.shape[-1] for each in outputs]


def describe(
    compute: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray, batch_size: int
) -> np.ndarray:
    """``compute`` of every review, in batches of one shape, so that one program is compiled.

    Returns:
        float32 (num_reviews, width).
    """
    count = len(token_ids)
    padded = np.full((math.ceil(count / batch_size) * batch_size, token_ids.shape[1]), PAD_ID + 1, np.int32)
    padded[:count] = token_ids
    parts = [compute(padded[at : at + batch_size]) for at in range(0, len(padded), batch_size)]
    return np.concatenate(parts)[:count]


def probe_accuracy(
    train: np.ndarray, train_labels: np.ndarray, validation: np.ndarray, validation_labels: np.ndarray
) -> float:
    """Accuracy on the validation reviews of a logistic regression that was fitted to the training reviews.

    Args:
        train: float (num_reviews, width), features.
        train_labels: whole numbers from 0, (num_reviews,).
        validation: float (num_reviews, width).
        validation_labels: likewise.
    """
    if len(np.unique(train_labels)) == 1:
        raise UserError(f"depth.probe_reviews is too low: all {len(train_labels)} reviews have one label")
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float(probe.fit(train, train_labels).score(validation, validation_labels))
