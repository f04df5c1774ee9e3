"""The evaluate stage: the one look at the test split, the baseline beside it, and the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline import evaluation, lineage, model_card, plots, registry, training
from pipeline.files import read_arrays, read_csv, read_json, write_csv, write_json, written_whole
from pipeline.intervals import bootstrap_intervals
from pipeline.params import Params
from pipeline.paths import (
    FIGURES_DIR,
    METRICS,
    MODEL,
    MODEL_CARD,
    PADDED_DATASET,
    PLOTS_DIR,
    RAW_VOCABULARY,
    REGISTRATION,
    TRAIN_REPORT,
    TRAINING_CURVE,
    padded_split,
)
from pipeline.promotion import Predictions
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving.logged_model import Trained
from pipeline.tracking import PipelineRun, pipeline_run

Arrays = dict[str, np.ndarray]


def run(params: Params) -> None:
    """Reads the model and data/padded, writes reports/metrics.json, plots, figures; registers the model."""
    trained = read_json(TRAIN_REPORT)
    dataset = read_json(PADDED_DATASET)
    splits = {name: read_arrays(padded_split(name)) for name in ("train", "validation", "test")}
    with pipeline_run(params, "evaluate", trained["run_id"]) as parent:
        model = keras.models.load_model(MODEL, compile=False, safe_mode=True)
        probabilities = {
            name: training.predict(model, splits[name]["token_ids"]) for name in ("validation", "test")
        }
        train, test = splits["train"], splits["test"]
        parent.log_split(dataset, "test", test["token_ids"], test["labels"])
        baseline = evaluation.fit_baseline(
            train["token_ids"], train["labels"], params.evaluate.baseline_ngrams, params.seed
        )
        scores = {
            "stacked RNN": probabilities["test"],
            "TF-IDF + logistic regression": evaluation.baseline_probabilities(baseline, test["token_ids"]),
        }
        metrics: dict[str, float] = {}
        for prefix, values in zip(("test_", "baseline_test_"), scores.values(), strict=True):
            metrics |= evaluation.prefixed(evaluation.classification_metrics(test["labels"], values), prefix)
        _draw(dataset, trained, test["labels"], scores)
        write_json(METRICS, metrics)
        parent.log_metrics(metrics)
        for path in (FIGURES_DIR, PLOTS_DIR):
            parent.log_file(path, path.name)
        registration = None
        if params.evaluate.register_model:
            validation = splits["validation"]
            submitted = Trained(
                model,
                MODEL,
                Vocabulary.load(RAW_VOCABULARY),
                dataset,
                validation["token_ids"],
                probabilities["validation"],
                lineage.record(params, dataset, trained, metrics),
            )
            predictions = Predictions(validation["rows"], validation["labels"], probabilities["validation"])
            registration = registry.register(parent, submitted, predictions)
        write_json(REGISTRATION, _registration_report(parent, dataset, registration))
        intervals = bootstrap_intervals(test["labels"], probabilities["test"], params.seed)
        card = model_card.write(dataset, trained, metrics, intervals, registration)
        with written_whole(MODEL_CARD) as temporary:
            temporary.write_text(card, encoding="utf-8")
        parent.log_file(MODEL_CARD)
        if registration:
            registry.describe(parent.client, registration, card)
        _print_summary(dataset, metrics, registration)


def _draw(dataset: Mapping[str, Any], trained: Mapping[str, Any], labels: np.ndarray, scores: Arrays) -> None:
    """The curves as CSV for `dvc plots` and as PNG, every title naming the data set."""
    name = dataset["name"]
    roc = {title: evaluation.roc_points(labels, values) for title, values in scores.items()}
    precision_recall = {
        title: evaluation.precision_recall_points(labels, values) for title, values in scores.items()
    }
    for stem, curves in (("roc", roc), ("precision_recall", precision_recall)):
        for suffix, rows in zip(("", "_baseline"), curves.values(), strict=True):
            write_csv(PLOTS_DIR / f"{stem}{suffix}.csv", rows)
    predicted = next(iter(scores.values())) >= evaluation.THRESHOLD
    names = dataset["labels"]
    write_csv(
        PLOTS_DIR / "confusion.csv",
        [
            {"actual": names[int(label)], "predicted": names[int(guess)]}
            for label, guess in zip(labels, predicted, strict=True)
        ],
    )
    figures = {
        "roc": plots.curve_figure(
            roc, "false_positive_rate", "true_positive_rate", f"ROC, {name} test reviews", diagonal=True
        ),
        "precision_recall": plots.curve_figure(
            precision_recall, "recall", "precision", f"Precision-recall, {name} test reviews"
        ),
        "confusion": plots.confusion_figure(labels, predicted, names, f"Confusion, {name} test reviews"),
        "training_curve": plots.training_figure(
            read_csv(TRAINING_CURVE), trained["best_epoch"], f"Best trial on {name}"
        ),
    }
    for stem, figure in figures.items():
        plots.save(figure, FIGURES_DIR / f"{stem}.png")


def _registration_report(
    parent: PipelineRun, dataset: Mapping[str, Any], registration: Any
) -> dict[str, Any]:
    report = {"run_id": parent.run_id, "dataset": dataset["name"]}
    return report | (asdict(registration) if registration else {"name": None})


def _print_summary(
    dataset: Mapping[str, Any], metrics: Mapping[str, float], registration: registry.Registration | None
) -> None:
    console = Console(width=88)
    table = Table(
        title=f"{dataset['sizes']['test']:,} test reviews of {dataset['name']}", title_justify="left"
    )
    for column in ("metric", "stacked RNN", "TF-IDF + logistic regression"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for key in (key for key in metrics if key.startswith("test_")):
        table.add_row(key.removeprefix("test_"), f"{metrics[key]:.4f}", f"{metrics[f'baseline_{key}']:.4f}")
    console.print(table)
    if registration:
        console.print(
            f"registered {registration.name} version {registration.version} "
            f"as [bold]{registration.alias}[/bold]: {registration.reason}"
        )
    console.print(
        "next:\n"
        "  make ui                          # runs, trials and registry in MLflow\n"
        "  make serve                       # the champion on http://127.0.0.1:5001\n"
        "  source .venv/bin/activate        # then, for example:\n"
        "  dvc plots show                   # the curves as a page\n"
        "  python -m pipeline predict --explain 'A superb cast in a dull film.'\n"
        "  dvc exp run -S model.depth=3     # another experiment; compare: dvc exp show",
        highlight=False,
    )
