"""Reviews of different lengths as flat arrays, which are saved and loaded without pickle."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.reviews.vocabulary import OOV_ID, PAD_ID

Tokens = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int8]
Rows = npt.NDArray[np.int64]
AT_ONCE = 10_000  # reviews: the n-grams of so many whole ones are about 60 MB


@dataclass(frozen=True, eq=False)
class Ragged:
    """Token ids of reviews of any lengths; review i is ``tokens[offsets[i]:offsets[i + 1]]``.

    Attributes:
        tokens: whole numbers, not negative, (total_tokens,).
        offsets: int64 (num_reviews + 1,), from 0 to total_tokens.
    """

    tokens: npt.NDArray[np.integer]
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Offsets:
        """Tokens of each review: int64 (num_reviews,)."""
        return np.diff(self.offsets)

    def review(self, row: int) -> np.ndarray:
        """The tokens of one review, (length,)."""
        return self.tokens[self.offsets[row] : self.offsets[row + 1]]

    def cut(self, vocab_size: int) -> Tokens:
        """``tokens`` with OOV_ID for every id from ``vocab_size`` on: int32 (total_tokens,)."""
        return np.where(self.tokens < vocab_size, self.tokens, np.int32(OOV_ID))

    def keys(self) -> list[bytes]:
        """One value a review, equal for reviews of the same tokens."""
        return [self.review(row).tobytes() for row in range(len(self))]

    @staticmethod
    def from_padded(token_ids: np.ndarray) -> Ragged:
        """Rows of one length, int (num_reviews, max_length), without their ``PAD_ID``.

        >>> Ragged.from_padded(np.array([[0, 1, 7], [0, 0, 0], [1, 8, 9]]))
        Ragged(tokens=array([1, 7, 1, 8, 9]), offsets=array([0, 2, 2, 5]))
        """
        words = token_ids != PAD_ID
        return Ragged(token_ids[words], offsets_of(words.sum(1)))

    @staticmethod
    def join(parts: Collection[Ragged]) -> Ragged:
        """The reviews of all parts, one after the other."""
        tokens, lengths = ([part.tokens for part in parts], [part.lengths for part in parts])
        return Ragged(np.concatenate(tokens), offsets_of(np.concatenate(lengths)))

    def parts(self, size: int = AT_ONCE) -> Iterator[Ragged]:
        """The reviews, at most ``size`` at a time."""
        for some in slices(len(self), size):
            offsets = self.offsets[some.start : some.stop + 1]
            yield Ragged(self.tokens[offsets[0] : offsets[-1]], offsets - offsets[0])

    def select(self, rows: Rows) -> Self:
        """The reviews at ``rows``, in that order."""
        offsets = offsets_of(self.lengths[rows])
        tokens = np.empty(offsets[-1], self.tokens.dtype)
        for some in slices(len(rows)):
            starts, lengths = self.offsets[rows[some]], np.diff(offsets[some.start : some.stop + 1])
            tokens[offsets[some.start] : offsets[some.stop]] = self.tokens[flat_ranges(starts, lengths)]
        labels = {"labels": self.labels[rows]} if isinstance(self, Reviews) else {}
        return replace(self, tokens=tokens, offsets=offsets, **labels)


@dataclass(frozen=True, eq=False)
class Reviews(Ragged):
    """Labelled reviews, as they are stored.

    Attributes:
        tokens: int32 (total_tokens,), ids of words for an unlimited vocabulary: rank + 3, or OOV_ID for an
            unknown word. No START_ID and no PAD_ID is stored.
        labels: int8 (num_reviews,), the class of each review, from 0.

    Raises:
        ValueError: if the arrays' types, shapes or values are not these.
    """

    labels: Labels

    def __post_init__(self) -> None:
        for name, dtype in (("tokens", np.int32), ("offsets", np.int64), ("labels", np.int8)):
            values = getattr(self, name)
            if values.dtype != dtype or values.ndim != 1:
                found = f"{values.dtype} of shape {values.shape}"
                raise ValueError(f"{name} must be a flat array of {np.dtype(dtype)}, but got {found}")
        if len(self.offsets) != len(self.labels) + 1:
            raise ValueError(
                f"{len(self.labels)} labels need {len(self.labels) + 1} offsets, but got {len(self.offsets)}"
            )
        if self.offsets[0] != 0 or (self.lengths < 0).any() or self.offsets[-1] != len(self.tokens):
            raise ValueError(f"offsets must rise from 0 to the number of tokens, {len(self.tokens)}")
        for name, values, least in (("tokens", self.tokens, OOV_ID), ("labels", self.labels, 0)):
            if len(values) and values.min() < least:
                raise ValueError(f"{name} must be {least} or more, but got {values.min()}")

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays under ``{prefix}_tokens``, ``{prefix}_offsets`` and ``{prefix}_labels``."""
        return {f"{prefix}_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Reviews:
        """The reverse of :meth:`to_arrays`.

        Raises:
            ValueError: if an array is missing, or is not what a review's must be.
        """
        try:
            return cls(*(arrays[f"{prefix}_{field.name}"] for field in fields(cls)))
        except KeyError as error:
            raise ValueError(f"there is no array {error.args[0]}, only {', '.join(arrays)}") from None


def flatten(sequences: Iterable[Sequence[int]]) -> tuple[Tokens, Offsets]:
    """Sequences of whole numbers one after the other, and where each begins.

    >>> flatten([[4, 5], [], [6]])
    (array([4, 5, 6], dtype=int32), array([0, 2, 2, 3]))

    Raises:
        ValueError: if an element is not a whole number of 32 bits.
    """
    # array takes nothing but whole numbers, where numpy would round a float and parse a str.
    flat, lengths = array("i"), array("q")
    for row, sequence in enumerate(sequences):
        try:
            flat.extend(array("i", sequence))
        except (TypeError, OverflowError) as error:
            raise ValueError(f"sequence {row} must be a list of 32-bit whole numbers: {error}") from None
        lengths.append(len(sequence))
    return np.frombuffer(flat, np.int32), offsets_of(np.frombuffer(lengths, np.int64))


def offsets_of(lengths: npt.NDArray[np.int64]) -> Offsets:
    """Where sequences of these lengths begin, one after the other: int64 (num_sequences + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths)])


def slices(count: int, size: int = AT_ONCE) -> Iterator[slice]:
    """``count`` reviews in parts.

    >>> list(slices(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def flat_ranges(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """``start, start + 1, ...``, ``length`` numbers for each pair, one pair after the other.

    >>> flat_ranges(np.array([7, 0]), np.array([3, 2]))
    array([7, 8, 9, 0, 1])
    """
    offsets = offsets_of(lengths)
    return np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
