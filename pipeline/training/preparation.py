"""What a study's fits share and is made once: vectors learnt of the reviews, and a teacher's soft labels.

Kept by a digest of what decides them, so that a study that goes on, or one with other networks, finds them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np

from pipeline.evaluation.ngrams import Ragged
from pipeline.evaluation.teacher import soft_labels
from pipeline.params import Params
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.runtime.live import LiveLine, bar, busy
from pipeline.runtime.source import source_digest
from pipeline.training.batches import windows_of
from pipeline.training.task import data_of, ngrams_name, vectors_name
from pipeline.training.vectors import LearntNgrams, Show, learn_ngrams, skip_gram

Arrays = Mapping[str, np.ndarray]
_READ = ("train", "unlabelled")  # by vectors
_WORDS_READ = 28_000_000
_LEAST_WORDS = 20_000  # of training and unlabelled reviews
_NGRAM_DIMENSION = 100
_CODE = ("pipeline/training/vectors.py", "pipeline/evaluation")


def prepared_data(
    params: Params, splits: Mapping[str, Arrays], padded_digest: str, folder: Path
) -> dict[str, np.ndarray]:
    """What every fit reads, as ``training.task.Data``: with what ``vectors``, ``distill`` and ``pretrain``
    ask for, made here or read from ``folder``.

    Args:
        params: ``seed``, ``vectors``, ``distill``, ``pretrain``, ``model.embedding_dim``, ``pad``, and what
            ``tune.search_space`` says of them; ``auto`` values of ``model`` and ``pad`` are numbers by now.
        splits: arrays of data/padded by split: train, validation (what choices are made by), unlabelled.
        padded_digest: of data/padded.
        folder: where arrays are kept.

    Returns:
        Besides the reviews: float32 (vocab_size, embedding_dim) by ``vectors_name``, and the arrays of
        ``NgramVectors`` by ``ngrams_name``, for each that a trial may want; the unlabelled reviews with their
        soft labels; ``windows``, int32 (num_windows, max_length), whole reviews in pieces.
    """
    data = data_of({name: splits[name] for name in ("train", "validation")})
    whole = {name: Ragged(arrays["tokens"], arrays["offsets"]) for name, arrays in splits.items()}
    labels = {name: splits[name]["labels"] for name in ("train", "validation")}
    read = [whole[name] for name in _READ]
    num_words = sum(len(reviews.tokens) for reviews in read)
    shown = f"{sum(reviews.num_reviews for reviews in read):,} reviews"
    code = source_digest(_CODE, ("gensim", "scikit-learn", "numpy"))

    def kept(name: str, settings: Mapping[str, object], make: Callable[[], Arrays]) -> Arrays:
        """The arrays in the file of these settings; made and written there if it is missing."""
        described = {"data": padded_digest, "seed": params.seed, "code": code, **settings}
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
        file = folder / f"{name}-{digest}.npz"
        if not file.exists():
            write_arrays(file, **make())
        return read_arrays(file)

    def learnt_ngrams(dimension: int) -> LearntNgrams:
        def learn() -> Arrays:
            with _progress(f"vectors of words and pairs of {shown}, on one core") as show:
                made = learn_ngrams(read[0], labels["train"], read[1], dimension, params.seed, show)
            return made._asdict()

        return LearntNgrams(**kept("ngrams", {"dimension": dimension}, learn))

    def word_vectors(variant: Params, passes: int) -> np.ndarray:
        chosen = variant.vectors.model_copy(update={"epochs": passes})
        size = params.pad.vocab_size, variant.model.embedding_dim

        def learn() -> Arrays:
            with _progress(f"word vectors of {shown}, {passes} passes, on one core") as show:
                return {"values": skip_gram(read, *size, chosen, params.seed, show)}

        settings = chosen.model_dump(exclude={"ngrams"}) | {"embedding_dim": size[1]}
        return kept("vectors", settings, learn)["values"]

    for variant in _variants(params):
        if passes := _number(variant.vectors.epochs, suited_passes(num_words)):
            data[vectors_name(variant)] = word_vectors(variant, passes)
        dimension, name = ngram_dimension(variant, num_words), ngrams_name(variant)
        if dimension and f"{name} words" not in data:
            step_words, deviation = variant.model.words_a_step, variant.vectors.deviation
            frozen = learnt_ngrams(dimension).of_network(
                params.pad.vocab_size, splits["train"]["token_ids"], step_words, deviation
            )
            data |= {f"{name} {field}": array for field, array in frozen._asdict().items()}
    if _may_be_wanted(params, "distill.epochs") and whole["unlabelled"].num_reviews:
        dimension = 0 if params.distill.teacher == "bags" else ngram_dimension(params, num_words)

        def ask_teacher() -> Arrays:
            documents = learnt_ngrams(dimension).documents if dimension else None
            with busy(f"a teacher labels {whole['unlabelled'].num_reviews:,} unlabelled reviews"):
                soft = soft_labels(
                    whole["train"],
                    labels["train"],
                    whole["validation"],
                    labels["validation"],
                    whole["unlabelled"],
                    params.seed,
                    documents,
                )
            return {"values": soft}

        soft = kept("soft-labels", {"teacher": dimension}, ask_teacher)["values"]
        data |= data_of({"unlabelled": {**splits["unlabelled"], "labels": soft}})
    if _may_be_wanted(params, "pretrain.epochs"):
        size = params.pad.vocab_size, params.pad.row_length
        data["windows"] = np.concatenate(
            [windows_of(splits[name]["tokens"], splits[name]["offsets"], *size) for name in _READ]
        )
    return data


@contextmanager
def _progress(what: str) -> Iterator[Show]:
    """Says ``what`` is made; yields what shows how far it is."""
    live = LiveLine()
    live.say(what)
    yield lambda share: live.show(f"{what.partition(' of ')[0]}  {bar(share)}")
    live.clear()


def _variants(params: Params) -> list[Params]:
    """The params with every combination of searched values that decides vectors."""
    space = {
        key: form.values
        for key, form in params.tune.search_space.items()
        if key.startswith("vectors.") or key in ("model.embedding_dim", "model.step_words")
    }
    configured = params.flat()
    wanted = any(_may_be_wanted(params, key) for key in ("vectors.epochs", "vectors.ngrams"))
    if params.tune.trials == 1 or not wanted:
        space = {}
    values = [list(dict.fromkeys([configured[key], *choices])) for key, choices in space.items()]
    return [params.replace(dict(zip(space, chosen, strict=True))) for chosen in product(*values)]


def _may_be_wanted(params: Params, key: str) -> bool:
    """Whether ``key`` is above 0 in any trial."""
    searched = params.tune.search_space.get(key) if params.tune.trials > 1 else None
    return bool(params.flat()[key]) or (searched is not None and any(searched.values))


def _number(value: int | str, suited: int) -> int:
    return value if isinstance(value, int) else suited


def ngram_dimension(params: Params, num_words: int) -> int:
    """Of the vectors of words and pairs; 0 without them."""
    return _number(params.vectors.ngrams, _NGRAM_DIMENSION if num_words >= _LEAST_WORDS else 0)


def suited_passes(num_words: int) -> int:
    """How often reviews of so many words are to be read: about 28 million words in all, 3 to 60 times.

    After too few steps all vectors still point the way they started together, and a network that starts from
    them can't tell words apart: it learns them anew, later than from a random start. So few words have none.

    >>> [suited_passes(words) for words in (2_500, 140_000, 4_700_000, 16_500_000)]
    [0, 60, 6, 3]
    """
    if num_words < _LEAST_WORDS:
        return 0
    return min(max(round(_WORDS_READ / num_words), 3), 60)
