"""The ladder from the notebook's network to the `accurate` preset, one ingredient a rung.

Each rung is fitted, stopped and calibrated as the train stage does it, on the training and validation
reviews of data/raw; the test reviews are scored once a rung, for the table alone, and beside them the two
bags of words on the same tokens. A rung that was measured before, with the same code and data, is kept.

    python -m benchmarks.accuracy --seeds 3          # three fits of the two presets' rungs, one of the others
    python -m benchmarks.accuracy --seeds 3 --only 12  # that of `accurate`, printed
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import measure
from benchmarks.results import Section, table
from pipeline.evaluation.baselines import NAIVE_BAYES, TFIDF
from pipeline.params import Params, Value, load_params, read_preset
from pipeline.reviews.dataset import content_digest
from pipeline.reviews.splitting import TRAIN, drop_judged, split_reviews
from pipeline.runtime.files import read_json, write_json
from pipeline.runtime.source import source_digest
from pipeline.stages.pad import padded_arrays, read_raw

KEPT = Path("studies/ladder")
CODE = ("pipeline/networks", "pipeline/training", "pipeline/evaluation", "pipeline/reviews")
HEADER = [
    *("what", "tokens", "validation", "test", "ECE"),
    *("naive Bayes, same tokens", "TF-IDF, same tokens", "CPU minutes"),
]
Splits = dict[str, dict[str, np.ndarray]]

# The first rung stops as the trainings of that time did.
NOTEBOOK = read_preset("notebook_lstm") | {"train.patience": 2}
# What each rung changes of the one before; `unlabelled: False` hides the unlabelled reviews.
RUNGS: list[tuple[str, dict[str, Value]]] = [
    ("the notebook's LSTM, 2 x 5", {}),
    ("64 units, both directions, 30,000 words, dropout", {
        "model.units": 64,
        "model.bidirectional": True,
        "model.embedding_dim": 100,
        "pad.vocab_size": 30_000,
        "train.batch_size": 64,
        "model.dropout": 0.3,
        "model.embedding_dropout": 0.3,
        "model.output_dropout": 0.5,
    }),
    ("padding is masked; max pooling between the layers, max and mean at the top", {
        "model.masking": True,
        "pad.padding": "post",
        "model.layer_pooling": "max",
        "model.pooling": "max_mean",
    }),
    ("warm-up, linear decay, clipping, averaged weights", {
        "train.learning_rate": 0.002,
        "train.warmup": 0.05,
        "train.schedule": "linear",
        "train.beta_2": 0.98,
        "train.clipnorm": 1.0,
        "train.average_decay": 0.99,
        "train.patience": None,
    }),
    ("a tenth of the words hidden in training", {"model.word_dropout": 0.1}),
    ("word vectors of the training reviews", {"vectors.epochs": 6, "unlabelled": False}),
    ("word vectors of the unlabelled reviews too", {"vectors.epochs": 3, "unlabelled": True}),
    ("soft labels of the unlabelled reviews first, then the labels", {
        "distill.epochs": 2,
        "distill.label_epochs": 2,
        "distill.label_learning_rate": 0.0007,
    }),
    ("a language model of all reviews before that", {"pretrain.epochs": 1}),
    ("400 tokens, without the language model", {"pad.max_length": 400, "pretrain.epochs": 0}),
    ("vectors of words and pairs that stay, two words a step", {
        "vectors.ngrams": 100,
        "model.step_words": 2,
        "distill.teacher": "bags",
    }),
    ("a teacher of bags and document vectors, one pass on soft labels, one on labels (`default`)", {
        "distill.teacher": "auto",
        "distill.epochs": 1,
        "distill.label_epochs": 1,
        "model.dropout": 0.2,
        "model.embedding_dropout": 0.2,
    }),
    ("800 tokens, two passes on soft labels, a tenth for validation (`accurate`)", {
        "pad.max_length": 800,
        "distill.epochs": 2,
        "pad.validation_fraction": 0.1,
    }),
    ("400 tokens, without the unlabelled reviews", {
        "pad.max_length": 400,
        "distill.epochs": 0,
        "pad.validation_fraction": 0.2,
        "vectors.epochs": 6,
        "unlabelled": False,
        "train.epochs": 4,
        "model.dropout": 0.2,
        "model.embedding_dropout": 0.2,
    }),
]  # fmt: skip
PRESETS = [number for number, (what, _) in enumerate(RUNGS) if "`" in what]


def main() -> None:
    """Climbs the ladder and writes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1, help="fits of each rung that is a preset")
    parser.add_argument("--only", type=int, help="the number of a rung, from 0, which is printed alone")
    arguments = parser.parse_args()
    section, rows = Section("accuracy", "The ladder: what each ingredient is worth"), []
    for number in range(len(RUNGS)) if arguments.only is None else [arguments.only]:
        seeds = arguments.seeds if number in PRESETS else 1
        rows.append(row(number, [measure(fit_rung, number=number, seed=42 + seed) for seed in range(seeds)]))
        if arguments.only is not None:
            print(rows[-1])
        else:
            section.write(
                f"{read_raw()[0]['name']}, seed 42; with several seeds the mean and the range. Each rung "
                "keeps what those above it changed, but for the last. Accuracies are of the network alone; "
                "ECE is the expected calibration error on the test reviews, after the calibration that is "
                "fitted on validation. CPU minutes are those of the fit, with vectors, soft labels and "
                "language model.",
                table(HEADER, rows),
            )


