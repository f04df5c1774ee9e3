"""How often each run of a few tokens stands in each review, as a sparse matrix; no token becomes a string."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack

from pipeline.reviews.ragged import Ragged
from pipeline.runtime.errors import UserError

_ABSENT, _NONE = -1, -2  # where no run is; no run's number


@dataclass(frozen=True, eq=False)
class Ngrams:
    """The runs of tokens that are counted, each a column of :meth:`counts`.

    Runs of n tokens are numbers: the column, among those of their length, of their first n - 1 tokens, times
    ``base``, plus the last token. So they stay below (columns x vocabulary), far from the end of int64.

    Attributes:
        base: more than every token id.
        keys: for each length from 1 on, its runs as such numbers: int64 (num_runs,), ascending.
    """

    base: int
    keys: tuple[npt.NDArray[np.int64], ...]

    def __len__(self) -> int:
        return sum(map(len, self.keys))

    def counts(self, reviews: Ragged) -> csr_matrix:
        """How often each run stands in each review: float32 (num_reviews, num_runs)."""
        rows, parts = _rows(reviews), []
        columns = np.zeros(len(reviews.tokens), np.int32)
        for length, known in enumerate(self.keys, start=1):
            numbers = _numbers(reviews, rows, columns, length, self.base)
            places = np.searchsorted(known, numbers)
            found = np.append(known, _NONE)[places] == numbers
            columns = np.where(found, places, _ABSENT).astype(np.int32)
            parts.append(_matrix(reviews, columns, len(known)))
        return hstack(parts, format="csr", dtype=np.float32)


def find_ngrams(reviews: Ragged, longest: int, min_reviews: int = 2) -> tuple[Ngrams, csr_matrix]:
    """The runs of 1 to ``longest`` tokens that ``min_reviews`` or more reviews hold, and their counts.

    >>> ngrams, counts = find_ngrams(Ragged(np.array([4, 5, 4, 5, 6]), np.array([0, 2, 5])), longest=2)
    >>> ngrams.keys
    (array([4, 5]), array([5]))
    >>> counts.toarray().tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]

    Returns:
        The runs, and what ``counts`` gives for the same reviews.

    Raises:
        UserError: if there is none, not even of one token.
    """
    rows, base = _rows(reviews), int(reviews.tokens.max(initial=0)) + 1
    columns = np.zeros(len(reviews.tokens), np.int32)
    keys, parts = [], []
    for length in range(1, longest + 1):
        numbers = _numbers(reviews, rows, columns, length, base)
        # One after the other, each run's reviews in their order: a run begins where the number changes, and
        # another of its reviews where either does.
        order = np.argsort(numbers, kind="stable")
        numbers, held = numbers[order], rows[order]
        begins = np.concatenate([[True], numbers[1:] != numbers[:-1]])[: len(numbers)]
        first_of_review = begins.copy()
        first_of_review[1:] |= held[1:] != held[:-1]
        places = np.flatnonzero(begins)
        distinct = numbers[places]
        del numbers, held
        held_by = np.add.reduceat(first_of_review, places, dtype=np.int32) if len(places) else places
        # A run that goes on from one that too few reviews hold is held by too few as well.
        known = (held_by >= min_reviews) & (distinct != _ABSENT)
        columns[order] = np.where(known, np.cumsum(known, dtype=np.int32) - 1, _ABSENT)[
            np.cumsum(begins, dtype=np.int32) - 1
        ]
        keys.append(distinct[known])
        parts.append(_matrix(reviews, columns, len(keys[-1])))
    if len(keys[0]) == 0:
        raise UserError(
            f"no token stands in {min_reviews} or more of {len(reviews)} reviews: "
            "the baselines need reviews that share words"
        )
    return Ngrams(base, tuple(keys)), hstack(parts, format="csr", dtype=np.float32)


def _rows(reviews: Ragged) -> npt.NDArray[np.int32]:
    """The review of each token: int32 (total_tokens,)."""
    return np.repeat(np.arange(len(reviews), dtype=np.int32), reviews.lengths)


def _numbers(
    reviews: Ragged, rows: np.ndarray, columns: np.ndarray, length: int, base: int
) -> npt.NDArray[np.int64]:
    """The run of ``length`` tokens that begins at each token; ``_ABSENT`` where none does.

    ``columns`` are those of runs one shorter, 0 for the empty one; a token from ``base`` on ends every run.
    """
    numbers = np.full(len(reviews.tokens), _ABSENT, np.int64)
    last = length - 1
    stop = max(len(reviews.tokens) - last, 0)
    tokens = reviews.tokens[last:]
    inside = (rows[:stop] == rows[last:]) & (columns[:stop] != _ABSENT) & (tokens < base)
    numbers[:stop][inside] = columns[:stop][inside].astype(np.int64) * base + tokens[inside]
    return numbers


def _matrix(reviews: Ragged, columns: np.ndarray, width: int) -> csr_matrix:
    """How often each column occurs in each review, absent ones left out: float32 (num_reviews, width)."""
    present = columns != _ABSENT
    ends = np.concatenate([[0], np.cumsum(present)])[reviews.offsets]
    ones = np.ones(int(ends[-1]), np.float32)
    matrix = csr_matrix((ones, columns[present], ends), shape=(len(reviews), width))
    matrix.sum_duplicates()
    return matrix
