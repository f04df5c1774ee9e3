"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
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
from pipeline.training.backend import describe_device, select_backend
from pipeline.training.preparation import num_epochs, prepare
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
    params = params.resolved(dataset["sizes"]["train"])
    study = tuning.open_study(params, dataset)
    with tracking.pipeline_run(params, "train") as parent, tracking.TrialRuns(parent, dataset) as trial_runs:
        study.set_attribute("run_id", parent.run_id)
        splits = read_splits()
        for name, arrays in splits.items():
            if len(arrays["token_ids"]):
                parent.log_split(dataset, name, arrays["token_ids"], arrays.get("labels"))
        if not tuning.needs_workers(study):
            select_backend(params.train)
            print(describe_device())
        fit = fit_on(params, splits, dataset)
        winner = tuning.search(study, fit, Progress(params, trial_runs))
        seconds = {}
        if params.tune.epochs is not None:
            started = time.perf_counter()
            winner = _train_in_full(params, winner, fit, len(splits["unlabelled"]["token_ids"]))
            seconds = {"seconds_in_full": time.perf_counter() - started}
        calibration = _deliver(winner, splits["validation"])
        report = _report(parent.run_id, dataset, study, winner) | seconds | {"calibration": calibration}
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
    params = params.resolved(dataset["sizes"]["train"])
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
        fit = fit_on(params, read_splits(), dataset)
        tuning.work(study, fit, Progress(params, trial_runs), coordinator)


def read_splits() -> dict[str, Arrays]:
    """The padded reviews to fit to (``train``, ``unlabelled``) and to select by (``validation``).

    Of the validation reviews those that are held back for the comparison with a champion are left out.
    """
    splits = {name: read_arrays(padded_split(name)) for name in ("train", "validation", "unlabelled")}
    return splits | {"validation": chosen_by(splits["validation"])}


def fit_on(params: Params, splits: Mapping[str, Arrays], dataset: Mapping[str, Any]) -> tuning.Fit:
    """Fits any params and seed to these reviews; what all fits share is prepared here, once.

    Where ``params.tune.epochs`` is given, the fit of a trial ends after so many epochs on the labels; one of
    ``train.epochs`` is asked for by the params that ``_train_in_full`` hands on.
    """
    prepared = prepare(params, splits, dataset["padded_digest"], tuning.studies_folder() / "prepared")

    def fit(values: Params, seed: int, on_epoch: OnEpoch | None) -> Fitted:
        select_backend(values.train)
        from pipeline.training import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

        if values.tune.epochs is not None:
            values = values.replace({"train.epochs": values.trial_epochs, "distill.epochs": 0})
        train, validation = (
            fitting.Split(splits[name]["token_ids"], splits[name]["labels"])
            for name in ("train", "validation")
        )
        unlabelled = None
        if prepared.soft_labels is not None:
            unlabelled = fitting.Split(splits["unlabelled"]["token_ids"], prepared.soft_labels)
        vectors = prepared.vectors if values.model.embedding_dim == params.model.embedding_dim else None
        return fitting.fit(values, train, validation, seed, on_epoch, unlabelled, vectors)

    return fit


def _train_in_full(
    params: Params, winner: tuning.Winner, fit: tuning.Fit, num_unlabelled: int
) -> tuning.Winner:
    """The winner of short fits, trained as ``train`` and ``distill`` say."""
    chosen = winner.params.replace({"tune.epochs": None})
    passes = num_epochs(chosen, num_unlabelled)
    print(f"trial {winner.number} won the search; it is now trained in full, {passes} epochs at most")

    def show(epoch: int, metrics: Mapping[str, float]) -> None:
        print(
            f"trial {winner.number} in full  epoch {epoch}/{passes}  loss {metrics['loss']:.4f}  "
            f"validation loss {metrics['validation_loss']:.4f}  accuracy {metrics['validation_accuracy']:.4f}"
        )

    fitted = fit(chosen, params.seed, show)
    with written_whole(winner.network) as temporary:
        fitted.model.save(temporary)
    return replace(
        winner,
        params=chosen,
        curve=fitted.history,
        best_epoch=fitted.best_epoch,
        implementation=fitted.implementation,
        scores=(float(fitted.best["validation_accuracy"]),),
    )


def _deliver(winner: tuning.Winner, validation: Arrays) -> dict[str, float | list[float]]:
    """Writes the winner's network, calibrated; returns what its calibration is and does."""
    select_backend(winner.params.train)
    from pipeline.training.delivery import deliver  # noqa: PLC0415 - Keras loads where networks are computed
    from pipeline.training.fitting import Split  # noqa: PLC0415

    reviews = Split(validation["token_ids"], validation["labels"])
    with written_whole(MODEL) as temporary:
        return deliver(winner.network, winner.params, reviews, temporary)


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
