"""The whole study: fit what is missing, judge the claims, draw, and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from pipeline import tuning
from pipeline.depth import pictures, report, tables
from pipeline.depth.findings import judge
from pipeline.depth.grid import PLAIN, VARIANTS, Fit, grid, settings
from pipeline.depth.learning import guess_scores
from pipeline.depth.records import AS_JSON, Record
from pipeline.depth.task import SPLITS, measure
from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.ngrams import Ragged
from pipeline.evaluation.probabilities import from_columns, right
from pipeline.params import Cell, Params, Skip
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_arrays, read_json, write_json, write_text
from pipeline.runtime.live import wrapped
from pipeline.runtime.paths import DEPTH_DIR, DEPTH_REPORT, DEPTH_SUMMARY, PADDED_DATASET, padded_split
from pipeline.tracking import PipelineRun, TrialRuns, pipeline_run
from pipeline.training.backend import choose_backend
from pipeline.training.task import Data, data_of
from pipeline.tuning.progress import Progress

RUN_NAME = "depth study"
MEASURING_MODULES = tuple(f"depth/{name}.py" for name in ("fitting", "gradients", "grid", "probes", "task"))
_AGAIN = "`make depth`, or `python -m pipeline depth`,"
# What says which networks there are, and not what one of them is.
_EXTENT = {"cells", "depths", "skips", "seeds", "workers"}
# What a fit may be, also in a later and larger study: its place among the trials.
SPACE: tuning.SearchSpace = tuning.grid_space(
    cell=get_args(Cell), depth=(1, 99), skip=get_args(Skip), variant=VARIANTS, seed=(0, 10**6)
)


def run(params: Params) -> None:
    """Reads data/padded; fits what the study lacks; writes reports/depth and logs it all to MLflow.

    Raises:
        InterruptedError: after Ctrl-C; finished fits are kept, and the next run goes on with the rest.
        UserError: if the params can't be used, or a fit failed.
    """
    choose_backend(params.train)
    if params.train.backend != "tensorflow":
        raise UserError(
            f"train.backend is {params.train.backend}, but the depth study takes its gradients with "
            "tensorflow: set train.backend to tensorflow"
        )
    dataset = read_json(PADDED_DATASET)
    params = params.of_labels(dataset["labels"])
    fitted = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    for fit in grid(params.depth):
        fit.configure(params)  # all are judged before any is run
    version = tuning.code_version(params, *MEASURING_MODULES)
    study = tuning.open_grid(fitted, f"depth-{dataset['name']}", identity(params, dataset), SPACE, version)
    in_run = pipeline_run(params, "depth", study=study.name)
    with in_run as parent, TrialRuns(parent, dataset) as trial_runs:
        parent.set_tags({"mlflow.runName": RUN_NAME, "dataset": dataset["name"]})
        data = data_of({split: read_arrays(padded_split(split)) for split in SPLITS})
        _deliver(params, dataset, measured(study, data, Progress(params.depth.epochs, trial_runs)), parent)


def identity(params: Params, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the record of a fit: the padded reviews and the parameters that all fits share.

    A study of more cells, depths, skips or seeds has the same and so keeps what is there.
    """
    set_by_study = settings(params.depth, Fit("gru", 1, "none", PLAIN, 0))
    decisive = params.flat("seed", "model", "train", "pretrain")
    shared = {key: value for key, value in decisive.items() if key not in set_by_study}
    return {"data": dataset["padded_digest"], "shared": shared | params.depth.model_dump(exclude=_EXTENT)}


def measured(
    study: tuning.Study, data: Data, observer: tuning.Observer, function: Callable[..., Record] = measure
) -> dict[Fit, Record]:
    """The record of every fit that the study's params ask for; ``function`` makes those that it lacks."""
    params = study.params
    fits = grid(params.depth)
    points = [tuning.Point(fit.name, fit._asdict(), (params, fit)) for fit in fits]
    asked = tuning.Grid(points, function, params.depth.epochs, _kept, data, params.depth.workers, _AGAIN)
    found = tuning.run_grid(study, asked, observer)
    return {fit: AS_JSON.validate_python(record) for fit, record in zip(fits, found, strict=True)}


def _kept(record: Record) -> tuning.Result:
    counts = {"parameters": record.parameters, "best_epoch": record.best_epoch}
    metrics = {**record.scores, **counts, "fit_seconds": record.seconds}
    attributes = {tuning.RECORD: AS_JSON.dump_python(record, mode="json")}
    return tuning.Result(record.scores["validation_accuracy"], attributes, metrics)


def _deliver(
    params: Params, dataset: Mapping[str, Any], records: Mapping[Fit, Record], parent: PipelineRun
) -> None:
    """Judges, draws, writes and logs."""
    baseline = _baseline(params)
    findings = judge(records, dataset)
    tables.write(records, findings, DEPTH_DIR)
    drawn = pictures.write(records, dataset["name"], baseline["validation_accuracy"], DEPTH_DIR)
    write_json(DEPTH_SUMMARY, tables.summary(records, findings, baseline, guess_scores(dataset)))
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
        print(wrapped(f"{finding.verdict:>12}  {finding.claim.statement}"))
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
