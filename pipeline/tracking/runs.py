"""The parent run of a pipeline run, and what is logged to it.

Under `mlflow run` every process sees the project's run in ``MLFLOW_RUN_ID``; that run is then the parent
run, for all stages.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from pipeline.params import PARAMS_FILE, Params, Value
from pipeline.runtime import source as git
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json
from pipeline.runtime.interruption import uninterrupted
from pipeline.runtime.machine import forget, is_gone, this_process
from pipeline.runtime.paths import METRICS, TRAIN_REPORT, project_folder
from pipeline.runtime.source import DVC_LOCK, upstream_lock
from pipeline.tracking.store import RefusedError, connect, plain_errors

OWNER_TAG = "pipeline.process"  # the process that writes to the run
EVALUATED_TAG = "pipeline.evaluated"
STAGE_TAG = "pipeline.stage"
FAILED_TAG = "pipeline.failed_stage"
TRAINED_TAG = "pipeline.trained_in"
REPRODUCED_TAG = "pipeline.reproduced_from"
STUDY_TAG = "study"
DIGEST_TAG = "dataset.digest"
_REPRODUCED = ("test_accuracy", "test_roc_auc", "test_log_loss")
_DIGEST_LENGTH = 36  # characters; MLflow's column for a data set's digest

# A saved view of MLflow's run table, with the scores as its first columns; MLflow's own choice has none.
VIEW = "scores"  # in the page's address
_VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"  # where MLflow's pages keep a view that they save
_WIDTHS = {  # of the columns in their order, in pixels
    "attributes.`Run Name`": 320,
    "runDateAndNestInfo": 150,  # MLflow's name of the column "Created"
    "metrics.`test_accuracy`": 120,
    "metrics.`test_accuracy_of_baseline`": 200,
    "metrics.`validation_accuracy`": 150,
    "attributes.`Models`": 240,
}
_STATE = {"selectedColumns": list(_WIDTHS), "columnOrder": list(_WIDTHS), "columnWidths": _WIDTHS}
_EXPERIMENT_TAGS = {
    # What MLflow's page notes when its reader says that this is model training; else it asks each time.
    "mlflow.experimentKind": "custom_model_development",
    _VIEW_TAG: json.dumps({"name": "Scores", "createdAt": 0, "updatedAt": 0, "state": json.dumps(_STATE)}),
}


class PipelineRun:
    """The run of one pipeline run, or of a trial beneath it, while a stage writes to it."""

    def __init__(self, client: MlflowClient, run: Run) -> None:
        self.client = client
        self.run_id: str = run.info.run_id
        self.experiment_id: str = run.info.experiment_id
        self._logged = set(run.data.params)

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Logs parameters; one that the run has already keeps its value, since MLflow never changes one."""
        new = {key: value for key, value in values.items() if key not in self._logged}
        self._logged |= set(new)
        self.client.log_batch(self.run_id, params=[Param(key, str(value)) for key, value in new.items()])

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        self._log_points((key, value, step) for key, value in values.items())

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        self.client.log_batch(self.run_id, tags=[RunTag(key, str(value)) for key, value in tags.items()])

    def describe(self, text: str) -> None:
        """Sets the run's description, which MLflow's page shows as Markdown."""
        self.set_tags({MLFLOW_RUN_NOTE: text})

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file, or every file of a folder, as artifacts."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(self.run_id, str(path), folder)

    def log_text(self, text: str, file: str) -> None:
        self.client.log_text(self.run_id, text, file)

    def log_network(self, trained: Mapping[str, Any]) -> None:
        """Logs which network the run is about, of reports/train.json: its values, and the run's name."""
        self.log_params(trained["params"])
        name = f"{network_name(trained['params'])}, {trained['validation_accuracy']:.3f}"
        experiment = os.environ.get("DVC_EXP_NAME")
        self.client.update_run(self.run_id, name=f"{name} ({experiment})" if experiment else name)

    @uninterrupted()
    def log_curve(self, curve: Sequence[Mapping[str, float]]) -> None:
        """Logs the metrics of each epoch, from 1, as epoch/NAME: as NAME MLflow would show the last one."""
        self._log_points(
            (f"epoch/{key}", value, epoch)
            for epoch, values in enumerate(curve, start=1)
            for key, value in values.items()
            if key != "epoch"  # which is the step
        )

    def _log_points(self, points: Iterable[tuple[str, float, int]]) -> None:
        now = time.time_ns() // 1_000_000  # as MLflow counts time
        metrics = [Metric(key, value, now, step) for key, value, step in points]
        self.client.log_batch(self.run_id, metrics=metrics)

    @uninterrupted()
    def log_split(self, dataset: Mapping[str, Any], split: str, features: Any, labels: Any) -> None:
        """Logs one split as an MLflow input, with the digest and the source of ``dataset.json``."""
        url = dataset["source"].get("url")
        source: DatasetSource = (
            HTTPDatasetSource(url) if url else CodeDatasetSource(dataset["source"])  # type: ignore[no-untyped-call]
        )
        digest = dataset["padded_digest"].removeprefix("sha256:")[:_DIGEST_LENGTH]
        name = f"{dataset['name']}-{split}"
        mlflow.log_input(from_numpy(features, source, labels, name, digest), context=split)

    def start_child(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> PipelineRun:
        """A run beneath this one, RUNNING until ``end`` is called."""
        tags = {MLFLOW_PARENT_RUN_ID: self.run_id, OWNER_TAG: this_process(), **tags}
        child = PipelineRun(self.client, self.client.create_run(self.experiment_id, run_name=name, tags=tags))
        child.log_params(params)
        return child

    def end(self, status: str) -> None:
        self.client.set_terminated(self.run_id, status)

    def cut_short(self) -> None:
        """Ends it as KILLED, unless the server is what was lost: the first error says so."""
        with suppress(MlflowException, UserError):
            self.end("KILLED")

    def end_lost_trial(self, study: str, number: int) -> None:
        """Ends the run that the process of trial ``number`` left RUNNING, on whichever machine it was."""
        running = self.client.search_runs(
            [self.experiment_id],
            f"attributes.status = 'RUNNING' and tags.`{STUDY_TAG}` = '{study}' "
            f"and tags.`trial.number` = '{number}'",
        )
        for run in running:
            self.client.set_tag(run.info.run_id, "trial.state", "FAIL")
            self.client.set_terminated(run.info.run_id, "FAILED")


@contextmanager
def pipeline_run(
    params: Params,
    stage: str,
    sections: Sequence[str] = (),
    trained_in: str | None = None,
    study: str | None = None,
) -> Iterator[PipelineRun]:
    """The parent run for ``stage``, RUNNING inside, FINISHED after, FAILED if the block raises.

    Args:
        params: all of params.yaml, which the run gets as an artifact.
        stage: its name.
        sections: the parameters that MLflow's tables show beside seed and source. Those of the network come
            with ``log_network``: they are the winner's.
        trained_in: the run that trained the model, which goes on unless it was evaluated before or this store
            doesn't know it. That of `mlflow run` goes before it.
        study: the name of the stage's study; the run in which it was cut short goes on.

    Raises:
        UserError: if MLFLOW_RUN_ID names a run of another store, the experiment was deleted, or a server
            lets this user write to none.
    """
    client = connect(params)
    end_abandoned_runs(client)
    shown = params.flat("seed", "data.source", *sections)
    settings: dict[str, Any] = {"run_id": _known_run(client, trained_in)}
    if settings["run_id"] is None:
        experiment_id = _experiment_id(client, params.mlflow.experiment)
        settings["run_id"] = _run_cut_short(client, experiment_id, stage, study, shown) if study else None
    if settings["run_id"] is None:
        name = os.environ.get("DVC_EXP_NAME", stage)
        settings |= {"experiment_id": experiment_id, "run_name": name}
    owner = {OWNER_TAG: this_process()}
    with _active_run(client, **settings, tags=owner) as run, _watch(client, run, stage, owner):
        parent = PipelineRun(client, run)
        if FAILED_TAG in run.data.tags:  # of an earlier attempt
            client.delete_tag(run.info.run_id, FAILED_TAG)
        parent.log_params(shown)
        parent.set_tags(_provenance() | {STAGE_TAG: stage})
        parent.log_text(yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False), PARAMS_FILE.name)
        if lock := upstream_lock(stage):
            parent.log_text(yaml.safe_dump(lock, sort_keys=False), DVC_LOCK.name)
        try:
            yield parent
        except BaseException:
            parent.set_tags({FAILED_TAG: stage})
            raise
        if stage == "evaluate":
            elsewhere = trained_in and trained_in != parent.run_id
            parent.set_tags({EVALUATED_TAG: "true"} | ({TRAINED_TAG: trained_in} if elsewhere else {}))


