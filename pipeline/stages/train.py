"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline import tracking, tuning
from pipeline.params import Params
from pipeline.runtime.files import read_arrays, read_json, write_csv, write_json, written_together
from pipeline.runtime.paths import (
    MODEL,
    PADDED_DATASET,
    STUDY_DIR,
    TRAIN_REPORT,
    TRAINING_CURVE,
    TRIALS,
    padded_split,
)
from pipeline.training.task import fit
from pipeline.tuning.progress import Progress


def run(params: Params) -> None:
    """Reads data/padded; writes the model, its curve, the study's trials and pictures, reports/train.json.

    Raises:
        InterruptedError: after Ctrl-C; nothing is written, and the next run goes on with the study.
        ValueError: if no trial is complete: nothing is written either.
    """
    dataset = read_json(PADDED_DATASET)
    study = tuning.open_search(params, dataset)
    with tracking.pipeline_run(params, "train") as parent, tracking.TrialRuns(parent, dataset) as trial_runs:
        data = read_data(params)
        for split in ("train", "validation"):
            parent.log_split(dataset, split, data[f"{split}.token_ids"], data[f"{split}.labels"])
        winner = tuning.search(study, fit, data, Progress(params.train.epochs, trial_runs))
        report = _report(parent.run_id, dataset, study, winner)
        _write(report, dataset, study, winner)
        parent.log_metrics({key: value for key, value in report.items() if key.startswith("validation_")})
        parent.set_tags({"trial.best": winner.number, "dataset": dataset["name"]})
        parent.log_params({f"best.{key}": value for key, value in report["params"].items()})
        for file in (TRAINING_CURVE, TRIALS, TRAIN_REPORT):
            parent.log_file(file)
        parent.log_file(STUDY_DIR, STUDY_DIR.name)
        study.set_attribute("delivered", True)
        score = winner.best["validation_accuracy"]
        print(f"best trial {winner.number}: validation accuracy {score:.4f} on {dataset['name']}")


def read_data(params: Params) -> dict[str, np.ndarray]:
    """What every fit of the study reads, under SPLIT.NAME: the reviews of ``train`` and of ``validation``.

    It is sent to each worker once. What is computed once for all fits (word vectors, soft labels) is added
    here, as further arrays.
    """
    del params  # nothing is prepared yet
    return {
        f"{split}.{name}": array
        for split in ("train", "validation")
        for name, array in read_arrays(padded_split(split)).items()
    }


def _write(
    report: Mapping[str, Any], dataset: Mapping[str, Any], study: tuning.Search, winner: tuning.Winner
) -> None:
    """All files of the stage, together or none: the model never lies beside another one's report."""
    pictures = tuning.drawn_pictures(study, dataset["name"])
    files = [MODEL, TRAINING_CURVE, TRIALS, TRAIN_REPORT, *(STUDY_DIR / name for name in pictures)]
    with written_together(*files) as (model, curve, trials, train_report, *drawn):
        model.write_bytes(winner.network)
        write_csv(curve, [_curve_row(epoch, metrics) for epoch, metrics in enumerate(winner.curve, start=1)])
        write_csv(trials, tuning.trials_table(study))
        write_json(train_report, report)
        for file, picture in zip(drawn, pictures.values(), strict=True):
            file.write_bytes(picture)
    for old in STUDY_DIR.glob("*.png"):
        if old.name not in pictures:  # an earlier study's
            old.unlink()


def _curve_row(epoch: int, metrics: Mapping[str, float]) -> dict[str, float]:
    return {
        "epoch": epoch,
        "training_accuracy": metrics["accuracy"],
        "validation_accuracy": metrics["validation_accuracy"],
        "training_loss": metrics["loss"],
        "validation_loss": metrics["validation_loss"],
    }


def _report(
    run_id: str, dataset: Mapping[str, Any], study: tuning.Search, winner: tuning.Winner
) -> dict[str, Any]:
    report = {
        "run_id": run_id,
        "dataset": {key: dataset[key] for key in ("name", "requested", "digest")},
        "study": study.name,
        "trials": study.counts(),
        "search_order": tuning.search_order(study.params),
        "trial": winner.number,
        "params": {
            key: value
            for key, value in winner.params.flat().items()
            if key.split(".")[0] in ("model", "train")
        },
        "best_epoch": winner.best_epoch,
        "validation_accuracy": winner.best["validation_accuracy"],
        "validation_loss": winner.best["validation_loss"],
        "implementation": winner.implementation,
        "retrained": winner.retrained,
    }
    if winner.spread is not None:
        report |= {
            "validation_accuracy_by_seed": list(winner.scores),
            "validation_accuracy_mean": winner.mean,
            "validation_accuracy_spread": winner.spread,
        }
    return report
