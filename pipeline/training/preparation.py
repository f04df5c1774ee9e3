"""What a study's fits share and is made once: vectors learnt of the reviews, and a teacher's soft labels.

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
from joblib import Parallel, delayed

from pipeline.evaluation.teacher import soft_labels
from pipeline.params import Params
from pipeline.reviews.ragged import Ragged
from pipeline.runtime.files import read_arrays, write_arrays
from pipeline.runtime.live import busy
from pipeline.runtime.machine import cores
from pipeline.runtime.source import source_digest
from pipeline.training.batches import windows_of
from pipeline.training.task import data_of, ngrams_name, vectors_name
from pipeline.training.vectors import LearntNgrams, learn_ngrams, skip_gram

Arrays = Mapping[str, np.ndarray]
_READ = ("train", "unlabelled")  # by vectors
_WORDS_READ = 28_000_000
_LEAST_WORDS = 20_000  # of training and unlabelled reviews
_NGRAM_DIMENSION, _LEAST_FOR_NGRAMS = 100, 1_000_000  # of 140,000 words nothing was gained by them
_CODE = ("pipeline/training/vectors.py", "pipeline/evaluation")


def prepare_data(
    params: Params,
    splits: Mapping[str, Arrays],
    padded_digest: str,
    folder: Path,
    of_file: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """What every fit reads, as ``training.task.Data``: with what ``vectors``, ``distill`` and ``pretrain``
    ask for, made here or read from ``folder``.

    Args:
        params: ``seed``, ``vectors``, ``distill``, ``pretrain``, ``model.embedding_dim``, ``pad``, and what
            ``tune.search_space`` says of them; ``auto`` values of ``model`` and ``pad`` are numbers by now.
        splits: arrays of data/padded by split: train, validation (what choices are made by), unlabelled.
        padded_digest: of data/padded.
        folder: where arrays are kept.
        of_file: the word vectors of ``vectors.path``, of ``read_vectors``, which then stand for learnt ones.

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
    code = source_digest(_CODE, ("gensim", "scikit-learn", "numpy"))

    def file_of(name: str, settings: Mapping[str, object]) -> Path:
        described = {"data": padded_digest, "seed": params.seed, "code": code, **settings}
        digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
        return folder / f"{name}-{digest}.npz"

    of_words: dict[str, Path] = {}
    of_ngrams: dict[str, tuple[Path, Params]] = {}
    making: dict[Path, Callable[[], np.ndarray | LearntNgrams]] = {}
    for variant in _variants(params):
        if of_file is not None:
            scale = variant.vectors.deviation / params.vectors.deviation
            data[vectors_name(variant)] = of_file * np.float32(scale)
        elif passes := _number(variant.vectors.epochs, suited_passes(num_words)):
            chosen = variant.vectors.model_copy(update={"epochs": passes})
            settings = chosen.model_dump(exclude={"ngrams"}) | {"dimension": variant.model.embedding_dim}
            file = of_words[vectors_name(variant)] = file_of("word-vectors", settings)
            size = params.pad.vocab_size, variant.model.embedding_dim
            making[file] = partial(skip_gram, read, *size, chosen, params.seed)
        suited = _NGRAM_DIMENSION if num_words >= _LEAST_FOR_NGRAMS else 0
        if dimension := _number(variant.vectors.ngrams, suited):
            file = file_of("ngram-vectors", {"dimension": dimension})
            of_ngrams[ngrams_name(variant)] = file, variant
            making[file] = partial(learn_ngrams, read[0], labels["train"], read[1], dimension, params.seed)
    _learn(making, sum(map(len, read)))
    data |= {name: read_arrays(file)["values"] for name, file in of_words.items()}
    for name, (file, variant) in of_ngrams.items():
        vectors = LearntNgrams(**read_arrays(file)).of_network(
            params.pad.vocab_size,
            splits["train"]["token_ids"],
            variant.model.words_a_step,
            variant.vectors.deviation,
        )
        data |= {f"{name} {field}": array for field, array in vectors._asdict().items()}
    if any(params.tried_values("distill.epochs")) and len(whole["unlabelled"]):
        known, _ = of_ngrams.get(ngrams_name(params), (None, params))
        file = file_of("soft-labels", {"teacher": params.distill.teacher, "ngrams": known and known.name})
        if not file.exists():
            with busy(f"a teacher labels {len(whole['unlabelled']):,} unlabelled reviews"):
                learnt = LearntNgrams(**read_arrays(known)) if known else None
                soft = soft_labels(
                    whole["train"],
                    labels["train"],
                    whole["validation"],
                    labels["validation"],
                    whole["unlabelled"],
                    params.seed,
                    learnt.documents if learnt and params.distill.teacher == "auto" else None,
                )
                write_arrays(file, values=soft)
        data |= data_of({"unlabelled": {**splits["unlabelled"], "labels": read_arrays(file)["values"]}})
    if any(params.tried_values("pretrain.epochs")):
        size = params.pad.vocab_size, params.pad.row_length
        data["windows"] = np.concatenate(
            [windows_of(splits[name]["tokens"], splits[name]["offsets"], *size) for name in _READ]
        )
    return data


def _learn(making: Mapping[Path, Callable[[], np.ndarray | LearntNgrams]], num_reviews: int) -> None:
    """Makes the files that aren't there, each on one core: one thread alone gives the same digits."""
    missing = [(file, make) for file, make in making.items() if not file.exists()]
    if missing:
        kinds = dict.fromkeys(file.name.rpartition("-")[0].replace("-", " ") for file, _ in missing)
        with busy(f"{' and '.join(kinds)} of {num_reviews:,} reviews are learnt"):
            # Idle processes end after 5 s: by default they hold half a gigabyte for five minutes more.
            learn = Parallel(min(len(missing), cores()), idle_worker_timeout=5)
            learn(delayed(_write)(*each) for each in missing)


def _write(file: Path, make: Callable[[], np.ndarray | LearntNgrams]) -> None:
    made = make()
    write_arrays(file, **(made._asdict() if isinstance(made, LearntNgrams) else {"values": made}))


def _variants(params: Params) -> list[Params]:
    """The params with every combination of searched values that decides vectors."""
    learnt = any(params.tried_values("vectors.epochs")) or any(params.tried_values("vectors.ngrams"))
    keys = [
        key
        for key in params.tune.search_space
        if (learnt or params.vectors.path)
        and (key.startswith("vectors.") or key in ("model.embedding_dim", "model.step_words"))
    ]
    values = [dict.fromkeys(params.tried_values(key)) for key in keys]
    return [params.replace(dict(zip(keys, chosen, strict=True))) for chosen in product(*values)]


def _number(value: int | str, suited: int) -> int:
    return value if isinstance(value, int) else suited


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
