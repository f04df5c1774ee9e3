"""What a study's fits share and is made once: word vectors, and a teacher's soft labels.

Kept by a digest of what decides them, so that a study that goes on, or one with other networks, finds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from scipy.special import softmax

from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.calibration import fit_calibration
from pipeline.evaluation.ngrams import Ragged
from pipeline.params import Params, VectorParams
from pipeline.reviews.ragged import Tokens
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.runtime.live import LiveLine, bar, busy
from pipeline.runtime.source import source_digest
from pipeline.training.batches import windows_of
from pipeline.training.task import data_of, vectors_name

# Word vectors of one's own reviews: what the embedding starts from.
#
# Skip-gram with negative sampling (Mikolov et al., 2013, "Distributed Representations of Words and Phrases
# and their Compositionality") by gensim. No label is read, so unlabelled reviews serve as well as
# training ones.

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


# A bag-of-words teacher: its soft labels let a network learn from reviews that nobody labelled.
#
# Knowledge distillation (Hinton, Vinyals & Dean, 2015). The teacher reads whole reviews, also where the
# network reads their last words only.

_SMALLEST = 1e-6


def soft_labels(
    train: Ragged,
    labels: np.ndarray,
    validation: Ragged,
    validation_labels: np.ndarray,
    unlabelled: Ragged,
    seed: int,
) -> np.ndarray:
    """What the strongest cheap classifiers, fitted on ``train``, say of reviews without a label.

    The mean of the two bags of n-grams' logits (Wang & Manning's naive Bayes weights; TF-IDF), calibrated on
    the validation reviews, so that a soft label is a probability.

    Args:
        train: whole reviews; ``labels`` whole numbers from 0, (num_reviews,).
        validation: whole reviews; ``validation_labels`` likewise.
        unlabelled: whole reviews.
        seed: of the order in which the solver takes the reviews.

    Returns:
        The probabilities: float32 (num_unlabelled, num_labels).
    """
    teachers = fit_baselines(train, labels, seed=seed).values()

    def probabilities(reviews: Ragged) -> np.ndarray:
        return _pooled([teacher.predict_proba(reviews) for teacher in teachers])

    calibration = fit_calibration(validation_labels.astype(np.int64), probabilities(validation))
    return calibration.apply(probabilities(unlabelled)).astype(np.float32)


def _pooled(said: list[np.ndarray]) -> np.ndarray:
    """The probabilities whose logits are the mean of several classifiers': float64, of their shape."""
    clipped = np.stack(said).clip(_SMALLEST, 1 - _SMALLEST)
    return np.asarray(softmax(np.log(clipped).mean(axis=0), axis=1))


Arrays = Mapping[str, np.ndarray]
_READ = ("train", "unlabelled")  # by word vectors
_WORDS_READ = 28_000_000
_LEAST_WORDS = 20_000  # of training and unlabelled reviews


def prepared_data(
    params: Params, splits: Mapping[str, Arrays], padded_digest: str, folder: Path
) -> dict[str, np.ndarray]:
    """What every fit reads, as ``training.task.Data``: with what ``vectors``, ``distill`` and ``pretrain``
    ask for, made here or read from ``folder``.

    Args:
        params: ``seed``, ``vectors``, ``distill``, ``pretrain``, ``model.embedding_dim``, ``pad``, and what
            ``tune.search_space`` says of them.
        splits: arrays of data/padded by split: train, validation (what choices are made by), unlabelled.
        padded_digest: of data/padded.
        folder: where arrays are kept.

    Returns:
        Besides the reviews: float32 (vocab_size, embedding_dim) by ``vectors_name``, for each that a trial
        may want; the unlabelled reviews with their soft labels; ``windows``, int32 (num_windows, max_length),
        whole reviews in pieces.
    """
    data = data_of({name: splits[name] for name in ("train", "validation")})
    for variant in _variants(params):
        if passes := _passes(variant.vectors, splits):
            chosen = variant.vectors.model_copy(update={"epochs": passes})
            settings = chosen.model_dump() | {"embedding_dim": variant.model.embedding_dim}
            file = folder / f"vectors-{_digest(params, padded_digest, settings)}.npz"
            data[vectors_name(variant)] = _kept(file, partial(_vectors, variant, chosen, splits))
    if _may_be_wanted(params, "distill.epochs") and len(splits["unlabelled"]["offsets"]) > 1:
        key = _digest(params, padded_digest, {"teacher": 1})
        labels = _kept(folder / f"soft-labels-{key}.npz", lambda: _soft_labels(params, splits))
        data |= data_of({"unlabelled": {**splits["unlabelled"], "labels": labels}})
    if _may_be_wanted(params, "pretrain.epochs"):
        data["windows"] = _windows(params, splits)
    return data


