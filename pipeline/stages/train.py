"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import training, tuning
from pipeline.files import read_arrays, read_json, write_csv, write_json, written_whole
from pipeline.params import Params
from pipeline.paths import MODEL, PADDED_DATASET, TRAIN_REPORT, TRAINING_CURVE, padded_split
from pipeline.progress import Progress
from pipeline.tracking import TrialRuns, pipeline_run


def run(params: Params) -> None:
    """Reads data/padded, writes the model, the training curve and reports/train.json; logs to MLflow."""
    dataset = read_json(PADDED_DATASET)
    with pipeline_run(params, "train") as parent, TrialRuns(parent, dataset) as trial_runs:
        splits = {name: _read_split(name) for name in ("train", "validation")}
        for name, split in splits.items():
            parent.log_split(dataset, name, split.token_ids, split.labels)

        def fit(chosen: Params, on_epoch: training.OnEpoch) -> training.Fitted:
            return training.fit(chosen, splits["train"], splits["validation"], params.seed, on_epoch)

        winner = tuning.search(params, fit, Progress(params, trial_runs))
        curve = [_curve_row(epoch, metrics) for epoch, metrics in enumerate(winner.fitted.history, start=1)]
        report = _report(parent.run_id, dataset, winner)
        with written_whole(MODEL) as temporary:
            winner.fitted.model.save(temporary)
        write_csv(TRAINING_CURVE, curve)
        write_json(TRAIN_REPORT, report)
        parent.log_metrics({key: report[key] for key in ("validation_accuracy", "validation_loss")})
        parent.set_tags({"trial.best": winner.number, "dataset": dataset["name"]})
        parent.log_params({f"best.{key}": value for key, value in report["params"].items()})
        for file in (TRAINING_CURVE, TRAIN_REPORT):
            parent.log_file(file)
        print(f"best trial {winner.number}: validation accuracy {winner.score:.4f} on {dataset['name']}")


def _read_split(name: str) -> training.Split:
    arrays = read_arrays(padded_split(name))
    return training.Split(arrays["token_ids"], arrays["labels"])


def _curve_row(epoch: int, metrics: Mapping[str, float]) -> dict[str, float]:
    return {
        "epoch": epoch,
        "training_accuracy": metrics["accuracy"],
        "validation_accuracy": metrics["validation_accuracy"],
        "training_loss": metrics["loss"],
        "validation_loss": metrics["validation_loss"],
    }


def _report(run_id: str, dataset: Mapping[str, Any], winner: tuning.Winner) -> dict[str, Any]:
    fitted, chosen = winner.fitted, winner.params.flat()
    return {
        "run_id": run_id,
        "dataset": {key: dataset[key] for key in ("name", "requested", "digest")},
        "trial": winner.number,
        "params": {key: value for key, value in chosen.items() if key.split(".")[0] in ("model", "train")},
        "best_epoch": fitted.best_epoch,
        "validation_accuracy": fitted.best["validation_accuracy"],
        "validation_loss": fitted.best["validation_loss"],
        "implementation": fitted.implementation,
    }
