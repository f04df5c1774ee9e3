"""What each word that a network reads contributes to its answer, by erasing the words one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.evaluation.probabilities import decide, log_odds, shown
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.vocabulary import OOV_ID, Vocabulary
from pipeline.runtime.files import Row


def contributions(
    predict: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray, label: int | None = None
) -> list[np.ndarray]:
    """The log-odds of a label less those with one word made unknown, for each word in its order.

    Li, Monroe & Jurafsky, "Understanding Neural Networks through Representation Erasure" (2016): above 0 a
    word speaks for the label. An unknown word contributes 0.

    Args:
        predict: from rows of token ids to their probabilities, (num_rows, num_labels).
        token_ids: int (num_reviews, max_length), padded.
        label: whose log-odds; None: label 1 of two, of more the one that the review is given.

    Returns:
        For each review, float64 (num_words,), of the words that the network reads.
    """
    places = [np.flatnonzero(row >= OOV_ID) for row in token_ids]
    erased = [_erased(row, at) for row, at in zip(token_ids, places, strict=True)]
    if not erased:
        return []
    said = np.split(predict(np.concatenate(erased)), np.cumsum([len(rows) for rows in erased]))
    return [_losses(whole_last, label) for whole_last in said[:-1]]


def _losses(whole_last: np.ndarray, label: int | None) -> np.ndarray:
    """What each row's log-odds lack of the last row's."""
    if label is None:
        label = 1 if whole_last.shape[1] == 2 else int(decide(whole_last[-1:])[0])
    values = log_odds(whole_last, label)
    return np.asarray(values[-1] - values[:-1])


def _erased(row: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A row for each of ``places`` with the word there made unknown, and the whole row at the end."""
    rows = np.repeat(row[None], len(places) + 1, axis=0)
    rows[np.arange(len(places)), places] = OOV_ID
    return rows


# The errors that a model is surest of: what a person should read first.

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
        probabilities: (num_reviews, num_labels).
        vocabulary: the words of ``reviews``; they were lower-cased and lost their punctuation.
        names: of the labels.
        most: rows of each label at most; of equal probabilities the earlier review is taken.

    Returns:
        ``COLUMNS`` for each; ``probability`` is that of label 1, or, of more than two labels, of the one
        given; ``row`` the review's place.
    """
    rows: list[Row] = []
    given, about = decide(probabilities), shown(probabilities)
    doubt = -probabilities[np.arange(len(given)), given]
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
