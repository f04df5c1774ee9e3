"""A saved view of MLflow's run table, with the scores as its first columns; MLflow's own choice has none."""

from __future__ import annotations

import json

from mlflow import MlflowClient

KEY = "scores"  # of the view, in the page's address
_TAG = f"mlflow.sharedViewState.{KEY}"  # where MLflow's pages keep a view that they save
_WIDTHS = {  # of the columns in their order, in pixels
    "attributes.`Run Name`": 320,
    "runDateAndNestInfo": 150,  # MLflow's name of the column "Created"
    "metrics.`test_accuracy`": 120,
    "metrics.`test_accuracy_of_baseline`": 200,
    "metrics.`validation_accuracy`": 150,
    "attributes.`Models`": 240,
}
_STATE = {"selectedColumns": list(_WIDTHS), "columnOrder": list(_WIDTHS), "columnWidths": _WIDTHS}
VIEW_TAGS = {
    _TAG: json.dumps({"name": "Scores", "createdAt": 0, "updatedAt": 0, "state": json.dumps(_STATE)})
}


def offer_view(client: MlflowClient, experiment_id: str) -> None:
    """Gives an experiment the view; one made before it was, or by `mlflow run`, lacks it."""
    if _TAG not in client.get_experiment(experiment_id).tags:
        client.set_experiment_tag(experiment_id, _TAG, VIEW_TAGS[_TAG])
