"""What the machine did while a stage ran: MLflow's system metrics, in a child run of their own.

In the pipeline's run MLflow's page would list them before the network's scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from mlflow import MlflowClient
from mlflow.entities import Run, RunStatus
from mlflow.exceptions import MlflowException
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.runtime.errors import UserError


@contextmanager
def watched(client: MlflowClient, parent: Run, stage: str, tags: Mapping[str, str]) -> Iterator[None]:
    """Logs processor, memory, disk, network and GPUs every few seconds while the block runs.

    The child run is called ``machine during STAGE`` and carries ``tags``.
    """
    child = client.create_run(
        parent.info.experiment_id,
        run_name=f"machine during {stage}",
        tags={MLFLOW_PARENT_RUN_ID: parent.info.run_id, **tags},
    )
    monitor = SystemMetricsMonitor(child.info.run_id)  # type: ignore[no-untyped-call]
    monitor.start()  # type: ignore[no-untyped-call]
    status = RunStatus.FAILED
    try:
        yield
        status = RunStatus.FINISHED
    finally:
        monitor.finish()  # type: ignore[no-untyped-call]
        with suppress(MlflowException, UserError):  # a lost server, of which the stage's own error tells
            client.set_terminated(child.info.run_id, RunStatus.to_string(status))
