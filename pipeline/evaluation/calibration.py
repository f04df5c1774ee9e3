"""Whether of the reviews given a probability of 0.8, eight in ten are positive."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.binning import shares_by_bin
from pipeline.runtime.files import Row

BINS = 10


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """The bin of ``BINS`` equally wide ones each probability is in: int (num_reviews,); 1.0's is the last."""
    return np.minimum((probabilities.astype(np.float64) * BINS).astype(int), BINS - 1)


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The distance between a bin's share of positive reviews and its mean probability, over all reviews.

    As Guo et al. define it, "On Calibration of Modern Neural Networks" (ICML 2017), but of the probability
    of label 1: each bin weighs as much as it has reviews.

    Args:
        labels: (num_reviews,), 0 or 1.
        probabilities: (num_reviews,), of label 1.

    Returns:
        From 0, calibrated, to 1.
    """
    gaps = np.bincount(bins_of(probabilities), labels - probabilities.astype(np.float64), BINS)
    return float(np.abs(gaps).sum() / len(labels))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> list[Row]:
    """The reliability diagram: ``shares_by_bin`` with the columns probability and positive_share."""
    return shares_by_bin(bins_of(probabilities), "probability", probabilities, "positive_share", labels == 1)
