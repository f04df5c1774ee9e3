"""MLflow: one parent run for a pipeline run, a child run for a trial, and the model registry.

The only importer of mlflow. Under `mlflow run` every process sees the project's run in
``MLFLOW_RUN_ID``; that run is then the parent run, for all stages.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import requests
import yaml

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "2")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import Metric, Param, Run, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID

from pipeline import git
from pipeline.files import read_json
from pipeline.params import Params
from pipeline.paths import METRICS, TRAIN_REPORT, project_folder
from pipeline.processes import is_gone, this_process

for _chatty in ("alembic", "mlflow.store.db.utils", "mlflow.system_metrics.system_metrics_monitor"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

CONNECT_TIMEOUT = 5.0  # seconds
OWNER_TAG = "pipeline.process"  # host/pid/start of the process that writes to the run
EVALUATED_TAG = "pipeline.evaluated"
# What MLflow's page notes when its reader says that an experiment is model training; else it asks every time.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
STUDY_TAG = "study"
REPRODUCED_TAG = "pipeline.reproduced_from"
_DIGEST_LENGTH = 36  # characters; MLflow's column for a data set's digest


def tracking_uri(params: Params) -> str:
    """MLFLOW_TRACKING_URI, else mlflow.tracking_uri, else mlflow.db in the project's folder."""
    configured = os.environ.get("MLFLOW_TRACKING_URI") or params.mlflow.tracking_uri
    return configured or f"sqlite:///{project_folder()}/mlflow.db"


def connect(params: Params) -> MlflowClient:
    """Points MLflow at the tracking store and returns a client.

    Raises:
        ValueError: if the server doesn't answer in ``CONNECT_TIMEOUT`` seconds, or the store can't be opened.
    """
    uri = tracking_uri(params)
    if uri.startswith(("http://", "https://")):
        try:
            requests.get(f"{uri.rstrip('/')}/health", timeout=CONNECT_TIMEOUT)
        except requests.RequestException as error:
            raise ValueError(
                f"the MLflow tracking server {uri} can't be reached ({type(error).__name__}): "
                "start it, or mend MLFLOW_TRACKING_URI or mlflow.tracking_uri in params.yaml"
            ) from None
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        _make_store(Path(uri.removeprefix("sqlite:///")))
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    try:
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise ValueError(f"the MLflow tracking store {uri} can't be opened: {error.message}") from None
    return client


