"""The runs of a pipeline run: what is logged, and how they end."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from sqlalchemy import event
from sqlalchemy.engine import Engine

from pipeline import tracking
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import this_process
from pipeline.tracking.runs import OWNER_TAG, end_abandoned_runs, network_name
from pipeline.training.task import Epoch
from pipeline.tuning.progress import Progress

DATASET = {
    "name": "tiny",
    "source": {"url": "http://127.0.0.1/reviews.npz"},
    "padded_digest": "sha256:" + "0123456789abcdef" * 4,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: bytes) -> str:
    """One for all tests."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    path.write_bytes(empty_store)
    return f"sqlite:///{path}"


@pytest.fixture(autouse=True)
def client(store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    return MlflowClient(store)


def status(client: MlflowClient, run_id: str) -> str:
    return str(client.get_run(run_id).info.status)


def children_of(client: MlflowClient, run: tracking.PipelineRun, named: str) -> list[Run]:
    inside = f"tags.`mlflow.parentRunId` = '{run.run_id}' and attributes.run_name LIKE '{named}%'"
    return list(client.search_runs([run.experiment_id], inside))


def test_a_run_is_finished_after_its_stage_and_failed_after_an_error(
    params: Params, client: MlflowClient
) -> None:
    """So is the one of what the machine did: in the pipeline's run MLflow's page would show it first."""
    with tracking.pipeline_run(params, "train") as run:
        (machine,) = children_of(client, run, "machine during train")
        assert status(client, run.run_id) == machine.info.status == "RUNNING"
    assert status(client, run.run_id) == status(client, machine.info.run_id) == "FINISHED"
    assert client.get_run(run.run_id).data.metrics == {}
    with pytest.raises(ZeroDivisionError), tracking.pipeline_run(params, "train") as run:
        raise ZeroDivisionError
    (machine,) = children_of(client, run, "machine during train")
    assert status(client, run.run_id) == machine.info.status == "FAILED"
    assert client.get_run(run.run_id).data.tags["pipeline.failed_stage"] == "train"


def test_evaluate_goes_on_in_the_run_that_trained_but_only_once(params: Params, client: MlflowClient) -> None:
    with tracking.pipeline_run(params, "train") as trained:
        pass
    with tracking.pipeline_run(params, "evaluate", trained_in=trained.run_id) as first:
        assert first.run_id == trained.run_id
    with tracking.pipeline_run(params, "evaluate", trained_in=trained.run_id) as second:
        assert second.run_id != trained.run_id
    assert client.get_run(second.run_id).data.tags["pipeline.trained_in"] == trained.run_id
    elsewhere = "f" * 32
    with tracking.pipeline_run(params, "evaluate", trained_in=elsewhere) as unknown:
        assert unknown.run_id not in (trained.run_id, second.run_id, elsewhere)


def test_a_study_that_was_cut_short_goes_on_in_its_run(params: Params, client: MlflowClient) -> None:
    def attempt(params: Params, study: str, error: type[BaseException] | None = KeyboardInterrupt) -> str:
        with (
            suppress(KeyboardInterrupt),
            tracking.pipeline_run(params, "train", ("tune",), study=study) as run,
        ):
            run.set_tags({"study": study})
            if error:
                raise error
        return run.run_id

    more = params.replace({"tune.trials": 99})
    first = attempt(params, "cut-1")
    assert attempt(params, "cut-2") != first  # another study
    other = attempt(more, "cut-1")
    assert other != first  # MLflow would keep the first one's number of trials
    assert attempt(more, "cut-1", error=None) == other
    assert status(client, other) == "FINISHED"
    assert "pipeline.failed_stage" not in client.get_run(other).data.tags
    assert attempt(more, "cut-1", error=None) not in (first, other)  # that was finished


def test_under_mlflow_run_every_stage_writes_to_the_projects_run(
    params: Params, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_run = client.create_run("0").info.run_id
    client.log_param(project_run, "depth", "2")
    for stage in ("train", "evaluate"):
        monkeypatch.setenv("MLFLOW_RUN_ID", project_run)  # each stage is a process of its own
        with tracking.pipeline_run(params, stage, ("pad",), trained_in="f" * 32) as run:
            assert run.run_id == project_run
            assert "MLFLOW_RUN_ID" not in os.environ  # else a worker's run would land in it too
    logged = client.get_run(project_run).data.params
    assert logged["depth"] == "2"
    assert logged["pad.max_length"] == str(params.pad.max_length)


def test_a_run_that_this_store_lacks_is_named(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLFLOW_RUN_ID is left in a shell, and the store is another one now."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    named = pytest.raises(UserError, match=f"MLFLOW_RUN_ID names the run {'0' * 32}, but .*: unset it")
    with named, tracking.pipeline_run(params, "train"):
        pass


def test_a_run_has_inputs_values_and_curve_and_is_named_after_the_winner(
    params: Params, client: MlflowClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    winner = {key: value for key, value in params.flat().items() if key.startswith(("model.", "train."))}
    winner |= {"model.cell": "gru", "model.depth": 3, "model.units": 16}  # params.yaml says 2
    with tracking.pipeline_run(params, "train") as run:
        assert "model.depth" not in client.get_run(run.run_id).data.params
        run.log_split(DATASET, "train", np.zeros((2, 3), np.int32), np.array([0, 1], np.int8))
        run.log_params({"seed": "another value", "new": 1})
        run.log_network({"params": winner, "validation_accuracy": 0.84866})
        run.log_curve([{"validation_accuracy": 0.7}, {"validation_accuracy": 0.8}])
    logged = client.get_run(run.run_id)
    (entry,) = logged.inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("tiny-train", "0123456789abcdef" * 2 + "0123")
    assert "http://127.0.0.1/reviews.npz" in entry.dataset.source
    assert entry.dataset.source_type == "http"
    assert logged.data.params["seed"] == str(params.seed)  # MLflow never changes one
    assert (logged.data.params["new"], logged.data.params["model.depth"]) == ("1", "3")
    assert logged.info.run_name == "gru 3x16, 0.849"
    history = client.get_metric_history(run.run_id, "epoch/validation_accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.7), (2, 0.8)]
    whole = yaml.safe_load(Path(client.download_artifacts(run.run_id, "params.yaml")).read_text())
    assert whole == params.model_dump(mode="json")
    assert not any(tag.startswith("dvc.") for tag in logged.data.tags)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"model.units": [64, 32]}, "gru 64-32"),
        ({"model.cell": "lstm", "model.bidirectional": True}, "bidirectional lstm 2x16"),
        ({"model.skip": "residual", "model.depth": 4}, "gru 4x16 residual"),
    ],
)
def test_a_networks_name_tells_what_sets_it_apart(values: dict[str, Any], name: str) -> None:
    plain = {"model.cell": "gru", "model.depth": 2, "model.units": 16, "model.bidirectional": False}
    assert network_name(plain | {"model.skip": "none"} | values) == name


def test_a_trial_is_a_child_with_its_curve_and_state(params: Params, client: MlflowClient) -> None:
    with tracking.pipeline_run(params, "train") as run, Progress(run, "toy") as trials:
        trials.started(0, "trial 0", {"model.depth": 3})
        for number, accuracy in ((1, 0.5), (2, 0.75)):
            losses = {"loss": 0.5, "validation_loss": 0.5}
            trials.heard(0, Epoch(number, 2, 1.0, losses | {"validation_accuracy": accuracy}))
        trials.ended(0, "PRUNED", {"seconds": 1.0}, "too wide", {"model_summary.txt": "three layers"})
    experiment = client.get_experiment(run.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    (child,) = children_of(client, run, "trial")
    assert child.data.params == {"model.depth": "3"}
    assert child.info.run_name == "trial 0"
    assert (child.data.tags["trial.state"], child.data.tags["trial.reason"]) == ("PRUNED", "too wide")
    summary = client.download_artifacts(child.info.run_id, "model_summary.txt")
    assert Path(summary).read_text() == "three layers"
    assert child.info.status == "KILLED"  # a mark that MLflow's pages show; the tag says the rest
    history = client.get_metric_history(child.info.run_id, "validation_accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.75)]


def test_a_lost_trials_run_is_ended_wherever_it_ran(params: Params, client: MlflowClient) -> None:
    with tracking.pipeline_run(params, "train") as run, Progress(run, "toy") as trials:
        trials.opened("toy-1", finished=0, wanted=4)
        elsewhere = {
            number: client.create_run(
                run.experiment_id,
                tags={OWNER_TAG: "another-machine/1/1", "study": "toy-1", "trial.number": number},
            ).info.run_id
            for number in ("3", "4")
        }
        trials.lost(3)
        assert status(client, elsewhere["3"]) == "FAILED"
        assert status(client, elsewhere["4"]) == "RUNNING"


def test_a_trial_cut_off_by_an_interrupt_is_closed(params: Params, client: MlflowClient) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        tracking.pipeline_run(params, "train") as run,
        Progress(run, "toy") as trials,
    ):
        trials.started(0, "trial 0", {})
        raise KeyboardInterrupt
    assert [child.info.status for child in children_of(client, run, "trial")] == ["KILLED"]
    assert status(client, run.run_id) == "FAILED"


def test_ctrl_c_inside_a_query_waits_for_the_call_to_end(
    params: Params, client: MlflowClient, ctrl_c: Callable[[], None]
) -> None:
    """Cut short, the query could keep the store locked, so that the run could not even be closed."""
    with pytest.raises(KeyboardInterrupt), tracking.pipeline_run(params, "train") as run:
        event.listen(Engine, "before_cursor_execute", lambda *_: ctrl_c(), once=True)
        run.set_tags({"study": "toy-1"})
        run.set_tags({"study": "never set"})
    assert client.get_run(run.run_id).data.tags["study"] == "toy-1"
    assert status(client, run.run_id) == "FAILED"


def test_only_runs_of_dead_processes_on_this_folder_are_ended(client: MlflowClient, tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from pipeline.runtime.machine import *; print(this_process())"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    kept = {this_process(): "RUNNING", "0" * 32: "RUNNING", "a-machine/1/1": "RUNNING"}
    expected = kept | {ended.stdout.strip(): "FAILED"}
    runs = {owner: client.create_run("0", tags={OWNER_TAG: owner}).info.run_id for owner in expected}
    end_abandoned_runs(client)
    assert {owner: status(client, run_id) for owner, run_id in runs.items()} == expected
    assert {file.name for file in Path(tmp_path, "studies/owners").iterdir()} == {this_process()}


@pytest.mark.parametrize("leaves", [False, True])  # the second as where the server is lost at that moment
def test_a_process_that_has_left_no_run_open_leaves_no_lock(
    leaves: bool, params: Params, tmp_path: Path
) -> None:
    with pytest.raises(InterruptedError), tracking.pipeline_run(params, "train") as run:
        trial = run.start_child("trial 0", {}, {})
        if not leaves:
            trial.cut_short()
        raise InterruptedError("toy-1 was interrupted")
    locks = [file.name for file in Path(tmp_path, "studies/owners").iterdir()]
    assert locks == ([this_process()] if leaves else [])
