"""Two runs beside each other: the difference is that on the reviews that both kept."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, RunData, RunInfo, RunTag

from pipeline.commands.compare import _settings
from pipeline.evaluation.promotion import Predictions
from pipeline.registry.comparing import Difference, EvaluatedRun, compare_runs, difference, same_data
from two_labels import both


def kept(rows: list[int], labels: list[int], probabilities: list[float]) -> Predictions:
    return Predictions(np.array(rows), np.array(labels), both(probabilities))


def test_only_shared_reviews_count_and_only_those_that_one_alone_has_right_tell_apart() -> None:
    first = kept([5, 3, 9, 7, 1], [1, 0, 1, 1, 0], [0.9, 0.1, 0.8, 0.7, 0.9])
    second = kept([7, 9, 3, 2, 5], [1, 1, 0, 1, 1], [0.2, 0.6, 0.4, 0.1, 0.1])
    # Shared 3, 5, 7, 9: the first has all right, the second 3 and 9. Two tell apart, both for the first:
    # the exact interval of 2 of 2 is [0.025 ** (1 / 2), 1].
    found = difference(first, second)
    assert found is not None
    assert (found.accuracy, found.reviews) == (0.5, 4)
    assert found.low == pytest.approx((2 * np.sqrt(0.025) - 1) * 2 / 4)
    assert found.high == pytest.approx(0.5)
    swapped = difference(second, first)
    assert swapped is not None
    assert (swapped.accuracy, swapped.low, swapped.high) == (-0.5, -0.5, -found.low)


def test_runs_that_agree_or_share_nothing() -> None:
    run = kept([1, 2], [0, 1], [0.2, 0.6])
    assert difference(run, run) == Difference(0.0, 0.0, 0.0, 2)
    assert difference(run, kept([3], [1], [0.9])) is None


def test_runs_share_their_reviews_whatever_vocabulary_they_have() -> None:
    """Padded reviews of another vocabulary have another digest."""

    def run(digest: str) -> Run:
        info = RunInfo("1", "1", "me", "FINISHED", 0, 1, "active")
        return Run(info, RunData(tags=[RunTag("dataset", "mine"), RunTag("dataset.digest", digest)]))

    assert same_data(run("sha256:1"), run("sha256:1"))
    assert not same_data(run("sha256:1"), run("sha256:2"))


def test_what_differs_is_said_in_short() -> None:
    settings = {"model.dropout": "0.39449263258102085", "model.units": "64", "train.patience": "None"}
    settings |= {"model.cell": "gru", "train.clipnorm": ""}
    row = EvaluatedRun("1", "gru 2x64, 0.850", "mine", 0.85, 0.84, None, settings)
    assert _settings(row) == "dropout 0.3945, units 64, patience null, cell gru"


def test_every_section_of_params_yaml_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word vectors and soft labels among them; what `mlflow run` logs of its own isn't."""
    store = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    client = MlflowClient(store)
    for number in range(2):
        run_id = client.create_run("0", tags={"dataset": "mine"}).info.run_id
        client.log_metric(run_id, "test_accuracy", 0.8 + number / 100)
        values = {"vectors.epochs": number, "distill.epochs": 2 * number, "model.units": 8, "depth": number}
        for key, value in values.items():
            client.log_param(run_id, key, value)
        client.set_terminated(run_id)
    best, other = compare_runs(client, "mine", 10)
    assert best.settings == {"vectors.epochs": "1", "distill.epochs": "2"}
    assert other.settings == {"vectors.epochs": "0", "distill.epochs": "0"}
