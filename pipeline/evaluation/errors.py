"""The errors that a model is surest of: what a person should read first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.probabilities import by_label, decide, shown
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
    """The reviews of each label that another one was given to, those first that it was surest of.

    Args:
        reviews: in full, as the source gives them.
        probabilities: (num_reviews,), of label 1; of more than two labels, (num_reviews, num_labels).
        vocabulary: the words of ``reviews``; they were lower-cased and lost their punctuation.
        names: of the labels.
        most: rows of each label at most; of equal probabilities the earlier review is taken.

    Returns:
        ``COLUMNS`` for each; ``probability`` is that of label 1, or, of more than two labels, of the one
        given; ``row`` the review's place.
    """
    rows: list[Row] = []
    given, about = decide(probabilities), shown(probabilities)
    doubt = -by_label(probabilities.astype(np.float64))[np.arange(len(given)), given]
    for actual, name in enumerate(names):
        candidates = np.flatnonzero((reviews.labels == actual) & (given != actual))
        for row in candidates[np.argsort(doubt[candidates], kind="stable")][:most]:
            rows.append(
                {
                    "actual": name,
                    "predicted": names[given[row]],
                    "probability": float(about[row]),
                    "row": int(row),
                    "text": vocabulary.decode(reviews.review(row)),
                }
            )
    return rows
