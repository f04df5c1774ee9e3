"""MLflow: one parent run for a pipeline run, a child run for a trial."""

# ruff: noqa: F401 - what the other rooms take from here

import logging
import os

# Before mlflow is imported, which reads them.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")  # half a minute; MLflow's own 7 are four
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from pipeline.tracking.runs import DIGEST_TAG, PipelineRun, note_reproduced, pipeline_run
from pipeline.tracking.store import RefusedError, connect, settle_address, tracking_uri

for _chatty in ("mlflow.pyfunc", "alembic"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)
# They tell of a lost server, and of a full disk with a traceback; the stage's own error does so in a line.
for _alarmed in ("mlflow.system_metrics.system_metrics_monitor", "mlflow.store.db.utils"):
    logging.getLogger(_alarmed).setLevel(logging.CRITICAL)
