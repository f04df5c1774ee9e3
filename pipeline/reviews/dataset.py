"""A data set as its source gives it: splits of reviews, their vocabulary, and where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.params import PadParams
from pipeline.reviews.padding import pad_tokens
from pipeline.reviews.ragged import Ragged, Reviews, Rows
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError

LABEL_NAMES = ("negative", "positive")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Reviews to train and test on.

    Attributes:
        name: what results on these reviews are filed under: imdb, snippets, or the file's stem.
        source: where they come from, with the hashes of the files read.
        splits: ``train`` and ``test``, and ``validation`` where the source has one.
        vocabulary: the words that ``splits`` are encoded with.
        citation: whom to name when the reviews are used.
        licence: under which terms they may be.
        as_keras: whether the reviews were made as typed, without the words that the vocabulary lacks.
        labels: the names of the classes, class 0 first.
        unknown_keys: of each split, by row, a key for a review with a word that the vocabulary lacks.
        markup: of each split, by row, what looked like HTML in a review's text.
        places: of each split, where each review stands in the source.
        reading: how the source's files are written, and which of their rows were not used.

    Raises:
        UserError: if a token is no word of the vocabulary.
    """

    name: str
    source: dict[str, str]
    splits: dict[str, Reviews]
    vocabulary: Vocabulary
    citation: str
    licence: str
    as_keras: bool = False
    labels: tuple[str, ...] = LABEL_NAMES
    unknown_keys: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)
    markup: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    places: Mapping[str, list[str]] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        last_id = len(self.vocabulary) + INDEX_FROM
        for split, reviews in self.splits.items():
            if len(reviews.tokens) and reviews.tokens.max() > last_id:
                raise UserError(
                    f"the {split} reviews hold the word of rank {reviews.tokens.max() - INDEX_FROM}, "
                    f"but the vocabulary has {len(self.vocabulary)} words: "
                    "take the word index that belongs to the reviews"
                )

    def encode(self, text: str) -> list[int]:
        """Token ids of another text, made as those of these reviews were."""
        return self.vocabulary.encode_as_keras(text) if self.as_keras else self.vocabulary.encode(text)

    def arrays(self) -> dict[str, np.ndarray]:
        """The flat arrays of all splits: ``train_tokens``, ``train_offsets``, ``train_labels``, ..."""
        arrays: dict[str, np.ndarray] = {}
        for name, reviews in self.splits.items():
            arrays |= reviews.to_arrays(name)
        return arrays

    def facts(self, requested: str) -> dict[str, Any]:
        """What dataset.json says; the same data always gives the same facts."""
        return {
            "name": self.name,
            "requested": requested,
            "source": self.source,
            "digest": content_digest(self.arrays(), self.vocabulary),
            "sizes": {name: len(reviews) for name, reviews in self.splits.items()},
            "words": len(self.vocabulary),
            "tokens": self.vocabulary.tokenizer.kind,
            "labels": list(self.labels),
            "citation": self.citation,
            "licence": self.licence,
            "reading": dict(self.reading),
        }


def read_splits(arrays: Mapping[str, np.ndarray]) -> dict[str, Reviews]:
    """The splits of :meth:`Dataset.arrays`.

    Raises:
        ValueError: if an array of the train or test split is missing, or isn't what it must be.
    """
    names = [TRAIN, TEST, *([VALIDATION] if f"{VALIDATION}_tokens" in arrays else [])]
    return {name: Reviews.from_arrays(arrays, name) for name in names}


def content_digest(arrays: Mapping[str, np.ndarray], vocabulary: Vocabulary | None = None) -> str:
    """``sha256:`` over the names, types, shapes and values of arrays, and over the words if given."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.data)
    if vocabulary is not None:
        digest.update("\n".join(vocabulary.words).encode())
    return f"sha256:{digest.hexdigest()}"


def padded_arrays(reviews: Ragged, rows: Rows, pad: PadParams) -> dict[str, np.ndarray]:
    """What one split's .npz in data/padded holds; ``rows`` are the reviews' own in the raw split."""
    sides = {"padding": pad.padding, "truncating": pad.truncating}
    size, length = pad.vocab_size, pad.row_length
    arrays: dict[str, np.ndarray] = {
        "token_ids": pad_tokens(reviews.tokens, reviews.offsets, vocab_size=size, max_length=length, **sides),
        "lengths": (reviews.lengths + 1).astype(np.int32),
        "rows": rows,
        "tokens": reviews.cut(pad.vocab_size),
        "offsets": reviews.offsets,
    }
    return arrays | ({"labels": reviews.labels} if isinstance(reviews, Reviews) else {})