def _make_store(path: Path) -> None:
    """A new SQLite store, whole or not at all: one killed while its tables are made could never be opened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        MlflowClient(f"sqlite:///{temporary}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was first
            path.hardlink_to(temporary)


class PipelineRun:
    """The parent run of one pipeline run, while a stage writes to it."""

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

    def log_metrics(self, values: Mapping[str, float]) -> None:
        """Logs metrics at step 0."""
        mlflow.log_metrics(dict(values), run_id=self.run_id)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets tags."""
        self.client.log_batch(self.run_id, tags=[RunTag(key, str(value)) for key, value in tags.items()])

    def log_split(self, dataset: Mapping[str, Any], split: str, features: Any, labels: Any) -> None:
        """Logs one split as an MLflow input, with the digest and the source of ``dataset.json``."""
        facts = dataset["source"]
        url = facts.get("url")
        source: DatasetSource = HTTPDatasetSource(url) if url else CodeDatasetSource(facts)  # type: ignore[no-untyped-call]
        data = from_numpy(
            features,
            targets=labels,
            source=source,
            name=f"{dataset['name']}-{split}",
            digest=dataset["padded_digest"].removeprefix("sha256:")[:_DIGEST_LENGTH],
        )
        mlflow.log_input(data, context=split)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file, or every file of a folder, as artifacts."""
        if path.is_dir():
            self.client.log_artifacts(self.run_id, str(path), folder)
        else:
            self.client.log_artifact(self.run_id, str(path), folder)

    def children(self) -> set[str]:
        """The names of its finished child runs."""
        names: set[str] = set()
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id],
                f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self.run_id}' and attributes.status = 'FINISHED'",
                page_token=token,
            )
            names |= {str(run.info.run_name) for run in page}
            token = page.token
            if not token:
                return names

    def log_child(
        self,
        name: str,
        params: Mapping[str, Any],
        curve: Sequence[Mapping[str, float]],
        metrics: Mapping[str, float],
    ) -> None:
        """A finished child run; ``curve`` holds the metrics of each epoch, which are counted from 1."""
        run_id = self.client.create_run(
            self.experiment_id,
            run_name=name,
            tags={MLFLOW_PARENT_RUN_ID: self.run_id, OWNER_TAG: this_process()},
        ).info.run_id
        now = _milliseconds()
        steps = [
            Metric(key, value, now, epoch)
            for epoch, values in enumerate(curve, start=1)
            for key, value in values.items()
        ]
        self.client.log_batch(
            run_id,
            metrics=steps + [Metric(key, value, now, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)) for key, value in params.items()],
        )
        self.client.set_terminated(run_id)

    def log_text(self, text: str, file: str) -> None:
        """Logs text as an artifact."""
        self.client.log_text(self.run_id, text, file)


def attach(params: Params, run_id: str) -> PipelineRun:
    """A run that another process keeps open, to add trials to.

    Raises:
        ValueError: if the tracking store isn't the one that holds it.
    """
    client = connect(params)
    try:
        return PipelineRun(client, client.get_run(run_id))
    except MlflowException:
        raise ValueError(
            f"{tracking_uri(params)} doesn't hold the study's run {run_id}: point MLFLOW_TRACKING_URI or "
            "mlflow.tracking_uri to the tracking server that the study logs to"
        ) from None


@contextmanager
def pipeline_run(params: Params, stage: str, trained_in: str | None = None) -> Iterator[PipelineRun]:
    """The parent run for ``stage``, RUNNING inside, FINISHED after, FAILED if the block raises.

    It is the run of `mlflow run` where there is one, else ``trained_in`` (the run that trained the model,
    unless it was evaluated before or this store doesn't know it), else a new one.
    """
    client = connect(params)
    project_run = os.environ.pop("MLFLOW_RUN_ID", None)
    end_abandoned_runs(client)
    run_id = project_run or _unless_evaluated(client, trained_in)
    experiment_id = None if run_id else _experiment_id(client, params.mlflow.experiment)
    name = None if run_id else os.environ.get("DVC_EXP_NAME")
    with mlflow.start_run(
        run_id=run_id,
        experiment_id=experiment_id,
        run_name=name,
        tags={OWNER_TAG: this_process()},
        log_system_metrics=True,
    ) as run:
        parent = PipelineRun(client, run)
        parent.log_params(params.flat())
        parent.set_tags(_provenance() | {"pipeline.stage": stage})
        try:
            yield parent
        except BaseException:
            parent.set_tags({"pipeline.failed_stage": stage})
            raise
        if stage == "evaluate":
            parent.set_tags(
                {EVALUATED_TAG: "true"} | ({"pipeline.trained_in": trained_in} if trained_in else {})
            )


def _unless_evaluated(client: MlflowClient, run_id: str | None) -> str | None:
    if run_id is None:
        return None
    try:
        run = client.get_run(run_id)
    except MlflowException:  # trained on another machine or in a store since removed
        return None
    usable = run.info.lifecycle_stage == "active" and EVALUATED_TAG not in run.data.tags
    return run_id if usable else None


def _experiment_id(client: MlflowClient, name: str) -> str:
    """The named experiment; the embedded store's artifacts lie in the project's mlruns, wherever we run."""
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    embedded = mlflow.get_tracking_uri().startswith("sqlite:")
    location = (project_folder() / "mlruns" / name).as_uri() if embedded else None
    return client.create_experiment(name, location, tags=EXPERIMENT_TAGS)


def _provenance() -> dict[str, str]:
    """Tags that lead back to the source: git commit, DVC experiment, hashes of dvc.lock's outputs."""
    tags = {
        key.lower().replace("_", ".", 1): os.environ[key] for key in ("DVC_EXP_NAME",) if key in os.environ
    }
    commit = git.head_commit()
    if commit:
        tags |= {MLFLOW_GIT_COMMIT: commit, "git.dirty": str(bool(git.changed_code())).lower()}
    lock = Path("dvc.lock")
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"] if lock.exists() else {}
    for entry in (out for stage in stages.values() for out in stage.get("outs", [])):
        tags[f"dvc.{entry['path']}"] = entry["md5"]
    return tags


def end_abandoned_runs(client: MlflowClient) -> None:
    """Ends as FAILED the runs whose process on this machine is gone: it was killed, or the power went."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    if not experiments:
        return
    mine = f"{socket.gethostname()}/"
    running = client.search_runs(
        experiments, f"attributes.status = 'RUNNING' and tags.`{OWNER_TAG}` LIKE '{mine}%'", max_results=1000
    )
    for run in running:
        if is_gone(run.data.tags[OWNER_TAG]):
            client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.FAILED))


class TrialRuns:
    """A child run for each trial; given to the study, which knows nothing of MLflow."""

    def __init__(self, parent: PipelineRun, dataset: Mapping[str, Any]) -> None:
        self._parent = parent
        self._client = parent.client
        self._dataset = dataset
        self._study = ""
        self._runs: dict[int, str] = {}

    def opened(self, study: str, finished: int) -> None:
        """Notes the study and how many trials it brought along on the parent run."""
        self._study = study
        self._parent.set_tags({STUDY_TAG: study, "study.trials_before": finished})

    def started(self, number: int, values: Mapping[str, Any], finished: int) -> None:
        """Opens the child run of trial ``number`` with the values it was given."""
        run = self._client.create_run(
            self._parent.experiment_id,
            run_name=f"trial {number}",
            tags={
                MLFLOW_PARENT_RUN_ID: self._parent.run_id,
                OWNER_TAG: this_process(),
                STUDY_TAG: self._study,
                "trial.number": str(number),
                "trial.after": str(finished),
                "dataset": self._dataset["name"],
            },
        )
        self._runs[number] = run.info.run_id
        self._client.log_batch(
            run.info.run_id, params=[Param(key, str(value)) for key, value in values.items()]
        )

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Logs the metrics of one epoch, counted from 1."""
        now = _milliseconds()
        self._client.log_batch(
            self._runs[number], [Metric(key, value, now, epoch) for key, value in metrics.items()]
        )

    def finished(self, number: int, state: str, metrics: Mapping[str, float], summary: str | None) -> None:
        """Closes the child run; ``state`` is Optuna's: COMPLETE, PRUNED or FAIL."""
        run_id = self._runs.pop(number)
        now = _milliseconds()
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
            tags=[RunTag("trial.state", state)],
        )
        if summary:
            self._client.log_text(run_id, summary, "model_summary.txt")
        self._client.set_terminated(run_id, "FAILED" if state == "FAIL" else "FINISHED")

    def lost(self, number: int) -> None:
        """Ends the run that the process of trial ``number`` left RUNNING, on whichever machine it was."""
        running = self._client.search_runs(
            [self._parent.experiment_id],
            f"attributes.status = 'RUNNING' and tags.`{STUDY_TAG}` = '{self._study}' "
            f"and tags.`trial.number` = '{number}'",
        )
        for run in running:
            self._client.set_tag(run.info.run_id, "trial.state", "FAIL")
            self._client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.FAILED))

    def repeated(self, number: int, seed: int, score: float) -> None:
        """Logs a finalist's score with another seed on the parent run; the step is the seed."""
        metric = Metric(f"trial_{number}_validation_accuracy", score, _milliseconds(), seed)
        self._client.log_batch(self._parent.run_id, [metric])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run_id in self._runs.values():  # the study was interrupted inside a trial
            self._client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def note_reproduced(params: Params) -> None:
    """Under `mlflow run`, when DVC had nothing to run: points its run to the one that has the model."""
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id is None or not (TRAIN_REPORT.exists() and METRICS.exists()):
        return
    client = connect(params)
    if EVALUATED_TAG in client.get_run(run_id).data.tags:
        return
    client.set_tag(run_id, REPRODUCED_TAG, read_json(TRAIN_REPORT)["run_id"])
    mlflow.log_metrics(read_json(METRICS), run_id=run_id)
