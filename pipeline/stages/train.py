"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import tracking, tuning
from pipeline.networks.devices import describe_device, import_keras
from pipeline.params import SEARCHED, Params
from pipeline.reviews.splitting import chosen_by
from pipeline.runtime.files import (
    read_arrays,
    read_json,
    replaced_together,
    write_csv,
    write_json,
    written_whole,
)
from pipeline.runtime.live import waiting
from pipeline.runtime.paths import (
    MODEL,
    PADDED_DATASET,
    STUDY_DIR,
    TRAIN_REPORT,
    TRAINING_CURVE,
    TRIALS,
    padded_split,
)
from pipeline.stages import refuse_edited
from pipeline.training.preparation import prepared_data
from pipeline.training.task import fit, num_epochs
from pipeline.tuning.progress import Progress

Arrays = dict[str, np.ndarray]


def run(params: Params) -> None:
    """Reads data/padded; writes the model, its curve, the study's trials and pictures, reports/train.json.

    Raises:
        InterruptedError: after Ctrl-C; nothing is written, and the next run goes on with the study.
        UserError: if no trial is complete: nothing is written either. If params.yaml was edited meanwhile:
            the study isn't done then, so that it delivers the same once the values are put back.
    """
    dataset, started_with = read_json(PADDED_DATASET), params
    params = params.resolved(dataset["sizes"]["train"], dataset["max_length"]).of_labels(dataset["labels"])
    fitted = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    study = tuning.open_search(fitted, dataset)
    in_run = tracking.pipeline_run(params, "train", ("pad", "tune"), study=study.name)
    with in_run as parent:
        splits = read_splits()
        for name, arrays in splits.items():
            if len(arrays["token_ids"]):
                parent.log_split(dataset, name, arrays["token_ids"], arrays.get("labels"))
        if not tuning.needs_workers(study):
            with waiting("TensorFlow is loaded"):
                import_keras()
            print(describe_device())
        data = data_of_fits(fitted, splits, dataset)
        with Progress(parent, dataset["name"], num_epochs(params, data), study.score_name) as progress:
            winner = tuning.search(study, fit, data, progress)
        curve = [_curve_row(epoch, metrics) for epoch, metrics in enumerate(winner.history, start=1)]
        report = _write(
            _report(parent.run_id, dataset, study, winner), curve, study, winner, splits["validation"]
        )
        numbers = {key: value for key, value in report.items() if isinstance(value, float)}
        parent.log_metrics({key: value for key, value in numbers.items() if key.startswith("validation_")})
        of_data = {"dataset": dataset["name"], tracking.DIGEST_TAG: dataset["digest"]}
        parent.set_tags({"trial.best": winner.number, **of_data})
        parent.log_network(report)
        parent.log_curve(curve)
        for file in (TRAINING_CURVE, TRIALS, TRAIN_REPORT):
            parent.log_file(file)
        parent.log_file(STUDY_DIR, STUDY_DIR.name)
        refuse_edited("train", started_with)
        study.set_attribute("delivered", True)
        accuracy = winner.best["validation_accuracy"]
        name = study.score_name.replace("_", " ")
        chosen_by = "" if params.tune.objective == "accuracy" else f", {name} {study.score(winner.best):.4f}"
        print(
            f"best trial {winner.number}: validation accuracy {accuracy:.4f}{chosen_by} on {dataset['name']}"
        )


def read_splits() -> dict[str, Arrays]:
    """The padded reviews to fit to (``train``, ``unlabelled``) and to select by (``validation``).

    Of the validation reviews those that are held back for the comparison with a champion are left out.
    """
    splits = {name: read_arrays(padded_split(name)) for name in ("train", "validation", "unlabelled")}
    return splits | {"validation": chosen_by(splits["validation"])}


def data_of_fits(params: Params, splits: Mapping[str, Arrays], dataset: Mapping[str, Any]) -> Arrays:
    """What every fit of the study reads, as ``training.task.Data``; what all share is prepared here, once."""
    return prepared_data(params, splits, dataset["padded_digest"], tuning.studies_folder() / "prepared")


def _write(
    report: Mapping[str, Any],
    curve: list[dict[str, float]],
    study: tuning.Search,
    winner: tuning.Winner,
    validation: Arrays,
) -> dict[str, Any]:
    """All files of the stage, together or none: the model never lies beside another one's report.

    Returns:
        ``report`` with the calibration of the network that is delivered.
    """
    with replaced_together():
        whole = {**report, "calibration": _deliver(winner, validation)}
        write_csv(TRAINING_CURVE, curve)
        write_csv(TRIALS, tuning.trials_table(study))
        tuning.write_pictures(study, report["dataset"]["name"], STUDY_DIR)
        write_json(TRAIN_REPORT, whole)
    return whole


def _deliver(winner: tuning.Winner, validation: Arrays) -> dict[str, float | list[float]]:
    """Writes the winner's network, calibrated; returns what its calibration is and does."""
    import_keras()
    from pipeline.training import delivery  # noqa: PLC0415 - Keras loads where networks are computed

    reviews = delivery.Split(validation["token_ids"], validation["labels"])
    with tempfile.TemporaryDirectory() as folder, written_whole(MODEL) as target:
        network = Path(folder) / MODEL.name
        network.write_bytes(winner.network)
        return delivery.deliver(network, winner.params, reviews, target)


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
        "params": winner.params.flat(*SEARCHED),
        "objective": study.params.tune.objective,
        "best_epoch": winner.best_epoch,
        "validation_accuracy": winner.best["validation_accuracy"],
        "validation_loss": winner.best["validation_loss"],
        "implementation": winner.implementation,
        "retrained": winner.retrained,
    }
    if winner.spread is not None:
        report |= {
            f"{study.score_name}_by_seed": list(winner.scores),
            f"{study.score_name}_mean": winner.mean,
            f"{study.score_name}_spread": winner.spread,
        }
    if winner.seconds_in_full is not None:
        report["seconds_in_full"] = winner.seconds_in_full
    return report
