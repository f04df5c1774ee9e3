"""What a study's fits share and is made once: word vectors, and a teacher's soft labels.

Kept by a digest of what decides them, so that a study that goes on, or one with other networks, finds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from pipeline.params import Params, VectorParams
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.runtime.live import LiveLine, bar, busy
from pipeline.runtime.source import source_digest
from pipeline.training.batches import windows_of
from pipeline.training.task import data_of, vectors_name
from pipeline.training.word_vectors import skip_gram

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
    labels = (splits["train"]["labels"], splits["validation"]["labels"])
    with busy(f"a bag-of-words teacher labels {unlabelled.num_reviews:,} unlabelled reviews"):
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
