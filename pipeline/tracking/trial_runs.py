"""A child run for each trial of a study."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from mlflow.entities import Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import this_process
from pipeline.tracking.runs import OWNER_TAG, STUDY_TAG, PipelineRun, milliseconds

_STATUS = {
    "COMPLETE": "FINISHED",
    "PRUNED": "KILLED",
    "FAIL": "FAILED",
}  # Optuna: MLflow


class TrialRuns:
    """A child run for each trial; given to the study, which knows nothing of MLflow."""

    def __init__(
        self, parent: PipelineRun, dataset: Mapping[str, Any], score_name: str = "validation_accuracy"
    ) -> None:
        self._parent, self._score_name = parent, score_name
        self._client = parent.client
        self._dataset = dataset
        self._study = ""
        self._runs: dict[int, str] = {}

    def opened(self, study: str, finished: int, wanted: int) -> None:
        """Notes the study and how many trials it brought along on the parent run."""
        self._study = study
        self._parent.set_tags({STUDY_TAG: study, "study.trials_before": finished})

    def started(self, number: int, name: str, values: Mapping[str, Any], finished: int) -> None:
        """Opens the child run of trial ``number`` with the values it was given."""
        run = self._client.create_run(
            self._parent.experiment_id,
            run_name=name,
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
        now = milliseconds()
        self._client.log_batch(
            self._runs[number], [Metric(key, value, now, epoch) for key, value in metrics.items()]
        )

    def within(self, number: int, epoch: int, share: float) -> None:
        """Logs nothing of an epoch that isn't over."""

    def wrote(self, number: int, texts: Mapping[str, str]) -> None:
        """Logs each as an artifact of the child run."""
        for name, text in texts.items():
            self._client.log_text(self._runs[number], text, name)

    def finished(self, number: int, state: str, metrics: Mapping[str, float], reason: str | None) -> None:
        """Closes the child run; ``state`` is Optuna's: COMPLETE, PRUNED or FAIL."""
        now = milliseconds()
        tags = {"trial.state": state} | ({"trial.reason": reason} if reason else {})
        self._client.log_batch(
            self._runs[number],
            metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        self._client.set_terminated(self._runs.pop(number), _STATUS[state])

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
        metric = Metric(f"trial_{number}_{self._score_name}", score, milliseconds(), seed)
        self._client.log_batch(self._parent.run_id, [metric])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(MlflowException, UserError):  # the server may be what was lost; the first error says so
            for run_id in self._runs.values():  # the study was interrupted inside a trial
                self._client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