def _variants(params: Params) -> list[Params]:
    """The params with every combination of searched values that decides word vectors."""
    space = {
        key: form.values
        for key, form in params.tune.search_space.items()
        if key.startswith("vectors.") or key == "model.embedding_dim"
    }
    configured = params.flat()
    if params.tune.trials == 1 or (not params.vectors.epochs and "vectors.epochs" not in space):
        space = {}
    values = [list(dict.fromkeys([configured[key], *choices])) for key, choices in space.items()]
    return [params.replace(dict(zip(space, chosen, strict=True))) for chosen in product(*values)]


def _may_be_wanted(params: Params, key: str) -> bool:
    """Whether ``key`` is above 0 in any trial."""
    searched = params.tune.search_space.get(key) if params.tune.trials > 1 else None
    return bool(params.flat()[key]) or (searched is not None and any(searched.values))


def _passes(vectors: VectorParams, splits: Mapping[str, Arrays]) -> int:
    if vectors.epochs != "auto":
        return vectors.epochs
    return suited_passes(sum(len(splits[name]["tokens"]) for name in _READ))


def suited_passes(num_words: int) -> int:
    """How often reviews of so many words are to be read: about 28 million words in all, 3 to 60 times.

    After too few steps all vectors still point the way they started together, and a network that starts from
    them can't tell words apart: it learns them anew, later than from a random start. So few words have none.

    >>> [suited_passes(words) for words in (2_500, 140_000, 4_700_000, 16_500_000)]
    [0, 60, 6, 3]
    """
    if num_words < _LEAST_WORDS:
        return 0
    return min(max(round(_WORDS_READ / max(num_words, 1)), 3), 60)


def _vectors(params: Params, chosen: VectorParams, splits: Mapping[str, Arrays]) -> np.ndarray:
    corpora = [(splits[name]["tokens"], splits[name]["offsets"]) for name in _READ]
    count = sum(len(offsets) - 1 for _, offsets in corpora)
    live = LiveLine()
    live.say(f"word vectors of {count:,} reviews, {chosen.epochs} passes, on one core")
    size = params.pad.vocab_size, params.model.embedding_dim
    vectors = skip_gram(
        corpora, *size, chosen, params.seed, lambda share: live.show(f"word vectors  {bar(share)}")
    )
    live.clear()
    return vectors


def _windows(params: Params, splits: Mapping[str, Arrays]) -> np.ndarray:
    size = (params.pad.vocab_size, params.pad.row_length)
    return np.concatenate(
        [windows_of(splits[name]["tokens"], splits[name]["offsets"], *size) for name in _READ]
    )


def _soft_labels(params: Params, splits: Mapping[str, Arrays]) -> np.ndarray:
    from pipeline.evaluation.ngrams import Ragged  # noqa: PLC0415 - scikit-learn, only where it is wanted

    train, validation, unlabelled = (
        Ragged(splits[name]["tokens"], splits[name]["offsets"])
        for name in ("train", "validation", "unlabelled")
    )
    labels = (splits["train"]["labels"], splits["validation"]["labels"])
    with busy(f"a bag-of-words teacher labels {unlabelled.num_reviews:,} unlabelled reviews"):
        return soft_labels(train, labels[0], validation, labels[1], unlabelled, params.seed)


def _digest(params: Params, padded_digest: str, settings: Mapping[str, object]) -> str:
    code = source_digest(("pipeline/training", "pipeline/evaluation"), ("gensim", "scikit-learn", "numpy"))
    described = {"data": padded_digest, "seed": params.seed, "code": code, **settings}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]


def _kept(file: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in ``file``; made and written there if it is missing."""
    if not file.exists():
        write_arrays(file, values=make())
    return read_arrays(file)["values"]
