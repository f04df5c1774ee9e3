"""What each word that a network reads contributes to its answer, by erasing the words one at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.evaluation.probabilities import decide, log_odds
from pipeline.reviews.vocabulary import OOV_ID


def contributions(
    predict: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray, label: int | None = None
) -> list[np.ndarray]:
    """The log-odds of a label less those with one word made unknown, for each word in its order.

    Li, Monroe & Jurafsky, "Understanding Neural Networks through Representation Erasure" (2016): above 0 a
    word speaks for the label. An unknown word contributes 0.

    Args:
        predict: from rows of token ids to their probabilities.
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
        label = 1 if whole_last.ndim == 1 else int(decide(whole_last[-1:])[0])
    values = log_odds(whole_last, label)
    return np.asarray(values[-1] - values[:-1])


def _erased(row: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A row for each of ``places`` with the word there made unknown, and the whole row at the end."""
    rows = np.repeat(row[None], len(places) + 1, axis=0)
    rows[np.arange(len(places)), places] = OOV_ID
    return rows
