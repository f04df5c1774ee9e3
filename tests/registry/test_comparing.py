"""Two runs beside each other: the difference is that on the reviews that both kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from mlflow.entities import Run, RunData, RunInfo, RunTag

from pipeline import tracking
from pipeline.commands.compare import compare
from pipeline.evaluation.promotion import Predictions
from pipeline.params import Params
from pipeline.registry.comparing import Difference, compare_runs, difference, same_data
from plain import plain_text
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


@pytest.mark.usefixtures("store_here")
def test_every_section_of_params_yaml_is_compared_and_what_differs_said_in_short(params: Params) -> None:
    """Word vectors and soft labels among them; what `mlflow run` logs of its own isn't."""
    Path("params.yaml").write_text(plain_text())
    client = tracking.connect(params)
    runs: list[dict[str, Any]] = [
        {"model.dropout": 0.5, "train.patience": 3, "vectors.epochs": 0, "depth": 2},
        {"model.dropout": 0.39449263258102085, "train.patience": None, "vectors.epochs": 1, "depth": 3},
    ]
    for number, values in enumerate(runs):
        run_id = client.create_run("0", run_name=f"run {number}", tags={"dataset": "mine"}).info.run_id
        client.log_metric(run_id, "test_accuracy", 0.8 + number / 100)
        for key, value in (values | {"model.cell": "gru"}).items():
            client.log_param(run_id, key, value)
        client.set_terminated(run_id)
    best, other = compare_runs(client, "mine", 10)
    assert list(best.settings) == ["model.dropout", "train.patience", "vectors.epochs"]
    assert other.settings == {"model.dropout": "0.5", "train.patience": "3", "vectors.epochs": "0"}
    said = [line.strip() for line in CliRunner().invoke(compare).output.splitlines()]
    assert said.index("run 1: dropout 0.3945, patience null, epochs 1") < said.index(
        "run 0: dropout 0.5, patience 3, epochs 0"
    )
