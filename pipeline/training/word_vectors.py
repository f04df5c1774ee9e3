"""Word vectors of one's own reviews: what the embedding starts from.

Skip-gram with negative sampling (Mikolov et al., 2013, "Distributed Representations of Words and Phrases
and their Compositionality") by gensim. No label is read, so unlabelled reviews serve as well as
training ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from pipeline.params import VectorParams
from pipeline.reviews.ragged import Tokens
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID

COMMON_WORDS = 5000  # whose vectors' standard deviation is set: rare words' vectors are shorter
MIN_COUNT = 2
SHOWN = 250  # reviews, after which it is said how far the reading is


class _Sentences:
    """The reviews as gensim reads them, a list of words each, several times over; ``show`` hears how many."""

    def __init__(
        self,
        corpora: Sequence[tuple[Tokens, np.ndarray]],
        words: Sequence[str],
        show: Callable[[int], object],
    ) -> None:
        self._corpora, self._words, self._show = corpora, words, show
        self._read = 0

    def __iter__(self) -> Iterator[list[str]]:
        for tokens, offsets in self._corpora:
            for start, end in pairwise(offsets):
                review = tokens[start:end]
                yield [self._words[token] for token in review[review > OOV_ID].tolist()]
                self._read += 1
                if self._read % SHOWN == 0:
                    self._show(self._read)


def skip_gram(
    corpora: Sequence[tuple[Tokens, np.ndarray]],
    vocab_size: int,
    dimension: int,
    params: VectorParams,
    seed: int,
    show: Callable[[float], object] = lambda _: None,
) -> np.ndarray:
    """Learns a vector for each word id; one seed gives the same digits, since one thread learns.

    Args:
        corpora: pairs of tokens, int (total_tokens,), and offsets, int64 (num_reviews + 1,), of whole
            reviews. Ids up to OOV_ID are left out, so that a word's window reaches past an unknown one.
        vocab_size: ids are below it.
        dimension: of a vector.
        params: section ``vectors``, ``epochs`` a number.
        seed: of the start and of the samples.
        show: told the share that is done, from 0 to 1, several times a second.

    Returns:
        float32 (vocab_size, dimension). The vectors of the COMMON_WORDS most frequent words have
        the standard deviation ``params.deviation``; a word seen less than MIN_COUNT times has zeros,
        as have the ids that are no words.
    """
    from gensim.models import Word2Vec  # noqa: PLC0415 - a second to import, and only here

    words = [str(token) for token in range(vocab_size)]
    reviews = sum(len(offsets) - 1 for _, offsets in corpora)
    in_all = (1 + int(params.epochs)) * reviews  # once to count the words
    model = Word2Vec(
        _Sentences(corpora, words, lambda read: show(read / in_all)),
        vector_size=dimension,
        window=params.window,
        min_count=MIN_COUNT,
        sg=1,
        negative=params.negatives,
        sample=params.sample,
        epochs=params.epochs,
        seed=seed % 2**32,
        workers=1,
    )
    vectors = np.zeros((vocab_size, dimension), np.float32)
    ids = np.array([int(word) for word in model.wv.index_to_key], np.int64)
    vectors[ids] = model.wv.vectors
    common = vectors[ids[ids < INDEX_FROM + 1 + COMMON_WORDS]]
    return vectors * np.float32(params.deviation / max(float(common.std()), 1e-12))
