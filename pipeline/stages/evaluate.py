"""The evaluate stage: the one look at the test split, the baselines beside it, and the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation.assessment import Assessment, assess
from pipeline.evaluation.baselines import MODEL as MODEL_NAME
from pipeline.evaluation.baselines import Scored, out_of_fold, score_rivals
from pipeline.evaluation.explanation import COLUMNS, confident_errors, contributions, find_label_issues
from pipeline.evaluation.learning_curve import gain_of_twice
from pipeline.evaluation.metrics import ACCURACY, measure_of
from pipeline.evaluation.promotion import Predictions, Registration, Rule
from pipeline.networks.fused import choose_implementation
from pipeline.networks.stacked_rnn import load_network
from pipeline.networks.summary import summarize
from pipeline.params import Params, preset_of
from pipeline.registry import lineage, model_card, versions
from pipeline.registry.packaging import Candidate
from pipeline.registry.promotion import register
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.figures import draw
from pipeline.reporting.report import write_report
from pipeline.reporting.terminal import print_summary
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.padding import unknown_share
from pipeline.reviews.ragged import Ragged, Reviews
from pipeline.reviews.splitting import chosen_by, held_back
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.files import read_arrays, read_csv, read_json, write_csv, write_json, write_text
from pipeline.runtime.live import busy
from pipeline.runtime.paths import (
    ERRORS,
    FIGURES_DIR,
    INTERVALS,
    METRICS,
    MODEL,
    MODEL_CARD,
    PADDED_DATASET,
    PLOTS_DIR,
    RAW_REVIEWS,
    RAW_VOCABULARY,
    REGISTRATION,
    REPORT,
    SCORES,
    TRAIN_REPORT,
    TRAINING_CURVE,
    TRIALS,
    padded_split,
)
from pipeline.serving.profile import profile_of
from pipeline.tracking import PipelineRun, pipeline_run
from pipeline.training.compiled import compile_prediction

_SHOWN = 20  # tokens of a review whose label looks wrong


def run(params: Params) -> None:
    """Reads the model, data/padded and data/raw; writes metrics, plots, figures, errors, the model card and
    the report, all in reports/; registers the model."""
    trained = {"objective": ACCURACY} | read_json(TRAIN_REPORT) | {"preset": preset_of(params)}
    dataset, vocabulary = read_json(PADDED_DATASET), Vocabulary.load(RAW_VOCABULARY)
    with pipeline_run(params, "evaluate", ("pad", "tune", "evaluate"), trained["run_id"]) as parent:
        parent.log_network(trained)
        if parent.run_id != trained["run_id"]:  # which has it
            parent.log_metrics({"validation_accuracy": trained["validation_accuracy"]})
        parent.set_tags({"preset": trained["preset"] or "none"})
        with busy("labels that look wrong are looked for"):  # before the reviews of all splits are in memory
            label_issues = _label_issues(params, dataset["labels"], vocabulary)
        splits, held = _read_padded()
        validation, test = splits["validation"], splits["test"]
        reviews = _whole_reviews(dataset, splits)
        parent.log_split(dataset, "test", test["token_ids"], test["labels"])
        model = load_network(MODEL)
        chosen = params.replace({**trained["params"], "train.implementation": "auto"})
        predict = compile_prediction(model, choose_implementation(chosen.model, chosen.train))
        with busy(f"the network labels {len(test['labels']):,} test reviews"):
            scored, probabilities, compared = (
                predict(part["token_ids"]) for part in (validation, test, held)
            )
        with busy("bags of n-grams are fitted to the same reviews and label them too"):
            rivals = score_rivals(splits, reviews, params.evaluate.baseline_ngrams, params.seed)
        network = Scored(MODEL_NAME, scored, probabilities)
        with busy("they are compared, and figures are drawn"):
            assessment = assess(
                test, validation["labels"], network, rivals, params.seed, measure_of(trained["objective"])
            )
            gain = None if assessment.lead(assessment.baseline.name) > 0 else _gain_of_twice(splits, params)
            errors = confident_errors(reviews["test"], probabilities, vocabulary, dataset["labels"])
            metrics = _write_metrics(parent, dataset, assessment)
            draw(dataset, trained["best_epoch"], assessment, read_csv(TRAINING_CURVE))
            write_csv(ERRORS, errors, COLUMNS)
        registration = None
        if params.evaluate.register_model:
            ids, threshold = validation["token_ids"], assessment.threshold
            record = lineage.record(params, dataset, trained, metrics)
            profile = profile_of(
                reviews["train"],
                reviews["validation"],
                ids,
                scored,
                vocab_size=dataset["vocab_size"],
                accuracy=metrics["test_accuracy"],
                seed=params.seed,
            )
            candidate = Candidate(model, MODEL, vocabulary, ids, scored, record, profile, threshold)
            unknown = float(np.mean(unknown_share(held["token_ids"]))) if len(held["rows"]) else 0.0
            predictions = Predictions(held["rows"], held["labels"], compared, threshold, unknown)
            rule = Rule(
                params.evaluate.promotion_margin, params.evaluate.promotion_level, trained["objective"]
            )
            with busy("the network is packed, tried and registered"):
                registration = register(parent, candidate, predictions, rule)
        registered = asdict(registration) if registration else {"name": None}
        write_json(REGISTRATION, {"run_id": parent.run_id, "dataset": dataset["name"]} | registered)
        token_ids = test["token_ids"][[int(error["row"]) for error in errors]]
        with busy("its errors are explained, and the report is written"):
            result = Evaluated(
                dataset,
                trained,
                _read_trials(),
                summarize(model),
                len(vocabulary.words[: dataset["vocab_size"] - INDEX_FROM - 1]),
                assessment,
                errors,
                [vocabulary.words_of(reviews["test"].review(int(error["row"]))) for error in errors],
                contributions(predict, token_ids),
                registration,
                label_issues,
                gain,
            )
            card = model_card.write(result)
            write_text(MODEL_CARD, card)
            write_text(REPORT, write_report(result))
            _log(parent, card, registration)
        print_summary(result)


def _read_padded() -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """The rows of train, validation and test; and the validation reviews that are held back, on their own."""
    padded = {name: padded_split(name) for name in ("train", "validation", "test")}
    # Whole reviews are those of data/raw, which have every word.
    splits = {name: read_arrays(file, but=("tokens", "offsets")) for name, file in padded.items()}
    held = held_back(splits["validation"])
    return splits | {"validation": chosen_by(splits["validation"])}, held


def _whole_reviews(
    dataset: Mapping[str, Any], splits: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, Reviews]:
    """Those of each split; the others of data/raw don't stay, since a million reviews are 800 MB."""
    raw = read_splits(read_arrays(RAW_REVIEWS))
    return {name: raw[dataset["raw_splits"][name]].select(part["rows"]) for name, part in splits.items()}


