"""Where a classifier fails: its accuracy by the length of a review and by its unknown words."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.binning import shares_by_bin
from pipeline.reviews.vocabulary import OOV_ID, PAD_ID, START_ID
from pipeline.runtime.files import Row

BINS = 8


def unknown_share(token_ids: np.ndarray) -> np.ndarray:
    """The share of the words read that the model doesn't know: float64 (num_reviews,); 1 if it reads none.

    Args:
        token_ids: int (num_reviews, max_length), padded.
    """
    words = ((token_ids != PAD_ID) & (token_ids != START_ID)).sum(1)
    return np.where(words > 0, (token_ids == OOV_ID).sum(1) / np.maximum(words, 1), 1.0)


def accuracy_by(name: str, values: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Row]:
    """Accuracy in bins that hold about as many reviews each; equal values share a bin.

    Args:
        name: the column of the bin's mean value.
        values: (num_reviews,), what the reviews are binned by.
        right: bool (num_reviews,), whether each review is labelled right.
        bins: how many, fewer where values repeat.

    Returns:
        Rows of ``shares_by_bin``, with the columns ``name`` and accuracy.
    """
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    ends = np.unique(np.quantile(values, inner, method="lower"))  # a bin holds its end
    return shares_by_bin(np.searchsorted(ends, values), name, values, "accuracy", right)
