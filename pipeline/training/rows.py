"""Reviews as a fit takes them, and the scores of a network on them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pipeline.evaluation.measures import BALANCED_ACCURACY, F1, measured
from pipeline.evaluation.probabilities import cross_entropy, right
from pipeline.training.batches import align_left
from pipeline.training.prediction import PREDICTION_BATCH, Predict


class Split(NamedTuple):
    """Padded reviews: ``token_ids`` int32 (num_reviews, max_length), ``labels`` (num_reviews,).

    A label is a whole number from 0. Soft labels are a teacher's probabilities: of label 1, or, of more than
    two labels, of each, (num_reviews, num_labels).
    """

    token_ids: np.ndarray
    labels: np.ndarray


class Rows(NamedTuple):
    """Reviews as the compiled steps take them; ``lengths`` where padding is left out of the computation."""

    token_ids: np.ndarray
    labels: np.ndarray
    lengths: np.ndarray | None

    @classmethod
    def of(cls, split: Split, masked: bool) -> Rows:
        if not masked:
            return cls(split.token_ids, split.labels, None)
        token_ids, lengths = align_left(split.token_ids)
        return cls(token_ids, split.labels, lengths)

    def steps(self, batch_size: int) -> int:
        """Batches of one pass."""
        return math.ceil(len(self.labels) / batch_size)


def scores_on(predict: Predict, split: Split, weights: np.ndarray | None) -> dict[str, float]:
    """Mean cross-entropy (``validation_loss``), accuracy, balanced accuracy and F1 on ``split``."""
    probabilities = predict(split.token_ids, PREDICTION_BATCH)
    losses = cross_entropy(split.labels, probabilities)
    counts = None if weights is None else weights[split.labels]
    return {
        "validation_loss": float(losses.mean() if counts is None else np.average(losses, weights=counts)),
        "validation_accuracy": float(right(split.labels, probabilities).mean()),
        **{
            f"validation_{name}": measured(name, split.labels, probabilities)
            for name in (BALANCED_ACCURACY, F1)
        },
    }
