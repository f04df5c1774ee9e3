"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from pipeline import tracking, tuning
from pipeline.params import PARAMS_FILE, Params, ParamsError
from pipeline.reviews.holding_back import chosen_by
from pipeline.runtime.files import read_arrays, read_json, write_csv, write_json, written_together
from pipeline.runtime.git import git
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
from pipeline.training.preparation import prepare
from pipeline.training.task import fit
from pipeline.tuning.progress import Progress

Arrays = dict[str, np.ndarray]


def run(params: Params) -> None:
    """Reads data/padded; writes the model, its curve, the study's trials and pictures, reports/train.json.

    Raises:
        InterruptedError: after Ctrl-C; nothing is written, and the next run goes on with the study.
        ValueError: if no trial is complete: nothing is written either.
        ParamsError: if the experiment sets a value that it also searches.
    """
    refuse_searched(params, os.environ.get("DVC_EXP_BASELINE_REV"))
    dataset = read_json(PADDED_DATASET)
    study = tuning.open_search(params, dataset)
    with tracking.pipeline_run(params, "train") as parent, tracking.TrialRuns(parent, dataset) as trial_runs:
        splits = read_splits()
        for name, arrays in splits.items():
            if len(arrays["token_ids"]):
                parent.log_split(dataset, name, arrays["token_ids"], arrays.get("labels"))
        data = data_of_fits(params, splits, dataset)
        winner = tuning.search(study, fit, data, Progress(tuning.trial_epochs(params), trial_runs))
        report = _write(_report(parent.run_id, dataset, study, winner), study, winner, splits["validation"])
        parent.log_metrics({key: value for key, value in report.items() if key.startswith("validation_")})
        parent.set_tags({"trial.best": winner.number, "dataset": dataset["name"]})
        parent.log_params({f"best.{key}": value for key, value in report["params"].items()})
        for file in (TRAINING_CURVE, TRIALS, TRAIN_REPORT):
            parent.log_file(file)
        parent.log_file(STUDY_DIR, STUDY_DIR.name)
        study.set_attribute("delivered", True)
        score = winner.best["validation_accuracy"]
        print(f"best trial {winner.number}: validation accuracy {score:.4f} on {dataset['name']}")


def refuse_searched(params: Params, baseline: str | None) -> None:
    """Refuses a value that ``dvc exp run -S`` sets and the study searches, for the first trial only.

    Args:
        params: of the experiment.
        baseline: the commit that the experiment starts from; None outside of one.

    Raises:
        ParamsError: with the way to say it.
    """
    text = git("show", f"{baseline}:./{PARAMS_FILE}") if baseline else None
    space = {} if text is None else yaml.safe_load(text).get("tune", {}).get("search_space") or {}
    for key, form in params.tune.search_space.items() if params.tune.trials > 1 else ():
        section, _, name = key.partition(".")
        committed = yaml.safe_load(text or "{}").get(section, {})
        value = params.flat()[key]
        plain = list(value) if isinstance(value, tuple) else value
        before = (space.get(section) or {}).get(name) or {}
        unchanged = form.model_dump(mode="json", exclude_defaults=True) == before
        if unchanged and name in committed and committed[name] != plain:
            raise ParamsError(
                f"{key} is {value} in this experiment, but also searched, so that another may be delivered: "
                f"fix it with -S tune.search_space.{key}=null, give it another range, or commit params.yaml "
                "first to make it the first trial's"
            )


def read_splits() -> dict[str, Arrays]:
    """The padded reviews to fit to (``train``, ``unlabelled``) and to select by (``validation``).

    Of the validation reviews those that are held back for the comparison with a champion are left out.
    """
    splits = {name: read_arrays(padded_split(name)) for name in ("train", "validation", "unlabelled")}
    return splits | {"validation": chosen_by(splits["validation"])}


def data_of_fits(params: Params, splits: Mapping[str, Arrays], dataset: Mapping[str, Any]) -> Arrays:
    """What every fit of the study reads, as ``training.task.Data``; what all share is prepared here, once."""
    prepared = prepare(params, splits, dataset["padded_digest"], tuning.studies_folder() / "prepared")
    data = {
        f"{split}.{name}": splits[split][name]
        for split in ("train", "validation")
        for name in ("token_ids", "labels")
    }
    if prepared.soft_labels is not None:
        data["unlabelled.token_ids"] = splits["unlabelled"]["token_ids"]
        data["unlabelled.labels"] = prepared.soft_labels
    if prepared.vectors is not None:
        data["vectors"] = prepared.vectors
    return data


def _write(
    report: Mapping[str, Any], study: tuning.Search, winner: tuning.Winner, validation: Arrays
) -> dict[str, Any]:
    """All files of the stage, together or none: the model never lies beside another one's report.

    Returns:
        ``report`` with the calibration of the network that is delivered.
    """
    select_backend(winner.params.train)
    from pipeline.training.delivery import deliver  # noqa: PLC0415 - Keras loads where networks are computed
    from pipeline.training.fitting import Split  # noqa: PLC0415

    reviews = Split(validation["token_ids"], validation["labels"])
    pictures = tuning.drawn_pictures(study, report["dataset"]["name"])
    files = [MODEL, TRAINING_CURVE, TRIALS, TRAIN_REPORT, *(STUDY_DIR / name for name in pictures)]
    with written_together(*files) as (model, curve, trials, train_report, *drawn):
        model.write_bytes(winner.network)
        whole = {**report, "calibration": deliver(model, winner.params, reviews, model)}
        write_csv(curve, [_curve_row(epoch, metrics) for epoch, metrics in enumerate(winner.curve, start=1)])
        write_csv(trials, tuning.trials_table(study))
        write_json(train_report, whole)
        for file, picture in zip(drawn, pictures.values(), strict=True):
            file.write_bytes(picture)
    for old in STUDY_DIR.glob("*.png"):
        if old.name not in pictures:  # an earlier study's
            old.unlink()
    return whole


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
