"""The evaluate stage: the one look at the test split, the baseline beside it, and the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from pipeline.evaluation.assessment import Assessment, assess
from pipeline.evaluation.baseline import baseline_probabilities, fit_baseline
from pipeline.evaluation.errors import COLUMNS, confident_errors
from pipeline.evaluation.promotion import Predictions, Registration
from pipeline.evaluation.threshold import choose_threshold
from pipeline.params import Params
from pipeline.registry import lineage, model_card, versions
from pipeline.registry.packaging import Trained
from pipeline.reporting.drawing import draw
from pipeline.reporting.report import write_report
from pipeline.reporting.terminal import print_summary
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays, read_csv, read_json, write_csv, write_json, write_text
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
    TRAIN_REPORT,
    TRAINING_CURVE,
    padded_split,
)
from pipeline.tracking import PipelineRun, pipeline_run
from pipeline.training import fitting

Arrays = dict[str, np.ndarray]


def run(params: Params) -> None:
    """Reads the model, data/padded and data/raw; writes metrics, plots, figures, errors, the model card and
    the report, all in reports/; registers the model."""
    trained, dataset = read_json(TRAIN_REPORT), read_json(PADDED_DATASET)
    vocabulary = Vocabulary.load(RAW_VOCABULARY)
    splits = {name: read_arrays(padded_split(name)) for name in ("train", "validation", "test")}
    train, validation, test = splits.values()
    with pipeline_run(params, "evaluate", trained["run_id"]) as parent:
        parent.log_network(trained)
        model = keras.models.load_model(MODEL, compile=False, safe_mode=True)
        scored = fitting.predict(model, validation["token_ids"])
        parent.log_split(dataset, "test", test["token_ids"], test["labels"])
        baseline = fit_baseline(
            train["token_ids"], train["labels"], params.evaluate.baseline_ngrams, params.seed
        )
        probabilities = fitting.predict(model, test["token_ids"])
        assessment = assess(
            test,
            probabilities,
            baseline_probabilities(baseline, test["token_ids"]),
            choose_threshold(validation["labels"], scored),
            params.seed,
        )
        reviews = read_splits(read_arrays(RAW_REVIEWS))["test"].select(test["rows"])
        errors = confident_errors(reviews, probabilities, vocabulary, dataset["labels"])
        metrics = _write_metrics(parent, dataset, assessment)
        draw(dataset, trained, assessment, read_csv(TRAINING_CURVE))
        write_csv(ERRORS, errors, COLUMNS)
        registration = None
        if params.evaluate.register_model:
            record = lineage.record(params, dataset, trained, metrics)
            submitted = Trained(model, MODEL, vocabulary, dataset, validation["token_ids"], scored, record)
            predictions = Predictions(validation["rows"], validation["labels"], scored)
            registration = versions.register(parent, submitted, predictions)
        write_json(REGISTRATION, _registration_report(parent, dataset, registration))
        card = model_card.write(dataset, trained, metrics, assessment.intervals, registration)
        write_text(MODEL_CARD, card)
        write_text(REPORT, write_report(dataset, trained, assessment, errors, registration))
        for path in (ERRORS, INTERVALS, MODEL_CARD, REPORT):
            parent.log_file(path)
        for folder in (FIGURES_DIR, PLOTS_DIR):
            parent.log_file(folder, folder.name)
        if registration:
            versions.describe(parent.client, registration, card)
        print_summary(dataset, assessment, registration)


def _write_metrics(
    parent: PipelineRun, dataset: Mapping[str, Any], assessment: Assessment
) -> dict[str, float]:
    """Writes reports/metrics.json and intervals.json, logs the metrics; returns the metrics."""
    duplicates = {f"duplicates_{where}": count for where, count in dataset["duplicates_dropped"].items()}
    metrics = assessment.metrics | duplicates
    bounds = {name: {"low": low, "high": high} for name, (low, high) in assessment.intervals.items()}
    write_json(METRICS, metrics)
    write_json(INTERVALS, bounds)
    parent.log_metrics(metrics)
    return metrics


def _registration_report(
    parent: PipelineRun, dataset: Mapping[str, Any], registration: Registration | None
) -> dict[str, Any]:
    report = {"run_id": parent.run_id, "dataset": dataset["name"]}
    return report | (asdict(registration) if registration else {"name": None})
