"""The train stage: an Optuna study on the padded reviews; keeps its best network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import tracking
from pipeline.cluster.jobs import Job, call
from pipeline.cluster.pool import open_pool
from pipeline.networks.devices import describe_device
from pipeline.params import SEARCHED, Params
from pipeline.reviews.sources.files import hash_of
from pipeline.reviews.splitting import chosen_by
from pipeline.reviews.vocabulary import Vocabulary
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
    RAW_VOCABULARY,
    STUDY_DIR,
    TRAIN_REPORT,
    TRAINING_CURVE,
    TRIALS,
    padded_split,
)
from pipeline.stages import refuse_edited
from pipeline.training.delivery import deliver
from pipeline.training.preparation import prepare_data
from pipeline.training.task import fit
from pipeline.training.vector_files import read_vectors
from pipeline.tuning.explain import trials_table, write_pictures
from pipeline.tuning.progress import Progress
from pipeline.tuning.search import Winner, search, search_order
from pipeline.tuning.storage import studies_folder
from pipeline.tuning.study import SCORE, Search, open_search, score_text

Arrays = dict[str, np.ndarray]


def run(params: Params) -> None:
    """Reads data/padded; writes the model, its curve, the study's trials and pictures, reports/train.json.

    Raises:
        InterruptedError: after Ctrl-C; nothing is written, and the next run goes on with the study.
        UserError: if no trial is complete: nothing is written either. If params.yaml was edited meanwhile:
            the study isn't done then, so that it delivers the same once the values are put back.
    """
    dataset, started_with = read_json(PADDED_DATASET), params
    params = params.resolve(dataset["sizes"]["train"], dataset["max_length"]).of_labels(dataset["labels"])
    fitted = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    if params.vectors.path is not None:  # another content of the file is another study
        dataset["padded_digest"] += f" {hash_of(Path(params.vectors.path))}"
    study = open_search(fitted, dataset)
    in_run = tracking.pipeline_run(params, "train", ("pad", "tune"), study=study.name)
    with in_run as parent:
        splits = read_splits()
        for name, arrays in splits.items():
            if len(arrays["token_ids"]):
                parent.log_split(dataset, name, arrays["token_ids"], arrays.get("labels"))
        vectors, found = _vectors_of_file(fitted)
        parent.log_metrics(found)
        prepared = studies_folder() / "prepared"
        data = prepare_data(fitted, splits, dataset["padded_digest"], prepared, vectors)
        progress = Progress(parent, dataset["name"], study.score_name)
        pool = open_pool(study.name, params.cluster, params.tune.workers, study.num_missing(), data)
        with progress, pool as processes:
            with waiting("TensorFlow is loaded"):
                device = call(processes, Job("TensorFlow", describe_device, ()))
            print(device)
            winner = search(study, fit, processes, progress)
            delivery = Job("calibration", deliver, (winner.network, winner.params))
            network, calibration = call(processes, delivery)
        curve = [
            {
                "epoch": epoch,
                "training_accuracy": metrics["accuracy"],
                "validation_accuracy": metrics["validation_accuracy"],
                "training_loss": metrics["loss"],
                "validation_loss": metrics["validation_loss"],
            }
            for epoch, metrics in enumerate(winner.history, start=1)
        ]
        report = _report(parent.run_id, dataset, study, winner) | {"calibration": calibration} | found
        with replaced_together():  # the model never lies beside another one's report
            with written_whole(MODEL) as file:
                file.write_bytes(network)
            write_csv(TRAINING_CURVE, curve)
            write_csv(TRIALS, trials_table(study))
            write_pictures(study, winner.number, dataset["name"], STUDY_DIR)
            write_json(TRAIN_REPORT, report)
        scores = {key: value for key, value in report.items() if key.startswith("validation_")}
        parent.log_metrics({key: value for key, value in scores.items() if isinstance(value, float)})
        of_data = {"dataset": dataset["name"], tracking.DIGEST_TAG: dataset["digest"]}
        parent.set_tags({"trial.best": winner.number, **of_data})
        parent.log_network(report)
        parent.log_curve(curve)
        for file in (TRAINING_CURVE, TRIALS, TRAIN_REPORT):
            parent.log_file(file)
        parent.log_file(STUDY_DIR, STUDY_DIR.name)
        refuse_edited("train", started_with)
        study.set_attribute("delivered", True)
        of_winner = {SCORE: winner.best[SCORE], study.score_name: study.score(winner.best)}
        said = ", ".join(score_text(*each) for each in of_winner.items())
        print(f"best trial {winner.number}: validation {said} on {dataset['name']}")


def _vectors_of_file(params: Params) -> tuple[np.ndarray | None, dict[str, float]]:
    """The word vectors of ``vectors.path``, if it names a file, and the share of words that it has."""
    if params.vectors.path is None:
        return None, {}
    with waiting(f"word vectors are read from {params.vectors.path}"):
        vectors, share = read_vectors(params, Vocabulary.load(RAW_VOCABULARY).words)
    print(f"word vectors of {params.vectors.path}: {share:.1%} of the vocabulary's words")
    return vectors, {"vectors_found": share}


def read_splits() -> dict[str, Arrays]:
    """The padded reviews to fit to (``train``, ``unlabelled``) and to select by (``validation``).

    Of the validation reviews those that are held back for the comparison with a champion are left out.
    """
    splits = {name: read_arrays(padded_split(name)) for name in ("train", "validation", "unlabelled")}
    return splits | {"validation": chosen_by(splits["validation"])}


def _report(run_id: str, dataset: Mapping[str, Any], study: Search, winner: Winner) -> dict[str, Any]:
    report = {
        "run_id": run_id,
        "dataset": {key: dataset[key] for key in ("name", "requested", "digest")},
        "study": study.name,
        "trials": study.counts(),
        "search_order": search_order(study.params),
        "trial": winner.number,
        "params": winner.params.flat(*SEARCHED),
        "objective": study.params.tune.objective,
        "best_epoch": winner.best_epoch,
        **{name: winner.best[name] for name in ("validation_accuracy", "validation_loss")},
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
