"""What each word that a network reads contributes to its answer, by erasing the words one at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.reviews.vocabulary import OOV_ID

_SMALLEST = 1e-7  # float32 has no probability nearer to 1


def contributions(predict: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray) -> list[np.ndarray]:
    """The log-odds of label 1 less those with one word made unknown, for each word in its order.

    Li, Monroe & Jurafsky, "Understanding Neural Networks through Representation Erasure" (2016): above 0 a
    word speaks for label 1. An unknown word contributes 0.

    Args:
        predict: from rows of token ids to probabilities of label 1, (num_rows,).
        token_ids: int (num_reviews, max_length), padded.

    Returns:
        For each review, float64 (num_words,), of the words that the network reads.
    """
    places = [np.flatnonzero(row >= OOV_ID) for row in token_ids]
    erased = [_erased(row, at) for row, at in zip(token_ids, places, strict=True)]
    if not erased:
        return []
    log_odds = np.split(_log_odds(predict(np.concatenate(erased))), np.cumsum([len(rows) for rows in erased]))
    return [whole_last[-1] - whole_last[:-1] for whole_last in log_odds[:-1]]


def _erased(row: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A row for each of ``places`` with the word there made unknown, and the whole row at the end."""
    rows = np.repeat(row[None], len(places) + 1, axis=0)
    rows[np.arange(len(places)), places] = OOV_ID
    return rows


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    clipped = probabilities.astype(np.float64).clip(_SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
