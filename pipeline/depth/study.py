"""The whole study: fit what is missing, judge the claims, draw, and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from pipeline import tuning
from pipeline.cluster import open_pool
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
from pipeline.runtime.interruption import interruptible
from pipeline.runtime.live import wrapped
from pipeline.runtime.paths import DEPTH_DIR, DEPTH_REPORT, DEPTH_SUMMARY, PADDED_DATASET, padded_split
from pipeline.tracking import PipelineRun, TrialRuns, pipeline_run
from pipeline.training.backend import choose_backend
from pipeline.training.task import data_of
from pipeline.tuning.progress import Progress

RUN_NAME = "depth study"
MEASURING_MODULES = ("depth/fitting.py", "depth/gradients.py", "depth/probes.py")
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
        UserError: if the params can't be used, data/padded is missing, or a fit failed.
    """
    dataset = read_dataset(params)
    params = params.of_labels(dataset["labels"])
    fitted = params.replace({"pad.vocab_size": dataset["vocab_size"]})
    fits = grid(params.depth)
    for fit in fits:
        fit.configure(params)  # all are judged before any is run
    study = tuning.open_grid(params, study_name(params, dataset), SPACE)
    in_run = pipeline_run(params, "depth", study=study.name)
    with in_run as parent, TrialRuns(parent, dataset) as trial_runs:
        parent.set_tags({"mlflow.runName": RUN_NAME, "dataset": dataset["name"]})
        records = fit_missing(fitted, fits, study, measure, Progress(params.depth.epochs, trial_runs))
        _deliver(params, dataset, records, parent)


def study_name(params: Params, dataset: Mapping[str, Any]) -> str:
    """``depth-imdb-1a2b3c4d5e6f``: the data set, and a digest of what decides the record of a fit.

    These are the padded reviews, the code, and the parameters that all fits share. A study of more cells,
    depths, skips or seeds has the same name and so keeps what is there.
    """
    set_by_study = settings(params.depth, Fit("gru", 1, "none", PLAIN, 0))
    shared = {
        key: value
        for key, value in params.flat().items()
        if key.split(".")[0] in ("seed", "model", "train", "pretrain") and key not in set_by_study
    }
    shared |= params.depth.model_dump(exclude=_EXTENT)
    code = tuning.code_version(params, *MEASURING_MODULES)
    described = {"data": dataset["padded_digest"], "code": code, "shared": shared}
    return f"depth-{tuning.base_name(dataset['name'], described)}"


def fit_missing(
    params: Params,
    fits: Sequence[Fit],
    study: tuning.Study,
    function: Callable[..., Record],
    observer: tuning.Observer,
) -> dict[Fit, Record]:
    """Runs ``function`` on those of ``fits`` that ``study`` lacks; returns the records of all.

    Raises:
        InterruptedError: after Ctrl-C; finished fits are kept.
        UserError: if a fit failed, or another process runs the study.
    """
    with tuning.held(study.folder, study.name), interruptible() as interruption:
        present = _records(study)
        missing = [fit for fit in fits if fit not in present]
        observer.opened(study.name, len(fits) - len(missing), len(fits))
        workers = params.depth.workers
        try:
            with open_pool(study.name, params.cluster, workers, len(missing), _data()) as pool:
                tuning.run_trials(
                    study, _Plan(params, study, missing, function), pool, observer, interruption
                )
        except KeyboardInterrupt:
            done = sum(fit in _records(study) for fit in fits)
            raise InterruptedError(
                f"depth study {study.name} was interrupted with {done} of {len(fits)} fits finished; "
                "`make depth`, or `python -m pipeline depth`, goes on with the rest"
            ) from None
    records = _records(study)
    failed = [fit.name for fit in fits if fit not in records]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(fits)} fits failed, for the reasons above: {', '.join(failed[:3])}; the "
            "same command tries them again"
        )
    return {fit: records[fit] for fit in fits}


class _Plan:
    """A trial for each missing fit, in the order given."""

    def __init__(
        self,
        params: Params,
        study: tuning.Study,
        missing: Sequence[Fit],
        function: Callable[..., Record],
    ) -> None:
        self._params, self._study, self._missing = params, study, list(missing)
        self.function, self.epochs = function, params.depth.epochs

    def next_trial(self) -> tuning.Trial | None:
        return self._study.ask(self._missing.pop(0)._asdict()) if self._missing else None

    def name(self, trial: tuning.Trial) -> str:
        return Fit(**trial.params).name

    def arguments(self, trial: tuning.Trial) -> tuple[Params, Fit]:
        return self._params, Fit(**trial.params)

    def keep(self, trial: tuning.Trial, value: Record) -> tuning.Result:
        counts = {"parameters": value.parameters, "best_epoch": value.best_epoch}
        metrics = {**value.scores, **counts, "fit_seconds": value.seconds}
        return tuning.Result(
            value.scores["validation_accuracy"], {"record": AS_JSON.dump_python(value, mode="json")}, metrics
        )


def _records(study: tuning.Study) -> dict[Fit, Record]:
    """Of the finished fits; of one that was tried twice, the first."""
    kept = (AS_JSON.validate_python(trial.user_attrs["record"]) for trial in reversed(study.ranked()))
    return {record.fit: record for record in kept}


def _data() -> dict[str, np.ndarray]:
    return data_of({split: read_arrays(padded_split(split)) for split in SPLITS})


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
