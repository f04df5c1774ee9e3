"""Vectors of words and word pairs that a network holds and never changes, and how it finds a pair's.

The pairs lie in a double array (Aoe, 1989, "An Efficient Digital Search Algorithm by Using a Double-Array
Structure"): they are looked up with gathers alone, so nothing but token ids goes into the network, and a
saved one takes its pairs along as weights.
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import numpy as np

_TOGETHER = 1024  # places that are tried at once


class NgramVectors(NamedTuple):
    """A pair's number stands at slot ``places[first] + second``, beside its first word: another one's if not.

    Attributes:
        words: float32 (vocab_size, dimension); zeros for a word without a vector.
        pairs: float32 (1 + num_pairs, dimension); row 0, of no pair, is zeros.
        places: int32 (vocab_size, 1).
        slots: int32 (num_slots, 2): a pair's number, or 0, and its first word.
        scale: float32 (dimension,): what a review's mean vector is multiplied by,
        shift: float32 (dimension,): and what is added, so that it is as large as other features.
    """

    words: np.ndarray
    pairs: np.ndarray
    places: np.ndarray
    slots: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def of(self, token_ids: np.ndarray) -> np.ndarray:
        """The vectors of each token and of the pair that ends there, summed, as the network sums them.

        int (num_reviews, timesteps) -> float32 (num_reviews, timesteps, dimension).
        """
        before = np.pad(token_ids[:, :-1], [[0, 0], [1, 0]])
        number, first = np.moveaxis(self.slots[self.places[before, 0] + token_ids], -1, 0)
        return self.words[token_ids] + self.pairs[np.where(first == before, number, 0)]


def place_pairs(firsts: np.ndarray, seconds: np.ndarray, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """``places`` and ``slots`` of ``NgramVectors``, for pairs with the numbers 1, 2, ...: each first fit.

    >>> places, slots = place_pairs(np.array([1, 3, 1]), np.array([2, 2, 0]), 4)
    >>> [int(slots[places[first, 0] + second, 0]) for first, second in ((1, 2), (3, 2), (1, 0))]
    [1, 2, 3]

    ``firsts`` and ``seconds`` are int (num_pairs,), words below ``vocab_size``; no first one is 0, and no two
    pairs have both words alike.
    """
    order = np.lexsort((seconds, firsts))
    heads, starts, sizes = np.unique(firsts[order], return_index=True, return_counts=True)
    places = np.zeros((vocab_size, 1), np.int32)
    slots = np.zeros((vocab_size + _TOGETHER, 2), np.int32)
    latest = lowest = 0
    for head in np.argsort(-sizes, kind="stable"):  # those of many pairs first; single ones fill the gaps
        mine = order[starts[head] : starts[head] + sizes[head]]
        lowest += int(np.argmin(slots[lowest:, 0] != 0))
        start = latest if len(mine) > 1 else max(lowest - int(seconds[mine[0]]), 0)
        for first in count(start, _TOGETHER):
            missing = first + _TOGETHER + int(seconds[mine].max()) - len(slots) + 1
            if missing > 0:
                slots = np.pad(slots, [[0, missing + len(slots)], [0, 0]])
            free = first + np.arange(_TOGETHER)
            for second in seconds[mine]:  # few places survive the first words
                free = free[slots[free + second, 0] == 0]
            if len(free):
                break
        place = int(free[0])
        latest = max(latest, place)
        places[heads[head]] = place
        slots[place + seconds[mine]] = np.column_stack([1 + mine, firsts[mine]])
    return places, slots[: int(places.max()) + vocab_size]  # any word may be asked for
