"""Vectors learnt of the reviews before any network: of words, and of n-grams as a document's parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from pipeline.evaluation.ngrams import Ngrams, find_ngrams
from pipeline.networks.ngrams import NgramVectors, place_pairs
from pipeline.params import VectorParams
from pipeline.reviews.ragged import Ragged, offsets_of
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID

COMMON_WORDS = 5000  # whose vectors' standard deviation is set: rare words' vectors are shorter
MIN_COUNT = 2


@dataclass
class _Reread:
    """What gensim reads several times over, and takes no generator for."""

    read: Callable[[], Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        return self.read()


def skip_gram(
    corpora: Sequence[Ragged], vocab_size: int, dimension: int, params: VectorParams, seed: int
) -> np.ndarray:
    """Learns a vector for each word id; one seed gives the same digits, since one thread learns.

    Skip-gram with negative sampling (Mikolov et al., 2013, "Distributed Representations of Words and Phrases
    and their Compositionality") by gensim. No label is read, so unlabelled reviews serve as well as training
    ones.

    Args:
        corpora: whole reviews. Ids up to OOV_ID are left out, so that a word's window reaches past an unknown
            one.
        vocab_size: ids are below it.
        dimension: of a vector.
        params: section ``vectors``, ``epochs`` a number.
        seed: of the start and of the samples.

    Returns:
        float32 (vocab_size, dimension). The vectors of the COMMON_WORDS most frequent words have
        the standard deviation ``params.deviation``; a word seen less than MIN_COUNT times has zeros,
        as have the ids that are no words.
    """
    from gensim.models import Word2Vec  # noqa: PLC0415 - a second to import, and only here

    words = [str(token) for token in range(vocab_size)]

    def sentences() -> Iterator[list[str]]:
        for reviews in corpora:
            for row in range(len(reviews)):
                review = reviews.review(row)
                yield [words[token] for token in review[review > OOV_ID].tolist()]

    model = Word2Vec(
        _Reread(sentences),
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


# Of each review a document vector is learnt that tells which n-grams it holds (Le & Mikolov, 2014,
# "Distributed Representations of Sentences and Documents", the bag of words; of n-grams Li et al., 2016). The
# n-grams' own vectors are what is kept. One is left out the more often, the less it says of the labels
# (Thongtan & Phienthrakul, 2019).

MOST_PAIRS = 65_535  # of a network
_FULL_STRENGTH, _LEAST_KEPT = 0.5, 0.02
_SAMPLE = 2_000  # training reviews that scales are measured on


class LearntNgrams(NamedTuple):
    """Words and pairs, in this order, of ``find_ngrams``.

    Attributes:
        base: int (), more than every token id.
        words: int64 (num_words,), token ids.
        pairs: int64 (num_pairs,): the place of the first among ``words``, times ``base``, plus the second.
        vectors: float32 (num_words + num_pairs, dimension), each times ``kept``.
        kept: float32 (num_words + num_pairs,), how often one is learnt where a review holds it.
        reviews: int64 (num_words + num_pairs,), how many hold it.
    """

    base: np.ndarray
    words: np.ndarray
    pairs: np.ndarray
    vectors: np.ndarray
    kept: np.ndarray
    reviews: np.ndarray

    def documents(self, reviews: Ragged) -> np.ndarray:
        """A vector of each review, float32 (num_reviews, dimension): its n-grams', summed and scaled."""
        ngrams = Ngrams(int(self.base), (self.words, self.pairs))
        present = ngrams.counts(reviews).sign()
        return np.asarray(present @ self.vectors) / np.sqrt(np.maximum(present @ self.kept, 1e-6))[:, None]

    def of_network(
        self, vocab_size: int, token_ids: np.ndarray, step_words: int, deviation: float
    ) -> NgramVectors:
        """The vectors of all words and of the commonest pairs, as a network holds them.

        Args:
            vocab_size: ids are below it.
            token_ids: int32 (num_reviews, max_length), what it is fitted to.
            step_words: words of a time step, whose vectors are summed.
            deviation: the standard deviation that the sums are given, and the reviews' means.
        """
        num_words, dimension = len(self.words), self.vectors.shape[1]
        known = np.flatnonzero(self.kept[num_words:]) + num_words
        chosen = known[np.argsort(-self.reviews[known], kind="stable")[:MOST_PAIRS]]
        heads, seconds = np.divmod(self.pairs[chosen - num_words], int(self.base))
        words = np.zeros((vocab_size, dimension), np.float32)
        words[self.words] = self.vectors[:num_words]
        pairs = np.concatenate([np.zeros((1, dimension), np.float32), self.vectors[chosen]])
        placed = place_pairs(self.words[heads], seconds, vocab_size)
        nothing = np.zeros(dimension, np.float32)
        unscaled = NgramVectors(words, pairs, *placed, nothing, nothing)
        sample = token_ids[:_SAMPLE]
        sample = np.pad(sample, [[0, 0], [0, -sample.shape[1] % step_words]])
        of_steps = unscaled.of(sample).reshape(len(sample), -1, step_words, dimension).sum(2)
        real = (sample.reshape(len(sample), -1, step_words) != 0).any(2)
        scale = deviation / max(float(of_steps[real].std()), 1e-12)
        means = scale * (of_steps * real[..., None]).sum(1) / np.maximum(real.sum(1), 1)[:, None]
        of_means = (deviation / np.maximum(means.std(0), 1e-12)).astype(np.float32)
        shift = -means.mean(0).astype(np.float32) * of_means
        return NgramVectors(words * np.float32(scale), pairs * np.float32(scale), *placed, of_means, shift)


def learn_ngrams(
    train: Ragged, labels: np.ndarray, others: Ragged, dimension: int, seed: int
) -> LearntNgrams:
    """Learns vectors of the words and pairs of whole reviews; one seed gives the same digits.

    Args:
        train: whole reviews; ``labels`` whole numbers from 0, (num_reviews,).
        others: whole reviews without labels.
        dimension: of a vector.
        seed: of the start and of the samples.
    """
    from gensim.models import Doc2Vec  # noqa: PLC0415 - a second to import, and only here
    from gensim.models.doc2vec import TaggedDocument  # noqa: PLC0415

    every = Ragged.join([train, others])
    count = len(every)
    ngrams, counts = find_ngrams(every, 2, min(max(count // 2500, 2), 10))
    present = counts.sign()
    words, pairs = ngrams.keys
    heads, seconds = np.divmod(pairs, ngrams.base)
    known = np.concatenate([words > OOV_ID, (words[heads] > OOV_ID) & (seconds > OOV_ID)])
    strength = _strength(present[: len(train)], labels)
    kept = np.where(known, np.clip(strength / _FULL_STRENGTH, _LEAST_KEPT, 1), 0).astype(np.float32)
    names = np.array([str(column) for column in range(len(ngrams))], dtype=object)
    random = np.random.default_rng(seed)

    def documents() -> Iterator[Any]:
        drawn = random.random(present.nnz, dtype=np.float32) < kept[present.indices]
        ends, columns = offsets_of(drawn)[present.indptr], present.indices[drawn]
        for review, (start, end) in enumerate(pairwise(ends)):
            yield TaggedDocument(names[random.permutation(columns[start:end])].tolist(), (review,))

    passes = min(max(round(420_000 / count), 6), 40)  # few reviews are read more often
    model = Doc2Vec(
        _Reread(documents),
        dm=0,
        vector_size=dimension,
        negative=5,
        min_count=1,
        sample=0,
        alpha=0.05,
        min_alpha=1e-4,
        epochs=passes,
        seed=seed % 2**32,
        workers=1,
    )
    vectors = np.zeros((len(ngrams), dimension), np.float32)
    vectors[np.array(model.wv.index_to_key, np.int64)] = model.syn1neg
    held = np.asarray(present.sum(0), np.int64).ravel()
    return LearntNgrams(np.array(ngrams.base), words, pairs, vectors * kept[:, None], kept, held)


def _strength(present: csr_matrix, labels: np.ndarray) -> np.ndarray:
    """How far each n-gram tells a label from the others, (num_ngrams,): of all labels the most.

    The size of its naive Bayes log-count ratio, which is the less to be trusted, the fewer reviews hold it.
    """
    held = np.asarray(present.sum(0)).ravel()
    strongest = np.zeros(len(held))
    for label in np.unique(labels):
        p, q = (1.0 + np.asarray(present[side].sum(0)).ravel() for side in (labels == label, labels != label))
        strongest = np.maximum(strongest, np.abs(np.log(p / p.sum()) - np.log(q / q.sum())))
    return np.asarray(strongest * np.sqrt(held / (held + 5)))