def values_of(number: int) -> tuple[dict[str, Value], bool]:
    """The values of a rung, and whether it may read the unlabelled reviews."""
    values: dict[str, Any] = dict(NOTEBOOK)
    for _, changes in RUNGS[: number + 1]:
        values |= changes
    return values, values.pop("unlabelled", True)


def fit_rung(number: int, seed: int) -> dict[str, float]:
    """Fits one rung with one seed: validation and test accuracy, calibration, CPU minutes."""
    values, unlabelled = values_of(number)
    params = load_params().replace({**values, "seed": seed, "tune.trials": 1, "tune.epochs": None})
    code = source_digest(CODE, ("tensorflow", "keras", "gensim"))
    described = {"values": {**values, "unlabelled": unlabelled}, "seed": seed, "code": code}
    raw = read_json(Path("data/raw/dataset.json"))["digest"]
    key = hashlib.sha256(json.dumps([described, raw], sort_keys=True, default=str).encode()).hexdigest()[:16]
    kept = KEPT / f"{key}.json"
    if not kept.exists():
        write_json(kept, _fit(params, read_padded(params, unlabelled)))
    return {name: float(value) for name, value in read_json(kept).items()}


def read_padded(params: Params, with_unlabelled: bool) -> Splits:
    """data/raw as the pad stage would pad it for ``params``; nothing is held back."""
    facts, raw, unlabelled = read_raw()
    splits, _ = split_reviews(raw, params.pad.validation_fraction, 0.0, params.seed, facts["labels"])
    kept, _ = drop_judged(unlabelled, splits)
    kept = kept if with_unlabelled else kept[:0]
    pad = params.pad.of_reviews(splits[TRAIN].reviews.lengths + 1)
    padded = {name: padded_arrays(split.reviews, split.rows, pad) for name, split in splits.items()}
    return padded | {"unlabelled": padded_arrays(unlabelled.select(kept), kept, pad)}


def _fit(params: Params, splits: Splits) -> dict[str, float]:
    from pipeline.evaluation.baselines import fit_baselines  # noqa: PLC0415 - after the backend is chosen
    from pipeline.evaluation.calibration import worthwhile_calibration  # noqa: PLC0415
    from pipeline.evaluation.metrics import classification_metrics  # noqa: PLC0415
    from pipeline.evaluation.probabilities import right  # noqa: PLC0415
    from pipeline.networks.devices import import_keras  # noqa: PLC0415
    from pipeline.reviews.ragged import Ragged  # noqa: PLC0415
    from pipeline.training.preparation import prepare_data  # noqa: PLC0415
    from pipeline.training.task import fit, network_of  # noqa: PLC0415

    import_keras()
    from pipeline.networks.fused import choose_implementation  # noqa: PLC0415
    from pipeline.training.compiled import compile_prediction  # noqa: PLC0415

    flat = {f"{split}_{name}": array for split, arrays in splits.items() for name, array in arrays.items()}
    digest = content_digest(flat)
    data = prepare_data(params, splits, digest, Path("studies/prepared"))
    trained = fit(params, params.seed, data, lambda epoch: None)
    network = network_of(trained.network)
    minutes = sum(os.times()[:4]) / 60  # of this process and of those that learnt the vectors
    predict = compile_prediction(network, choose_implementation(params.model, params.train))
    said = {name: predict(splits[name]["token_ids"]) for name in ("validation", "test")}
    labels = {name: splits[name]["labels"].astype(np.int64) for name in said}
    fitted = worthwhile_calibration(labels["validation"], said["validation"])
    figures = {
        "validation": float(right(labels["validation"], said["validation"]).mean()),
        "test": float(right(labels["test"], said["test"]).mean()),
        "ece": classification_metrics(labels["test"], fitted.apply(said["test"]))["ece"],
        "minutes": minutes,
    }
    words = {name: Ragged.from_padded(splits[name]["token_ids"]) for name in ("train", "test")}
    for name, model in fit_baselines(words["train"], splits["train"]["labels"], seed=params.seed).items():
        figures[name] = float(np.mean((model.predict_proba(words["test"])[:, 1] >= 0.5) == labels["test"]))
    return figures


def row(number: int, fits: Sequence[Mapping[str, float]]) -> list[str]:
    """One line of the table; with several seeds, the mean and the range."""

    def percent(name: str) -> str:
        found = [fit[name] for fit in fits]
        spread = f" ({min(found):.4f} to {max(found):.4f})" if len(found) > 1 else ""
        return f"{statistics.mean(found):.4f}{spread}"

    tokens = str(values_of(number)[0]["pad.max_length"])
    minutes = f"{statistics.mean(fit['minutes'] for fit in fits):.1f}"
    scores = [percent(name) for name in ("validation", "test", "ece", NAIVE_BAYES, TFIDF)]
    return [("+ " if number else "") + RUNGS[number][0], tokens, *scores, minutes]


if __name__ == "__main__":
    main()
