"""Which rows make up each batch, and how many time steps of them are computed.

A masked network's rows are aligned left and their batches made of reviews of like length, so that little
time is spent on padding; as in the packing of Johnson & Zhang (2016), the order stays random enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pipeline.reviews.ragged import Offsets, Tokens, flat_ranges
from pipeline.reviews.vocabulary import OOV_ID, PAD_ID

STEPS_A_CALL = 64  # long enough to hide a call's cost, short enough to interrupt
CHUNK = 50  # batches whose rows are sorted by length together
WIDTH = 200  # a program is compiled for every multiple of so many time steps, up to the longest review


class Batches(NamedTuple):
    """``rows`` int32 and ``weights`` float32, (any, batch_size); of them the first ``steps`` are run.

    A weight is 1, or 0 where a row only fills up the last batch. Of each row the first ``timesteps`` count.
    """

    rows: np.ndarray
    weights: np.ndarray
    steps: int
    timesteps: int


def align_left(token_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moves padding behind the words of each row: int32 (num_reviews, timesteps), and the words' number.

    >>> align_left(np.array([[0, 0, 1, 7], [1, 5, 0, 0]]))
    (array([[1, 7, 0, 0],
           [1, 5, 0, 0]]), array([2, 2]))
    """
    real = token_ids != PAD_ID
    lengths = real.sum(axis=1)
    if (real[:, 1:] <= real[:, :-1]).all():  # as it is already, which needs no copy
        return token_ids, lengths
    order = np.argsort(~real, axis=1, kind="stable")
    return np.take_along_axis(token_ids, order, axis=1), lengths


def windows_of(tokens: Tokens, offsets: Offsets, vocab_size: int, length: int) -> np.ndarray:
    """Whole reviews, cut into rows of ``length`` tokens; a review's last row is filled up with padding.

    Of int32 (total_tokens,), where review i is ``tokens[offsets[i]:offsets[i + 1]]``, int32 (num_rows,
    length): ids from ``vocab_size`` on are OOV_ID, and rows of a single token, which none follows, left out.

    >>> windows_of(np.array([4, 5, 6, 7, 8, 9], np.int32), np.array([0, 5, 6]), 9, 3)
    array([[4, 5, 6],
           [7, 8, 0]], dtype=int32)
    """
    starts = [np.arange(start, end, length) for start, end in pairwise(offsets)]
    edges = np.concatenate([*starts, offsets[-1:]]).astype(np.int64)
    lengths = np.diff(edges)
    kept = lengths > 1
    rows = np.full((kept.sum(), length), PAD_ID, np.int32)
    words = tokens[flat_ranges(edges[:-1][kept], lengths[kept])]
    rows.reshape(-1)[flat_ranges(np.arange(len(rows)) * length, lengths[kept])] = np.where(
        words < vocab_size, words, OOV_ID
    )
    return rows


def shuffled_batches(
    lengths: np.ndarray | None, count: int, timesteps: int, batch_size: int, random: np.random.Generator
) -> Iterator[Batches]:
    """One pass over ``count`` rows in a random order, in calls of one shape.

    Args:
        lengths: of the rows, int (count,), where batches are to hold rows of like length; None where every
            time step counts.
        timesteps: of the longest row.
    """
    order = random.permutation(count)
    if lengths is None:
        for start in range(0, count, batch_size * STEPS_A_CALL):
            yield _call(order[start : start + batch_size * STEPS_A_CALL], batch_size, timesteps)
        return
    for start in range(0, count, batch_size * CHUNK):
        chunk = order[start : start + batch_size * CHUNK]
        calls = list(sorted_batches(chunk, lengths, timesteps, batch_size))
        for index in random.permutation(len(calls)):
            yield calls[index]


def sorted_batches(
    rows: np.ndarray, lengths: np.ndarray, timesteps: int, batch_size: int
) -> Iterator[Batches]:
    """``rows`` from short to long, a call for each number of time steps: a multiple of ``WIDTH``, or all.

    A recurrent layer's loop ends with the longest review of a batch in any case; what is saved is the rest.
    """
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    starts = np.arange(0, len(rows), batch_size)
    longest = lengths[rows[np.minimum(starts + batch_size, len(rows)) - 1]]
    widths = np.minimum(np.maximum(-(-longest // WIDTH), 1) * WIDTH, timesteps)
    for width in np.unique(widths):
        of_width = starts[widths == width]
        for first in range(0, len(of_width), STEPS_A_CALL):
            part = of_width[first : first + STEPS_A_CALL]
            yield _call(rows[part[0] : part[-1] + batch_size], batch_size, int(width))


def _call(rows: np.ndarray, batch_size: int, timesteps: int) -> Batches:
    """Cut into batches and filled up, with copies of the last row that weigh nothing."""
    shape = STEPS_A_CALL, batch_size
    filled, weights = np.full(shape, rows[-1], np.int32), np.zeros(shape, np.float32)
    filled.flat[: len(rows)], weights.flat[: len(rows)] = rows, 1
    return Batches(filled, weights, math.ceil(len(rows) / batch_size), timesteps)
