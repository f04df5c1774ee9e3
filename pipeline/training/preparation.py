"""What a study's fits share and is made once: word vectors, and a teacher's soft labels.

Kept by a digest of what decides them, so that a study that goes on, or one with other networks, finds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.params import Params, VectorParams
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.runtime.source import source_digest

Arrays = Mapping[str, np.ndarray]
_READ = ("train", "unlabelled")  # by word vectors
_WORDS_READ = 28_000_000


class Prepared(NamedTuple):
    """Each None where the params don't ask for it.

    Attributes:
        vectors: float32 (vocab_size, embedding_dim).
        soft_labels: float32 (num_unlabelled,), the probability of label 1.
        windows: int32 (num_windows, max_length), whole reviews in pieces, for ``pretrain``.
    """

    vectors: np.ndarray | None = None
    soft_labels: np.ndarray | None = None
    windows: np.ndarray | None = None


def prepare(params: Params, splits: Mapping[str, Arrays], padded_digest: str, folder: Path) -> Prepared:
    """Makes what ``vectors`` and ``distill`` ask for, or reads it from ``folder``.

    Args:
        params: sections ``seed``, ``vectors``, ``distill``, ``model.embedding_dim`` and ``pad.vocab_size``.
        splits: arrays of data/padded by split: train, validation (what choices are made by), unlabelled.
        padded_digest: of data/padded.
        folder: where arrays are kept.
    """
    vectors = labels = None
    if params.vectors.epochs:
        chosen = params.vectors.model_copy(update={"epochs": _passes(params.vectors, splits)})
        settings = chosen.model_dump() | {"embedding_dim": params.model.embedding_dim}
        key = _digest(params, padded_digest, settings)
        vectors = _kept(folder / f"vectors-{key}.npz", lambda: _vectors(params, chosen, splits))
    if params.distill.epochs and len(splits["unlabelled"]["offsets"]) > 1:
        key = _digest(params, padded_digest, {"teacher": 1})
        labels = _kept(folder / f"soft-labels-{key}.npz", lambda: _soft_labels(params, splits))
    windows = _windows(params, splits) if params.pretrain.epochs else None
    return Prepared(vectors, labels, windows)


def _passes(vectors: VectorParams, splits: Mapping[str, Arrays]) -> int:
    if vectors.epochs != "auto":
        return vectors.epochs
    return suited_passes(sum(len(splits[name]["tokens"]) for name in _READ))


def suited_passes(num_words: int) -> int:
    """How often reviews of so many words are to be read: about 28 million words in all, 3 to 60 times.

    After too few steps all vectors still point the way they started together, and a network that starts from
    them can't tell words apart.

    >>> [suited_passes(words) for words in (140_000, 4_700_000, 16_500_000)]
    [60, 6, 3]
    """
    return min(max(round(_WORDS_READ / max(num_words, 1)), 3), 60)


def _vectors(params: Params, chosen: VectorParams, splits: Mapping[str, Arrays]) -> np.ndarray:
    from pipeline.training.word_vectors import skip_gram  # noqa: PLC0415 - gensim, only where it is wanted

    corpora = [(splits[name]["tokens"], splits[name]["offsets"]) for name in _READ]
    count = sum(len(offsets) - 1 for _, offsets in corpora)
    print(f"word vectors of {count:,} reviews, {chosen.epochs} passes, on one core")
    return skip_gram(corpora, params.pad.vocab_size, params.model.embedding_dim, chosen, params.seed, print)


def _windows(params: Params, splits: Mapping[str, Arrays]) -> np.ndarray:
    from pipeline.training.pretraining import windows_of  # noqa: PLC0415 - Keras, only where it is wanted

    size = (params.pad.vocab_size, params.pad.max_length)
    return np.concatenate(
        [windows_of(splits[name]["tokens"], splits[name]["offsets"], *size) for name in _READ]
    )


def _soft_labels(params: Params, splits: Mapping[str, Arrays]) -> np.ndarray:
    from pipeline.evaluation.ngrams import Ragged  # noqa: PLC0415 - scikit-learn, only where it is wanted
    from pipeline.training.teacher import soft_labels  # noqa: PLC0415

    train, validation, unlabelled = (
        Ragged(splits[name]["tokens"], splits[name]["offsets"])
        for name in ("train", "validation", "unlabelled")
    )
    print(f"a bag-of-words teacher labels {unlabelled.num_reviews:,} unlabelled reviews")
    labels = (splits["train"]["labels"], splits["validation"]["labels"])
    return soft_labels(train, labels[0], validation, labels[1], unlabelled, params.seed)


def _digest(params: Params, padded_digest: str, settings: Mapping[str, object]) -> str:
    code = source_digest(("training", "evaluation"), ("gensim", "scikit-learn", "numpy"))
    described = {"data": padded_digest, "seed": params.seed, "code": code, **settings}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]


def _kept(file: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in ``file``; made and written there if it is missing."""
    if not file.exists():
        write_arrays(file, values=make())
    return read_arrays(file)["values"]
