"""The loop of labelling: how many wrong labels are found first, and what suggested texts are worth.

Labels of data/raw's training reviews are turned round, and `check --labels` looks for them. Then a bag of
words learns from a few reviews, and is given more of them in rounds: those that `suggest` picks, or any.

    python -m pipeline download
    python -m benchmarks.labelling
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

import numpy as np

from benchmarks.results import Section, table
from pipeline.evaluation.baselines import NAIVE_BAYES, fit_baselines, out_of_fold
from pipeline.evaluation.explanation import find_label_issues
from pipeline.labelling import suggest
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.ragged import Ragged, Reviews
from pipeline.reviews.splitting import TEST, TRAIN
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.files import read_arrays, read_json
from pipeline.runtime.paths import RAW_DATASET, RAW_REVIEWS, RAW_VOCABULARY
from pipeline.serving.classifier import TextClassifier

TURNED = 0.02
POOL, JUDGED, FIRST, STEP, ROUNDS = 10_000, 5_000, 200, 100, 8
VOCAB_SIZE = 30_000
LAYOUT = {"vocab_size": VOCAB_SIZE, "max_length": 400, "padding": "post", "truncating": "pre"}


def main() -> None:
    """Measures, and writes the section."""
    parser = argparse.ArgumentParser(description="Measures the loop of labelling on data/raw.")
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    section = Section("labelling", "The loop of labelling")
    splits, dataset = read_splits(read_arrays(RAW_REVIEWS)), read_json(RAW_DATASET)
    vocabulary = Vocabulary.load(RAW_VOCABULARY).first(VOCAB_SIZE - INDEX_FROM - 1)
    found = [found_labels(splits[TRAIN], seed) for seed in seeds]
    ways = {
        way: np.array([rounds(splits, vocabulary, dataset["labels"], way, seed) for seed in seeds])
        for way in ("suggested", "at random")
    }
    number = round(TURNED * len(splits[TRAIN]))
    hits = ", ".join(f"{hit} ({listed:,} listed, {seconds:.0f} s)" for hit, listed, seconds in found)
    sizes = range(FIRST, FIRST + STEP * ROUNDS + 1, STEP)
    rows = [
        [f"{size:,}", *(f"{accuracies[:, place].mean():.4f}" for accuracies in ways.values())]
        for place, size in enumerate(sizes)
    ]
    section.write(
        f"{dataset['name']}, {len(seeds)} draws.",
        f"**Wrong labels.** {number:,} of the {len(splits[TRAIN]):,} training reviews ({TURNED:.0%}) have "
        f"their label turned round. Of the first {number:,} that `check --labels` lists, so many are among "
        f"them: {hits}.",
        f"**What to label next.** A bag of words learns from {FIRST} reviews, then from {STEP} more in each "
        f"round, out of {POOL:,}: those that `suggest` picks with it, or any. Accuracy on {JUDGED:,} test "
        "reviews, the mean of the draws:",
        table(["labels", *ways], rows),
    )


def found_labels(reviews: Reviews, seed: int) -> tuple[int, int, float]:
    """How many of the first turned labels are listed first, how many are listed in all, and the seconds."""
    labels = reviews.labels.astype(np.int64)
    random = np.random.default_rng(seed)
    turned = random.choice(len(labels), round(TURNED * len(labels)), replace=False)
    labels[turned] = (labels[turned] + random.integers(1, labels.max() + 1, len(turned))) % (labels.max() + 1)
    start = time.monotonic()
    issues = find_label_issues(labels, out_of_fold(reviews, labels))
    seconds = time.monotonic() - start
    return int(np.isin([issue.row for issue in issues[: len(turned)]], turned).sum()), len(issues), seconds


def label_rows(bag: Any, rows: np.ndarray) -> np.ndarray:
    """What a bag of words gives for padded rows."""
    return np.asarray(bag.predict_proba(Ragged.from_padded(rows)))


def rounds(
    splits: dict[str, Reviews], vocabulary: Vocabulary, names: list[str], way: str, seed: int
) -> list[float]:
    """The accuracy after each round."""
    random = np.random.default_rng(seed)
    pool, judged = (
        splits[name].select(np.sort(random.choice(len(splits[name]), size, replace=False)))
        for name, size in ((TRAIN, POOL), (TEST, JUDGED))
    )
    pool, judged = (Reviews(part.cut(VOCAB_SIZE), part.offsets, part.labels) for part in (pool, judged))
    texts = [vocabulary.decode(pool.review(row)) for row in range(len(pool))]
    known, accuracies = random.choice(len(pool), FIRST, replace=False).tolist(), []
    while True:
        chosen = pool.select(np.array(known))
        labels = chosen.labels.astype(np.int64)
        bag = fit_baselines(chosen, labels, names=[NAIVE_BAYES])[NAIVE_BAYES]
        given = bag.predict_proba(judged).argmax(1)
        accuracies.append(float((given == judged.labels).mean()))
        if len(accuracies) > ROUNDS:
            return accuracies
        rest = np.setdiff1d(np.arange(len(pool)), known)
        if way == "at random":
            known += random.choice(rest, STEP, replace=False).tolist()
            continue
        champion = TextClassifier(partial(label_rows, bag), vocabulary, LAYOUT, tuple(names), 0.5)
        tasks = suggest(champion, ((texts[row], {"row": int(row)}) for row in rest), STEP)
        known += [task.more["row"] for task in tasks]


if __name__ == "__main__":
    main()
