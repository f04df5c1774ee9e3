"""What a network says of many reviews, computed as it is trained: in the fast layers, length by length."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from pipeline.evaluation.probabilities import from_columns
from pipeline.networks.implementation import Implementation
from pipeline.training.batches import align_left, sorted_batches
from pipeline.training.compiled import compile_prediction

PREDICTION_BATCH = 256

# (token_ids int32 (num_reviews, timesteps), batch size) -> float32, of evaluation.probabilities' form
Predict = Callable[[np.ndarray, int], np.ndarray]


def predict(
    model: keras.Model,
    token_ids: np.ndarray,
    implementation: Implementation,
    batch_size: int = PREDICTION_BATCH,
) -> np.ndarray:
    """The probabilities of each review of ``token_ids``, int32 (num_reviews, timesteps).

    Args:
        model: of ``build_stacked_rnn``; one that takes rows of any length is a masked one.
        implementation: how its recurrent layers are computed here.

    Returns:
        float32 (num_reviews,), of label 1; of more than two labels, (num_reviews, num_labels).
    """
    masked = model.input.shape[1] is None
    run = compile_probabilities(implementation.apply(model), implementation.xla, masked)
    return run(token_ids, batch_size)


def compile_probabilities(computed: keras.Model, xla: bool, masked: bool) -> Predict:
    """Compiles ``computed``, as ``Implementation.apply`` gives it.

    Args:
        xla: False for cuDNN's kernels, which XLA can't hold.
        masked: whether padding may be left out, so that rows of like length go together.
    """
    run = compile_prediction(computed, xla)

    def probabilities(token_ids: np.ndarray, batch_size: int) -> np.ndarray:
        result = np.zeros((len(token_ids), computed.output.shape[-1]), np.float32)
        timesteps = token_ids.shape[1]
        if not len(token_ids):
            return from_columns(result)
        if masked:
            token_ids, lengths = align_left(token_ids)
        else:
            lengths = np.full(len(token_ids), timesteps)
        for call in sorted_batches(np.arange(len(token_ids)), lengths, timesteps, batch_size):
            for rows in call.rows[: call.steps]:
                result[rows] = run(token_ids[rows, : call.timesteps].astype(np.int32))
        return from_columns(result)

    return probabilities