@contextmanager
def _active_run(client: MlflowClient, **settings: Any) -> Iterator[Run]:
    """``mlflow.start_run``, whose beginning and end Ctrl-C doesn't cut short; see ``store.Client``."""
    with uninterrupted(), plain_errors(mlflow.get_tracking_uri()):
        run = mlflow.start_run(**settings)

    def end(status: str) -> None:
        mlflow.end_run(status)
        mine = f"attributes.status = 'RUNNING' and tags.`{OWNER_TAG}` = '{this_process()}'"
        if not client.search_runs([run.info.experiment_id], mine, max_results=1):
            forget(this_process())

    with _end_with(end):
        yield run


@contextmanager
def _end_with(end: Callable[[str], object]) -> Iterator[None]:
    """Calls ``end`` with FINISHED; with FAILED after an error, which a lost server's doesn't replace."""
    try:
        yield
    except BaseException:
        with uninterrupted(), suppress(MlflowException, UserError):
            end("FAILED")
        raise
    with uninterrupted():
        end("FINISHED")


@contextmanager
def _watch(client: MlflowClient, parent: Run, stage: str, tags: Mapping[str, str]) -> Iterator[None]:
    """Logs processor, memory, disk, network and GPUs every few seconds while the block runs.

    In a child run, `machine during STAGE`: in the pipeline's run MLflow's page would list them before the
    network's scores.
    """
    tags = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, **tags}
    child = client.create_run(parent.info.experiment_id, run_name=f"machine during {stage}", tags=tags)
    monitor = SystemMetricsMonitor(child.info.run_id)  # type: ignore[no-untyped-call]
    monitor.start()  # type: ignore[no-untyped-call]
    with _end_with(partial(client.set_terminated, child.info.run_id)):
        try:
            yield
        finally:
            monitor.finish()  # type: ignore[no-untyped-call]


