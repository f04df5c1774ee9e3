"""The Large Movie Review Dataset in Keras' preparation: imdb.npz and imdb_word_index.json."""

from __future__ import annotations

import json

import numpy as np

from pipeline.reviews.dataset import Dataset
from pipeline.reviews.ragged import Reviews, flatten
from pipeline.reviews.sources.addresses import public_url
from pipeline.reviews.sources.fetching import fetch
from pipeline.reviews.sources.keras_npz import read_keras_npz
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError

SHUFFLE_SEED = 113  # of keras.datasets.imdb.load_data, whose order the rows have
CITATION = (
    "Maas, Daly, Pham, Huang, Ng & Potts: Learning Word Vectors for Sentiment Analysis. ACL 2011. "
    "https://ai.stanford.edu/~amaas/data/sentiment/"
)
LICENCE = "none stated; the authors ask to be cited"


def load(url: str, expected: str, word_index_url: str, word_index_expected: str) -> Dataset:
    """IMDb's reviews, row for row those of ``keras.datasets.imdb.load_data()``.

    Args:
        url: of imdb.npz, or of a file of its form.
        expected: its hash, ``sha256:...`` or ``md5:...``.
        word_index_url: of imdb_word_index.json, which maps each word to its rank.
        word_index_expected: its hash.

    Raises:
        UnreachableError: if a file is not in the cache and can't be reached.
        ValueError: if a file has another hash, or is not of the form.
    """
    archive = fetch(url, expected)
    word_index = fetch(word_index_url, word_index_expected)
    try:
        return Dataset(
            name="imdb",
            source={
                "url": public_url(url),
                "hash": expected,
                "word_index_url": public_url(word_index_url),
                "word_index_hash": word_index_expected,
            },
            splits=parse_reviews(archive),
            vocabulary=parse_word_index(word_index),
            citation=CITATION,
            licence=LICENCE,
            as_keras=True,
        )
    except ValueError as error:
        raise UserError(f"{public_url(url)} with {public_url(word_index_url)}: {error}") from None


def parse_reviews(archive: bytes) -> dict[str, Reviews]:
    """The train and test splits of an imdb.npz whose hash has been checked, in Keras' order.

    Raises:
        ValueError: if it isn't of the form.
    """
    arrays = read_keras_npz(archive, ragged=("x_train", "x_test"), flat=("y_train", "y_test"))
    generator = np.random.RandomState(SHUFFLE_SEED)
    splits = {}
    for split in ("train", "test"):
        ranks, labels = arrays.pop(f"x_{split}"), arrays.pop(f"y_{split}")
        if len(ranks) != len(labels):
            raise ValueError(f"{len(ranks)} {split} reviews have {len(labels)} labels")
        order = np.arange(len(ranks))
        generator.shuffle(order)
        flat, offsets = flatten(ranks[order])
        splits[split] = Reviews(flat + np.int32(INDEX_FROM), offsets, labels[order].astype(np.int8))
    return splits


def parse_word_index(content: bytes) -> Vocabulary:
    """The vocabulary of an imdb_word_index.json.

    Raises:
        ValueError: if it doesn't map words to the ranks 1, 2, 3, ...
    """
    try:
        ranks = json.loads(content)
    except ValueError as error:
        raise ValueError(f"the word index is not JSON: {error}") from None
    ranked = ranks.values() if isinstance(ranks, dict) else ()
    if not ranked or {rank for rank in ranked if isinstance(rank, int)} != set(range(1, len(ranked) + 1)):
        raise ValueError("the word index must map each word to its rank, from 1 without gaps")
    return Vocabulary(tuple(sorted(ranks, key=ranks.__getitem__)))
