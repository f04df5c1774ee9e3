"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import tracking, tuning
from pipeline.params import Params
from pipeline.reviews.holding_back import chosen_by
from pipeline.runtime.files import read_arrays, read_json, write_csv, write_json, written_whole
from pipeline.runtime.paths import (
    MODEL,
    PADDED_DATASET,
    STUDY_DIR,
    TRAIN_REPORT,
    TRAINING_CURVE,
    TRIALS,
    padded_split,
)
from pipeline.training.backend import select_backend
from pipeline.tuning.progress import Progress

if TYPE_CHECKING:
    from pipeline.training.fitting import Fitted, OnEpoch

Arrays = dict[str, np.ndarray]


def run(params: Params) -> None:
    """Reads data/padded; writes the model, its curve, the study's trials and pictures, reports/train.json.

    Raises:
        InterruptedError: after Ctrl-C; nothing is written, and the next run goes on with the study.
    """
    dataset = read_json(PADDED_DATASET)
    study = tuning.open_study(params, dataset)
    with tracking.pipeline_run(params, "train") as parent, tracking.TrialRuns(parent, dataset) as trial_runs:
        study.set_attribute("run_id", parent.run_id)
        splits = read_splits()
        for name, arrays in splits.items():
            parent.log_split(dataset, name, arrays["token_ids"], arrays["labels"])
        if not tuning.needs_workers(study):
            select_backend(params.train)
        winner = tuning.search(study, fit_on(splits), Progress(params, trial_runs))
        report = _report(parent.run_id, dataset, study, winner)
        with written_whole(MODEL) as temporary:
            shutil.copyfile(winner.network, temporary)
        curve = [_curve_row(epoch, metrics) for epoch, metrics in enumerate(winner.curve, start=1)]
        write_csv(TRAINING_CURVE, curve)
        write_csv(TRIALS, tuning.trials_table(study))
        tuning.write_pictures(study, dataset["name"], STUDY_DIR)
        write_json(TRAIN_REPORT, report)
        parent.log_metrics({key: value for key, value in report.items() if key.startswith("validation_")})
        parent.set_tags({"trial.best": winner.number, "dataset": dataset["name"]})
        parent.log_network(report)
        parent.log_curve(curve)
        for file in (TRAINING_CURVE, TRIALS, TRAIN_REPORT):
            parent.log_file(file)
        parent.log_file(STUDY_DIR, STUDY_DIR.name)
        study.set_attribute("delivered", True)
        score = winner.best["validation_accuracy"]
        print(f"best trial {winner.number}: validation accuracy {score:.4f} on {dataset['name']}")


def work(params: Params, coordinator: int | None) -> None:
    """Runs trials of the study that the train stage started, here or on another machine.

    Args:
        params: the same as the study's.
        coordinator: pid of the train stage that started this process; it isn't outlived.

    Raises:
        ValueError: if there is no such study, it is finished, or its data, params, code or MLflow server are
            others.
    """
    dataset = read_json(PADDED_DATASET)
    try:
        study = tuning.join_study(params, dataset)
    except tuning.StudyFinishedError:
        if coordinator is None:
            raise
        return  # the others finished it while this process started
    parent = tracking.attach(params, study.attributes["run_id"])
    if coordinator is not None:
        select_backend(params.train)
    with tracking.TrialRuns(parent, dataset) as trial_runs:
        tuning.work(study, fit_on(read_splits()), Progress(params, trial_runs), coordinator)


def read_splits() -> dict[str, Arrays]:
    """The padded reviews to fit to (``train``) and to select by (``validation``, none held back)."""
    train, validation = (read_arrays(padded_split(name)) for name in ("train", "validation"))
    return {"train": train, "validation": chosen_by(validation)}


def fit_on(splits: Mapping[str, Arrays]) -> tuning.Fit:
    """Fits any params and seed to these reviews."""

    def fit(params: Params, seed: int, on_epoch: OnEpoch | None) -> Fitted:
        select_backend(params.train)
        from pipeline.training import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

        train, validation = (
            fitting.Split(splits[name]["token_ids"], splits[name]["labels"])
            for name in ("train", "validation")
        )
        return fitting.fit(params, train, validation, seed, on_epoch)

    return fit


def _curve_row(epoch: int, metrics: Mapping[str, float]) -> dict[str, float]:
    return {
        "epoch": epoch,
        "training_accuracy": metrics["accuracy"],
        "validation_accuracy": metrics["validation_accuracy"],
        "training_loss": metrics["loss"],
        "validation_loss": metrics["validation_loss"],
    }


def _report(
    run_id: str, dataset: Mapping[str, Any], study: tuning.Study, winner: tuning.Winner
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