def _known_run(client: MlflowClient, trained_in: str | None) -> str | None:
    """The run of `mlflow run`; else ``trained_in``, if this store has it and it wasn't evaluated."""
    given = os.environ.pop("MLFLOW_RUN_ID", None)  # later stages of this process look again
    run = None
    if run_id := given or trained_in:
        with suppress(MlflowException, RefusedError):
            run = client.get_run(run_id)
    if given:
        if run is None:
            store = mlflow.get_tracking_uri()
            raise UserError(f"MLFLOW_RUN_ID names the run {given}, but {store} has no such run: unset it")
        return given
    usable = run and run.info.lifecycle_stage == "active" and EVALUATED_TAG not in run.data.tags
    return trained_in if usable else None


def _run_cut_short(
    client: MlflowClient, experiment_id: str, stage: str, study: str, shown: Mapping[str, Value]
) -> str | None:
    """The last run that had ``study``, if it was killed or interrupted and its parameters were these."""
    of_study = f"tags.`{STUDY_TAG}` = '{study}' and tags.`{STAGE_TAG}` = '{stage}'"
    newest = ["attributes.start_time DESC"]
    for run in client.search_runs([experiment_id], of_study, max_results=1, order_by=newest):
        same = all(run.data.params.get(key, str(value)) == str(value) for key, value in shown.items())
        if same and run.info.status in ("FAILED", "KILLED"):  # one that is RUNNING is another process'
            return str(run.info.run_id)
    return None


def _experiment_id(client: MlflowClient, name: str) -> str:
    """The named experiment; an embedded store's artifacts lie in the project's mlruns, wherever we run."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        embedded = mlflow.get_tracking_uri().startswith("sqlite:")
        location = (project_folder() / "mlruns" / name).as_uri() if embedded else None
        return client.create_experiment(name, location, tags=_EXPERIMENT_TAGS)
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"the MLflow experiment {name} of {mlflow.get_tracking_uri()} was deleted: restore it with "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, "
            "or give mlflow.experiment another name"
        )
    return str(experiment.experiment_id)


def _provenance() -> dict[str, str]:
    """Tags that lead back to the source: git commit and DVC experiment."""
    tags = {"dvc.exp_name": os.environ["DVC_EXP_NAME"]} if "DVC_EXP_NAME" in os.environ else {}
    if commit := git.head_commit():
        tags |= {MLFLOW_GIT_COMMIT: commit, "git.dirty": str(bool(git.changed_code())).lower()}
    return tags


def offer_view(client: MlflowClient, experiment_id: str) -> None:
    """Gives an experiment the view of its scores; one that `mlflow run` has made lacks it.

    Where somebody else's may only be read, it stays without.
    """
    if _VIEW_TAG not in client.get_experiment(experiment_id).tags:
        with suppress(RefusedError):
            client.set_experiment_tag(experiment_id, _VIEW_TAG, _EXPERIMENT_TAGS[_VIEW_TAG])


def end_abandoned_runs(client: MlflowClient) -> None:
    """Ends as FAILED the runs whose process on this folder is gone: it was killed, or the power went.

    On a server, another user's may be out of our reach: they are left as they are.
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    mine = f"attributes.status = 'RUNNING' and tags.`{OWNER_TAG}` LIKE '%'"
    gone, refused = set(), set()
    for run in client.search_runs(experiments, mine, max_results=1000) if experiments else ():
        if is_gone(owner := run.data.tags[OWNER_TAG]):
            gone.add(owner)
            try:
                client.set_terminated(run.info.run_id, "FAILED")
            except RefusedError:
                refused.add(owner)
    for owner in gone - refused:
        forget(owner)


def note_reproduced(params: Params) -> None:
    """Under `mlflow run`, when DVC had nothing to run: points its run to the one that has the model."""
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id is None or not (TRAIN_REPORT.exists() and METRICS.exists()):
        return
    client = connect(params)
    if EVALUATED_TAG in client.get_run(run_id).data.tags:
        return
    client.set_tag(run_id, REPRODUCED_TAG, read_json(TRAIN_REPORT)["run_id"])
    measured = read_json(METRICS)
    mlflow.log_metrics({name: measured[name] for name in _REPRODUCED}, run_id=run_id)


def network_name(params: Mapping[str, Any]) -> str:
    """Of values under dotted keys what tells two networks apart at a glance: ``bidirectional lstm 64-32``."""
    units, depth = params["model.units"], params["model.depth"]
    size = f"{depth}x{units}" if isinstance(units, int) else "-".join(map(str, units))
    direction = "bidirectional " if params["model.bidirectional"] else ""
    skip = "" if params["model.skip"] == "none" else f" {params['model.skip']}"
    return f"{direction}{params['model.cell']} {size}{skip}"
