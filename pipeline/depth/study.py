"""The whole study: fit what is missing, judge the claims, draw, and report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.depth import pictures, report, tables
from pipeline.depth.findings import judge
from pipeline.depth.grid import Fit, grid, study_name
from pipeline.depth.records import Record, read_records, record_file, records_folder, write_record
from pipeline.depth.workers import run_fits
from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.ngrams import Ragged
from pipeline.evaluation.probabilities import from_columns, right
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_arrays, read_json, write_json, write_text
from pipeline.runtime.paths import DEPTH_DIR, DEPTH_REPORT, DEPTH_SUMMARY, PADDED_DATASET, padded_split
from pipeline.tracking import PipelineRun, pipeline_run
from pipeline.training.backend import choose_backend, select_backend

RUN_NAME = "depth study"
RUN_FILE = "run.json"


def run(params: Params) -> None:
    """Reads data/padded; fits what the study lacks; writes reports/depth and logs it all to MLflow.

    Raises:
        InterruptedError: after Ctrl-C; finished fits are kept, and the next run goes on with the rest.
        UserError: if the params can't be used, data/padded is missing, or a worker failed.
    """
    dataset = read_dataset(params)
    fits = grid(params.depth_study)
    for fit in fits:
        fit.configure(params)  # all are judged before any is run
    name = study_name(params, dataset)
    folder = records_folder(name)
    with pipeline_run(params, "study-depth", _earlier_run(folder, params)) as parent:
        write_json(folder / RUN_FILE, {"run_id": parent.run_id, "fits": _extent(params)})
        parent.set_tags({"mlflow.runName": RUN_NAME, "study": name, "dataset": dataset["name"]})
        logged = parent.children()
        progress = _Progress(fits, folder)

        def keep(record: Record) -> None:
            progress.finished(record)
            _log(parent, record)

        present = read_records(folder, fits)
        for record in present.values():
            if record.fit.name not in logged:
                _log(parent, record)
        print(f"depth study {name}: {len(present)} of {len(fits)} fits are there")
        try:
            run_fits(params, folder, [fit for fit in fits if fit not in present], keep)
        except KeyboardInterrupt:
            done = len(read_records(folder, fits))
            raise InterruptedError(
                f"depth study {name} was interrupted with {done} of {len(fits)} fits finished; "
                "`make depth`, or `python -m pipeline study-depth`, goes on with the rest"
            ) from None
        _deliver(params, dataset, read_records(folder, fits), parent)


def work(params: Params, names: Iterable[str]) -> None:
    """Runs the fits of these names, as they come, for the study that another process runs.

    Raises:
        UserError: if the study has no fit of such a name.
    """
    folder = records_folder(study_name(params, read_dataset(params)))
    fits = {fit.name: fit for fit in grid(params.depth_study)}
    select_backend(params.train)
    # TensorFlow takes several networks in one process, a program each, for a mistake and says so at length.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from pipeline.depth import fitting  # noqa: PLC0415 - Keras loads in the processes that fit
    from pipeline.training.fitting import Split  # noqa: PLC0415

    arrays = {split: read_arrays(padded_split(split)) for split in ("train", "validation", "test")}
    splits = {split: Split(values["token_ids"], values["labels"]) for split, values in arrays.items()}
    for name in names:
        if name not in fits:
            raise UserError(f"the depth study of params.yaml has no fit {name}")
        if not record_file(folder, fits[name]).exists():
            write_record(folder, fitting.run_fit(params, fits[name], splits))


def read_dataset(params: Params) -> dict[str, Any]:
    """data/padded/dataset.json.

    Raises:
        UserError: if it is missing, or the backend isn't the one that gradients are taken with.
    """
    choose_backend(params.train)
    if params.train.backend != "tensorflow":
        raise UserError(
            f"train.backend is {params.train.backend}, but the depth study takes its gradients with "
            "tensorflow: set train.backend to tensorflow"
        )
    if not PADDED_DATASET.exists():
        raise UserError(f"{PADDED_DATASET} is missing: run the pad stage first, or `make depth`")
    dataset: dict[str, Any] = read_json(PADDED_DATASET)
    return dataset


def _earlier_run(folder: Path, params: Params) -> str | None:
    """The parent run of the same fits, begun earlier; other fits get another run, which logs their params."""
    file = folder / RUN_FILE
    earlier = read_json(file) if file.exists() else None
    return earlier["run_id"] if earlier and earlier["fits"] == _extent(params) else None


def _extent(params: Params) -> list[str]:
    return sorted(fit.name for fit in grid(params.depth_study))


def _log(parent: PipelineRun, record: Record) -> None:
    """One fit as a child run."""
    parent.log_child(
        record.fit.name,
        record.fit._asdict() | {"parameters": record.parameters},
        record.curve,
        {**record.scores, "seconds": record.seconds, "best_epoch": record.best_epoch},
    )


def _deliver(
    params: Params, dataset: Mapping[str, Any], records: Mapping[Fit, Record], parent: PipelineRun
) -> None:
    """Judges, draws, writes and logs."""
    baseline = _baseline(params)
    findings = judge(records, dataset)
    tables.write(records, findings, DEPTH_DIR)
    drawn = pictures.write(records, dataset["name"], baseline["validation_accuracy"], DEPTH_DIR)
    write_json(DEPTH_SUMMARY, tables.summary(records, findings, baseline))
    page = report.render_report(params, dataset, records, findings, baseline, drawn)
    write_text(DEPTH_REPORT, page)
    parent.log_file(DEPTH_DIR, DEPTH_DIR.name)
    parent.log_metrics(
        {
            f"claim_{finding.claim.key}_p": finding.corrected
            for finding in findings
            if finding.corrected is not None
        }
        | {f"baseline_{key}": value for key, value in baseline.items()}
    )
    parent.set_tags({f"claim.{finding.claim.key}": finding.verdict for finding in findings})
    for finding in findings:
        print(f"{finding.verdict:>12}  {finding.claim.statement}")
    print(f"the report is {DEPTH_REPORT}")


def _baseline(params: Params) -> dict[str, float]:
    """Validation and test accuracy of the better n-gram baseline on validation."""
    arrays = {split: read_arrays(padded_split(split)) for split in ("train", "validation", "test")}
    reviews = {split: Ragged.from_padded(values["token_ids"]) for split, values in arrays.items()}
    labels = arrays["train"]["labels"]
    fitted = fit_baselines(reviews["train"], labels, params.evaluate.baseline_ngrams, params.seed)
    scores = [
        {
            f"{split}_accuracy": float(
                right(arrays[split]["labels"], from_columns(model.predict_proba(reviews[split]))).mean()
            )
            for split in ("validation", "test")
        }
        for model in fitted.values()
    ]
    return max(scores, key=lambda score: score["validation_accuracy"])


class _Progress:
    """Says after each fit how many are done and about how long the rest will take."""

    def __init__(self, fits: Sequence[Fit], folder: Path) -> None:
        self._count = len(fits)
        self._left = {fit for fit in fits if not record_file(folder, fit).exists()}
        self._done_cost = 0
        self._started = time.monotonic()

    def finished(self, record: Record) -> None:
        """Prints a line for one more fit."""
        self._left.discard(record.fit)
        self._done_cost += record.fit.cost
        seconds = (time.monotonic() - self._started) / self._done_cost * sum(fit.cost for fit in self._left)
        print(
            f"fit {self._count - len(self._left)}/{self._count}  {record.fit.name}  "
            f"validation accuracy {record.scores['validation_accuracy']:.4f} after {record.seconds:.0f} s  "
            f"about {seconds // 60:.0f}:{seconds % 60:02.0f} left"
        )
