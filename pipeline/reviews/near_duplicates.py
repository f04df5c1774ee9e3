"""Pairs of reviews of nearly the same words.

Broder, "On the resemblance and containment of documents", 1997: the chance that two sets have the same
smallest hash is their Jaccard similarity. Reviews that agree in a band of hashes are compared (MinHash).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.reviews.ragged import Rows, offsets_of

NEAR = 0.8  # Jaccard similarity of three-word shingles from which texts are near-duplicates
_HASHES, _BANDS = 16, 8
_FEWEST = 5  # words of a review that is compared
_COMPARED = 100_000  # reviews
_AT_A_TIME = 5_000  # reviews whose shingles are held at once
Review = Callable[[int], np.ndarray]  # its tokens, by its row


def near_pairs(review: Review, lengths: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows of the first ``_COMPARED`` reviews that are near-duplicates and not the same.

    Args:
        review: of a row, its tokens, int32 (length,).
        lengths: int64 (num_reviews,).
    """
    rows = np.flatnonzero(lengths >= _FEWEST)[:_COMPARED]
    if len(rows) < 2:
        return []
    parts = [rows[start : start + _AT_A_TIME] for start in range(0, len(rows), _AT_A_TIME)]
    pairs: set[tuple[int, int]] = set()
    for keys in np.concatenate([_bands(review, lengths, part) for part in parts], axis=1):
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
        # In the order of their rows: the sort is stable.
        pairs.update(zip(rows[order[same]].tolist(), rows[order[same + 1]].tolist(), strict=True))
    return [
        pair
        for pair in sorted(pairs)
        for one, other in [map(review, pair)]
        if not np.array_equal(one, other) and _similarity(one, other) >= NEAR
    ]


def _bands(review: Review, lengths: np.ndarray, rows: Rows) -> np.ndarray:
    """The bands of hashes of each review: uint64 (_BANDS, num_rows)."""
    shingles = _shingles(np.concatenate([review(row) for row in rows.tolist()]))
    offsets = offsets_of(lengths[rows])
    for last in (1, 2):  # those that run into the next review count for nothing: the first one once more
        shingles[offsets[1:] - last] = shingles[offsets[:-1]]
    generator = np.random.default_rng(0)
    bands = np.zeros((_BANDS, len(rows)), np.uint64)
    for number in range(_HASHES):
        factor, shift = generator.integers(1, 2**63, 2, dtype=np.uint64)
        mixed = (shingles * (factor | np.uint64(1)) + shift) >> np.uint64(16)
        smallest = np.minimum.reduceat(mixed, offsets[:-1])
        band = number * _BANDS // _HASHES
        bands[band] = bands[band] * np.uint64(1_000_003) + smallest
    return bands


def _shingles(tokens: np.ndarray) -> np.ndarray:
    """A number for each three tokens in a row: uint64 (total_tokens,)."""
    padded = np.concatenate([tokens, [0, 0]]).astype(np.uint64)
    return (padded[:-2] * np.uint64(1_000_003) + padded[1:-1]) * np.uint64(998_244_353) + padded[2:]


def _similarity(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (set(_shingles(tokens)[:-2].tolist()) for tokens in (one, other))
    return len(first & second) / len(first | second)
