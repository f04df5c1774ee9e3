"""What a version's reviews were like: kept with the version, so that later reviews can be held against it.

The words are counted in the training reviews. The numbers are the validation reviews': in training reviews,
which the vocabulary and the network were made of, fewer words are unknown and probabilities surer than in any
new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, hstack

from pipeline.evaluation.probabilities import main_probability
from pipeline.reviews.padding import unknown_share
from pipeline.reviews.ragged import Offsets, Ragged, Tokens, flatten
from pipeline.reviews.vocabulary import OOV_ID
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_arrays, write_arrays

PROFILE = "profile.npz"  # in a classifier's folder
LENGTH, UNKNOWN, PROBABILITY = "length", "unknown_share", "probability"
SAMPLE = 5_000  # reviews
WORDS = 1_000  # the commonest, of which is kept which review has them
_NUMBER = "number_"


@dataclass(frozen=True, eq=False)
class Profile:
    """A set of reviews, in numbers.

    Attributes:
        numbers: by name, each float64 (num_reviews,): the words of the whole review, the share of unknown
            ones among those read, what the network gives.
        words: which of the commonest words each sampled review has, one after the other; in no order that
            would tell the text.
    """

    numbers: Mapping[str, np.ndarray]
    word_counts: np.ndarray  # int64 (vocab_size,): how often each word stands in the reviews, by its id
    rows: np.ndarray  # int64 (num_sampled,): the reviews of ``words``
    words: Tokens
    offsets: Offsets  # where each sampled review's words begin
    accuracy: float  # of the version's labels on test reviews; NaN if unknown

    def features(self, with_words: bool) -> csr_matrix:
        """A row for each sampled review: its numbers, and 1 for each word that it has."""
        columns = [np.log1p(self.numbers[LENGTH])]
        columns += [values for name, values in self.numbers.items() if name != LENGTH]
        numbers = csr_matrix(np.stack(columns, 1)[self.rows])
        if not with_words:
            return numbers
        ones = np.ones(len(self.words), np.float64)
        shape = (len(self.rows), OOV_ID + 1 + WORDS + 1)
        return hstack([numbers, csr_matrix((ones, self.words, self.offsets), shape)], format="csr")

    def save(self, path: Path) -> None:
        """Writes arrays, without pickle."""
        arrays = {name: np.asarray(value) for name, value in vars(self).items() if name != "numbers"}
        numbers = {f"{_NUMBER}{name}": values for name, values in self.numbers.items()}
        write_arrays(path, **numbers, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Profile:
        """Reads a classifier folder's.

        Raises:
            UserError: if it has none.
        """
        if not (folder / PROFILE).exists():
            raise UserError(
                "the version was registered before versions had a profile of their reviews: register the "
                "network again (`dvc repro -f evaluate`), or name another version with --model"
            )
        arrays = read_arrays(folder / PROFILE)
        accuracy = float(arrays.pop("accuracy"))
        names = [name for name in arrays if name.startswith(_NUMBER)]
        numbers = {name.removeprefix(_NUMBER): arrays.pop(name) for name in names}
        return cls(numbers=numbers, accuracy=accuracy, **arrays)


class Observer:
    """Makes a profile of reviews as they come; of ``SAMPLE`` of them, drawn by ``seed``, words are kept."""

    def __init__(self, vocab_size: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._counts = np.zeros(vocab_size, np.int64)
        self._numbers: dict[str, list[np.ndarray]] = {}
        self._sample: list[tuple[int, np.ndarray]] = []
        self._seen = 0

    def add(self, numbers: Mapping[str, np.ndarray], reviews: Sequence[np.ndarray] = ()) -> None:
        """Takes a batch.

        Args:
            numbers: each (num_reviews,).
            reviews: of each the ids of its words, below the ``vocab_size``; none where they aren't known.
        """
        for name, values in numbers.items():
            self._numbers.setdefault(name, []).append(np.asarray(values, np.float64))
        if not len(reviews):
            reviews = [np.empty(0, np.int32)] * len(numbers[LENGTH])
        self._counts += np.bincount(np.concatenate(reviews), minlength=len(self._counts))
        for token_ids in reviews:
            # Reservoir sampling (Vitter's algorithm R): each review so far is in the sample by one chance.
            place = self._seen if self._seen < SAMPLE else int(self._random.integers(self._seen + 1))
            if place < SAMPLE:
                self._sample[place : place + 1] = [(self._seen, _common(token_ids))]
            self._seen += 1

    def profile(self, accuracy: float = float("nan")) -> Profile:
        """Of what was taken.

        Raises:
            UserError: if that is nothing.
        """
        if not self._seen:
            raise UserError("there is no review to look at: give a table with some")
        numbers = {name: np.concatenate(batches) for name, batches in self._numbers.items()}
        words, offsets = flatten([token_ids.tolist() for _, token_ids in self._sample])
        rows = np.array([row for row, _ in self._sample], np.int64)
        return Profile(numbers, self._counts, rows, words, offsets, accuracy)


def profile_of(
    train: Ragged,
    validation: Ragged,
    token_ids: np.ndarray,
    probabilities: np.ndarray,
    *,
    vocab_size: int,
    accuracy: float,
    seed: int,
) -> Profile:
    """The profile of a version, of whole reviews.

    Args:
        train: of which the words are counted.
        validation: of which the numbers are.
        token_ids: the rows of these, int32 (num_reviews, max_length).
        probabilities: (num_reviews, num_labels); of more than two labels, the likeliest's are kept.
        vocab_size: how many ids there are.
        accuracy: on test reviews.
        seed: of the sample.
    """
    numbers = {
        LENGTH: validation.lengths,
        UNKNOWN: unknown_share(token_ids),
        PROBABILITY: main_probability(probabilities),
    }
    words = np.split(validation.cut(vocab_size), validation.offsets[1:-1])
    observer = Observer(vocab_size, seed)
    observer.add(numbers, words)
    counts = np.sum([np.bincount(part.cut(vocab_size), minlength=vocab_size) for part in train.parts()], 0)
    return replace(observer.profile(accuracy), word_counts=counts)


def _common(token_ids: np.ndarray) -> np.ndarray:
    """The ids of the commonest words, each once, in the order of their ranks."""
    found = np.unique(token_ids)
    return found[(found > OOV_ID) & (found <= OOV_ID + 1 + WORDS)]