def _gain_of_twice(splits: Mapping[str, Mapping[str, np.ndarray]], params: Params) -> float | None:
    """What twice the labels would give a bag of words that reads the network's tokens."""
    train, validation = (splits[name] for name in ("train", "validation"))
    read = [Ragged.from_padded(split["token_ids"]) for split in (train, validation)]
    ngrams, seed = params.evaluate.baseline_ngrams, params.seed
    return gain_of_twice(read[0], train["labels"], read[1], validation["labels"], ngrams, seed)


def _log(parent: PipelineRun, card: str, registration: Registration | None) -> None:
    """The files as artifacts of the run; the model card as its description, and the version's."""
    for path in (ERRORS, METRICS, INTERVALS, MODEL_CARD, REPORT):
        parent.log_file(path)
    for folder in (FIGURES_DIR, PLOTS_DIR):
        parent.log_file(folder, folder.name)
    description = model_card.description(card)
    parent.describe(description)
    if registration:
        versions.describe(parent.client, registration.name, registration.version, description)


def _label_issues(params: Params, names: list[str], vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """The training reviews of the source whose label the bag of words contradicts with confidence."""
    train = read_splits(read_arrays(RAW_REVIEWS))["train"]
    labels = train.labels.astype(np.int64)
    said = out_of_fold(train, labels, longest=params.evaluate.baseline_ngrams, seed=params.seed)
    return [
        {
            "row": issue.row,
            "given": names[issue.given],
            "likely": names[issue.likely],
            "probability": issue.probability,
            "text": vocabulary.decode(tokens[:_SHOWN]) + (" ..." if len(tokens) > _SHOWN else ""),
        }
        for issue in find_label_issues(labels, said)
        for tokens in [train.review(issue.row)]
    ]


def _read_trials() -> list[dict[str, Any]]:
    """The rows of reports/plots/trials.csv, an empty cell as ""."""
    rows = pd.read_csv(TRIALS).astype(object).fillna("").to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _write_metrics(
    parent: PipelineRun, dataset: Mapping[str, Any], assessment: Assessment
) -> dict[str, float]:
    """Writes reports/metrics.json, scores.json and intervals.json, logs the scores; returns the metrics."""
    dropped = dataset["duplicates_dropped"] | dataset["unlabelled"]["duplicates_dropped"]
    metrics = assessment.metrics | {f"duplicates_{where}": count for where, count in dropped.items()}
    intervals = assessment.intervals.items()
    write_json(METRICS, metrics)
    write_json(SCORES, assessment.headline)
    write_json(INTERVALS, {name: {"low": low, "high": high} for name, (low, high) in intervals})
    parent.log_metrics(assessment.scores)
    parent.set_tags({"baseline": assessment.baseline.name})
    return metrics
