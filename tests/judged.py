"""A small evaluated model, made up, for the tests of what is shown of one."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluation.assessment import Assessment, assess
from pipeline.evaluation.baselines import CLASSIFIERS, MODEL, NAIVE_BAYES, Scored
from pipeline.evaluation.explanation import confident_errors
from pipeline.evaluation.promotion import Comparison, Registration, Rule
from pipeline.networks.summary import LayerSummary
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.figures import draw
from pipeline.reporting.report import write_report
from pipeline.reviews.padding import pad_tokens
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import Row
from pipeline.runtime.paths import STUDY_DIR
from pipeline.runtime.plotting import save
from texts import reviews_of
from two_labels import both

HOSTILE = "<script>window.stolen=1</script><img src='http://192.0.2.1/x.png'>"
DATASET: dict[str, Any] = {
    "name": "tiny & <b>odd</b>",
    "requested": "imdb",
    "digest": "sha256:abc",
    "labels": ["negative", "positive"],
    "sizes": {"train": 800, "validation": 200, "test": 240},
    "class_shares": {split: {"negative": 0.5, "positive": 0.5} for split in ("train", "validation", "test")},
    "citation": "Nobody 2026",
    "licence": "CC0",
    "tokens": "words",
    "truncating": "pre",
    "max_length": 12,
    "vocab_size": 60,
    "words": 56,
    "duplicates_dropped": {"train_in_test": 3, "train_in_validation": 1, "validation_in_test": 0},
    "held_back": 50,
    "cut_shares": dict.fromkeys(("train", "validation", "test", "unlabelled"), 0.42),
    "unknown_shares": dict.fromkeys(("train", "validation", "test", "unlabelled"), 0.07),
    "unlabelled": {
        "size": 91,
        "duplicates_dropped": {"unlabelled_in_test": 6, "unlabelled_in_validation": 2},
    },
}
TRAINED: dict[str, Any] = {
    "params": {"model.cell": "gru", "model.depth": 3, "model.units": 16, "model.dropout": 0.2},
    "trial": 2,
    "best_epoch": 2,
    "validation_accuracy": 0.75134,
    "run_id": "run1",
    "preset": "quick",
    "objective": "accuracy",
    "calibration": {
        "scale": 0.81234,
        "shift": -0.05,
        "validation_ece_before": 0.0712,
        "validation_ece_after": 0.0234,
    },
}
REGISTRATION = Registration(
    "stacked-rnn-tiny",
    7,
    "challenger",
    "does not beat champion version 5",
    Comparison(Rule(0.0, 0.05), 150, 0.7, 0.74, 9, 15, 0.31, -0.11),
)
LAYERS = (
    LayerSummary("embedding", "Embedding", (12, 8), 480, False),
    LayerSummary("gru_1", "GRU", (12, 16), 1248, True),
    LayerSummary("dropout_1", "SpatialDropout1D", (12, 16), 0, False),
    LayerSummary("gru_2", "GRU", (12, 16), 1632, True),
    LayerSummary("gru_3", "GRU", (12, 16), 1632, True),
    LayerSummary("probability", "Dense", (1,), 17, False),
)
_COLUMNS = ("trial", "state", "validation_accuracy", "epochs", "seconds", "model.units")
TRIALS: list[dict[str, Any]] = [
    dict(zip(_COLUMNS, row, strict=True))
    for row in (
        (0, "COMPLETE", 0.7, 3, 4.1, 8),
        (1, "PRUNED", 0.5, 1, 1.2, 9),
        (2, "COMPLETE", 0.75134, 3, 72.4, 16),
    )
]
HISTORY = [
    {
        "epoch": epoch,
        "training_accuracy": 0.6 + 0.1 * epoch,
        "validation_accuracy": 0.55 + 0.06 * epoch,
        "training_loss": 0.7 / epoch,
        "validation_loss": 0.72 / epoch,
    }
    for epoch in (1, 2, 3)
]


@cache
def judged(count: int = 240) -> tuple[Assessment, list[Row]]:
    """An assessment of ``count`` reviews, and the most confident errors; one word is a script."""
    random = np.random.default_rng(0)
    vocabulary = Vocabulary((HOSTILE, *(f"word{rank}" for rank in range(2, 90))))
    labels = random.integers(0, 2, count).astype(np.int8)
    sequences = [[4, *random.integers(4, 90, length).tolist()] for length in random.integers(3, 40, count)]
    reviews = reviews_of(sequences, labels.tolist())
    layout: dict[str, Any] = {"padding": "pre", "truncating": "pre"}
    token_ids = pad_tokens(reviews.tokens, reviews.offsets, vocab_size=60, max_length=12, **layout)
    model, *others = (both(1 / (1 + np.exp(-random.normal(3 * labels - 1.5, 1.6)))) for _ in range(4))
    test = {"labels": labels, "token_ids": token_ids, "lengths": reviews.lengths + 1}
    errors = confident_errors(reviews, model, vocabulary, DATASET["labels"])
    # Of these validation reviews all are right from 0.46 on; the first rival is the better baseline.
    validation = np.array([0, 0, 1, 1])
    scored = both([0.1, 0.44, 0.48, 0.9])
    tests = [*others, both(np.full(count, 0.5))]
    rivals = [
        Scored(name, both(validation if name == NAIVE_BAYES else 1 - validation), probabilities)
        for name, probabilities in zip(list(CLASSIFIERS)[1:], tests, strict=True)
    ]
    return assess(test, validation, Scored(MODEL, scored, model), rivals, seed=0), errors


def evaluated(**other: Any) -> Evaluated:
    """The whole of it, with ``other`` attributes; the n-th word read of an error contributes n - 3."""
    assessment, errors = judged()
    words = [str(error["text"]).split(" ") for error in errors]
    contributions = [np.arange(min(len(every), DATASET["max_length"])) - 3.0 for every in words]
    of_errors = (errors, words, contributions)
    whole = Evaluated(DATASET, TRAINED, TRIALS, LAYERS, 56, assessment, *of_errors, REGISTRATION)
    return replace(whole, **other)


def report() -> str:
    """The page on it, after its pictures were drawn into reports/ of the current folder."""
    draw(DATASET, TRAINED["best_epoch"], judged()[0], HISTORY)
    save(Figure(), Path(STUDY_DIR / "history.png"))
    return write_report(evaluated())
