"""`ui`: the address that is printed is that of the run table with its scores, and only once it answers."""

import json
import socket
from unittest.mock import MagicMock, Mock

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from pipeline.commands import serve as ui
from pipeline.params import Params
from pipeline.runtime.machine import answers


def test_the_scores_are_the_columns_of_the_page_that_is_opened(
    params: Params, store_here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.interface.load_params", lambda: params)
    monkeypatch.setattr(ui, "load_params", lambda: params)
    start = MagicMock()  # stands for `mlflow ui`, which runs and in the end returns 0
    server = start.return_value.__enter__.return_value
    server.poll.return_value, server.returncode = None, 0
    monkeypatch.setattr(ui.subprocess, "Popen", start)
    monkeypatch.setattr(ui, "answers", Mock(side_effect=(False, False, True)))
    monkeypatch.setattr(ui.time, "sleep", lambda seconds: None)
    client = MlflowClient(store_here)
    made_before = client.create_experiment(params.mlflow.experiment)  # by another program, without the view
    result = CliRunner().invoke(ui.ui, ["--port", "5987"])
    assert result.exit_code == 0
    page = f"#/experiments/{made_before}/runs?workflowType=machine_learning&viewStateShareKey=scores"
    assert result.output.splitlines() == [
        "MLflow is starting, which takes some seconds",
        f"open http://127.0.0.1:5987/{page}",
        "Ctrl-C ends it",
    ]
    server.wait.assert_called_once()
    [words] = start.call_args.args
    assert "5987" in words
    assert words.count(store_here) == 2  # the registry's too, of which MLflow would print that it guessed it
    assert start.call_args.kwargs["env"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    view = json.loads(client.get_experiment(made_before).tags["mlflow.sharedViewState.scores"])
    assert json.loads(view["state"])["columnOrder"][2] == "metrics.`test_accuracy`"


def test_a_server_that_listens_answers() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        assert not answers(listening.getsockname()[1])
        listening.listen()
        assert answers(listening.getsockname()[1])
