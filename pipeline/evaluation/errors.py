"""The errors that a model is surest of: what a person should read first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.threshold import THRESHOLD
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import Row

COLUMNS = ("actual", "predicted", "probability", "row", "text")
MOST = 10


def confident_errors(
    reviews: Reviews,
    probabilities: np.ndarray,
    vocabulary: Vocabulary,
    names: Sequence[str],
    most: int = MOST,
) -> list[Row]:
    """The wrong positives with the highest probabilities, then the wrong negatives with the lowest.

    Args:
        reviews: in full, as the source gives them.
        probabilities: (num_reviews,), of label 1.
        vocabulary: the words of ``reviews``; they were lower-cased and lost their punctuation.
        names: of labels 0 and 1.
        most: rows of each kind at most; of equal probabilities the earlier review is taken.

    Returns:
        ``COLUMNS`` for each; ``probability`` is that of label 1, ``row`` the review's place.
    """
    rows: list[Row] = []
    for actual, doubt in ((0, -probabilities), (1, probabilities)):
        wrong = (reviews.labels == actual) & ((probabilities >= THRESHOLD) != actual)
        candidates = np.flatnonzero(wrong)
        for row in candidates[np.argsort(doubt[candidates], kind="stable")][:most]:
            rows.append(
                {
                    "actual": names[actual],
                    "predicted": names[1 - actual],
                    "probability": float(probabilities[row]),
                    "row": int(row),
                    "text": vocabulary.decode(reviews.review(row)),
                }
            )
    return rows
