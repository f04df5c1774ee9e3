"""Word vectors of one's own reviews: what the embedding starts from.

Skip-gram with negative sampling (Mikolov et al., 2013, "Distributed Representations of Words and Phrases
and their Compositionality") by gensim. No label is read, so unlabelled reviews serve as well as
training ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from pipeline.params import VectorParams
from pipeline.reviews.ragged import Tokens
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID

COMMON_WORDS = 5000  # whose vectors' standard deviation is set: rare words' vectors are shorter
MIN_COUNT = 2
SILENCE = 5.0  # seconds


class _Sentences:
    """The reviews as gensim reads them, a list of words each, several times over."""

    def __init__(self, corpora: Sequence[tuple[Tokens, np.ndarray]], words: Sequence[str]) -> None:
        self._corpora, self._words = corpora, words

    def __iter__(self) -> Iterator[list[str]]:
        for tokens, offsets in self._corpora:
            for start, end in pairwise(offsets):
                review = tokens[start:end]
                yield [self._words[token] for token in review[review > OOV_ID].tolist()]


def skip_gram(
    corpora: Sequence[tuple[Tokens, np.ndarray]],
    vocab_size: int,
    dimension: int,
    params: VectorParams,
    seed: int,
    say: Callable[[str], object] = lambda _: None,
) -> np.ndarray:
    """Learns a vector for each word id; one seed gives the same digits, since one thread learns.

    Args:
        corpora: pairs of tokens, int (total_tokens,), and offsets, int64 (num_reviews + 1,), of whole
            reviews. Ids up to OOV_ID are left out, so that a word's window reaches past an unknown one.
        vocab_size: ids are below it.
        dimension: of a vector.
        params: section ``vectors``, ``epochs`` a number.
        seed: of the start and of the samples.
        say: told of the passes that are done, every few seconds.

    Returns:
        float32 (vocab_size, dimension). The vectors of the COMMON_WORDS most frequent words have
        the standard deviation ``params.deviation``; a word seen less than MIN_COUNT times has zeros,
        as have the ids that are no words.
    """
    from gensim.models import Word2Vec  # noqa: PLC0415 - a second to import, and only here
    from gensim.models.callbacks import CallbackAny2Vec  # noqa: PLC0415

    class Passes(CallbackAny2Vec):
        done, said = 0, time.monotonic()

        def on_epoch_end(self, _model: Word2Vec) -> None:
            self.done += 1
            if time.monotonic() - self.said > SILENCE:
                self.said = time.monotonic()
                say(f"word vectors: pass {self.done} of {params.epochs} is done")

    words = [str(token) for token in range(vocab_size)]
    model = Word2Vec(
        _Sentences(corpora, words),
        vector_size=dimension,
        window=params.window,
        min_count=MIN_COUNT,
        sg=1,
        negative=params.negatives,
        sample=params.sample,
        epochs=params.epochs,
        seed=seed % 2**32,
        workers=1,
        callbacks=[Passes()],
    )
    vectors = np.zeros((vocab_size, dimension), np.float32)
    ids = np.array([int(word) for word in model.wv.index_to_key], np.int64)
    vectors[ids] = model.wv.vectors
    common = vectors[ids[ids < INDEX_FROM + 1 + COMMON_WORDS]]
    return vectors * np.float32(params.deviation / max(float(common.std()), 1e-12))
