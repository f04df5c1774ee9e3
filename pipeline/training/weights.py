"""Weights that go from one network, or from word vectors, to another."""

from __future__ import annotations

import keras
import numpy as np

from pipeline.training.compiled import Average


def average_of(variables: list[keras.Variable], decay: float) -> Average:
    """An average that starts at the variables' values; an empty one for a decay of 0."""
    # As numbers: Keras would share the storage of a variable that it is given.
    starts = [keras.ops.convert_to_numpy(variable) for variable in variables] if decay else []
    values = [keras.Variable(start, trainable=False) for start in starts]
    return Average(values, decay)


def copy_weights(values: list[keras.Variable], target: keras.Model) -> None:
    """Gives ``target`` the weights of a network of the same layers."""
    for variable, value in zip(target.trainable_variables, values, strict=True):
        if variable is not value:
            variable.assign(value.value)


def start_embedding(model: keras.Model, vectors: np.ndarray) -> None:
    """Gives the embedding the rows of ``vectors`` that aren't all zero."""
    embeddings = model.get_layer("embedding").embeddings
    known = vectors.any(axis=1, keepdims=True)
    embeddings.assign(np.where(known, vectors, keras.ops.convert_to_numpy(embeddings)))
