"""Where runs go, and what is said where they can't go there."""

import json
import os
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import optuna
import pytest
from mlflow import MlflowClient
from mlflow.tracking._tracking_service import utils
from sqlalchemy import event
from sqlalchemy.engine import Engine

from loopback import Server, closed_address, running_server
from pipeline import tracking
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.tracking import store

EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
SEARCH = f"{EXPERIMENTS}?max_results=1"


def at(params: Params, uri: str) -> Params:
    return params.replace({"mlflow.tracking_uri": uri})


def test_the_environment_wins_over_params_and_params_over_the_project(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))  # where `dvc exp run --temp` leaves the project's folder
    assert tracking.tracking_uri(params) == f"sqlite:///{tmp_path}/mlflow.db"
    configured = at(params, "http://127.0.0.1:1")
    assert tracking.tracking_uri(configured) == "http://127.0.0.1:1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:2")
    assert tracking.tracking_uri(configured) == "http://127.0.0.1:2"
    # A relative SQLite address means the project's folder, an absolute one stays.
    for given in ("sqlite:///x.db", "sqlite:///./x.db", f"sqlite:///{tmp_path}/x.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
        assert tracking.tracking_uri(params) == f"sqlite:///{tmp_path}/x.db"


def test_the_address_that_mlflow_run_gives_in_a_folder_with_a_blank_and_an_accent(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "josé luis"
    folder.mkdir()
    given = f"sqlite:///{tmp_path}/jos%C3%A9%20luis/mlflow.db"
    assert tracking.tracking_uri(at(params, given)) == f"sqlite:///{folder}/mlflow.db"
    stray = tmp_path / "jos%C3%A9%20luis"
    stray.mkdir()  # as MLflow makes it
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    tracking.settle_address(params)
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{folder}/mlflow.db"
    assert not stray.exists()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "100%25").mkdir()  # a folder that is really called so
    given = f"sqlite:///{tmp_path}/100%25/mlflow.db"
    assert tracking.tracking_uri(at(params, given)) == f"sqlite:///{tmp_path}/100%2525/mlflow.db"


def test_an_environment_that_mlflow_can_not_run_from_is_named(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow, "__file__", "/home/me/my%20project/.venv/mlflow/__init__.py")
    with pytest.raises(
        UserError, match=r"MLflow can't use a database from /home/me/my%20project/.venv/mlflow: rename"
    ):
        tracking.connect(params)


@pytest.mark.parametrize("uri", ["foo://bar", "mlruns", "sqlite:////usr"])
def test_an_address_that_mlflow_cannot_open_is_one_line(
    uri: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"the MLflow tracking store {uri} can't be opened") as error:
        tracking.connect(at(params, uri))
    assert "\n" not in str(error.value)
    assert "mlflow.tracking_uri in params.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, "answers, but not as an MLflow tracking server does .*: correct MLFLOW_TRACKING_URI"),
        (404, "answers, but not as an MLflow tracking server does .*: correct MLFLOW_TRACKING_URI"),
        (401, r"refuses access \(401\): give MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_a_server_that_is_none_or_wants_a_password_says_what_to_do(
    status: int, said: str, params: Params, server: Server
) -> None:
    server.answers[SEARCH] = [(status, b"<!doctype html><html><body>Welcome</body></html>")]
    with pytest.raises(UserError, match=said) as error:
        tracking.connect(at(params, server.address))
    assert "<" not in str(error.value)


def test_a_server_out_of_reach_is_one_line(params: Params) -> None:
    address = closed_address()
    with pytest.raises(UserError, match=f"{address} can't be reached .no connection.: start it, or correct"):
        tracking.connect(at(params, address))


def test_a_proxy_that_refuses_is_not_taken_for_the_server(
    params: Params, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.address)
    server.answers[f"http://mlflow.example:5000{SEARCH}"] = [(403, b"blocked")]
    named = f"the proxy {server.address} may be what answers: .* NO_PROXY=mlflow.example"
    with pytest.raises(UserError, match=rf"refuses access \(403\).*{named}"):
        tracking.connect(at(params, "http://mlflow.example:5000"))


def test_a_certificate_of_its_own_and_a_token_hold_as_in_mlflows_client(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    words += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(words, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_server(context) as server:
        server.kind = "application/json"
        server.answers = {path: [(200, b'{"experiments": []}')] for path in (EXPERIMENTS, SEARCH)}
        with pytest.raises(UserError, match="is not trusted: give its authority's file in MLFLOW"):
            tracking.connect(at(params, server.address))
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        tracking.connect(at(params, server.address))
        monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        tracking.connect(at(params, server.address))
    assert set(server.authorizations) == {"Bearer secret"}


def test_a_project_in_a_folder_of_any_name_keeps_its_store_there_and_is_followed_when_it_moves(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = '100%25 of it\'s ü#1? "R&B"; c++'
    old, new = tmp_path / name, tmp_path / f"moved {name}"
    old.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(old))
    with tracking.pipeline_run(params, "train") as run:
        run.log_text("weights", "model.txt")
        run.client.create_registered_model("m")
        source = run.client.get_run(run.run_id).info.artifact_uri
        run.client.create_model_version("m", source, run.run_id)
    assert [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_relative_to(old)] == []
    assert {"mlflow.db", "mlruns", "studies"} <= {file.name for file in old.iterdir()}

    def read() -> str:
        return Path(tracking.connect(params).download_artifacts(run.run_id, "model.txt")).read_text()

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.get_tracking_uri())  # as `serve` tells its processes
    assert read() == "weights"
    old.rename(new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    utils._artifact_repos_cache.clear()  # as in another process
    assert read() == "weights"
    uri = tracking.connect(params).get_model_version_download_uri("m", "1")
    assert Path(mlflow.artifacts.download_artifacts(uri) + "/model.txt").read_text() == "weights"
    (tmp_path / "model.txt").write_text("weights")
    with tracking.pipeline_run(params, "evaluate", trained_in=run.run_id) as again:
        assert again.run_id == run.run_id
        again.log_file(tmp_path / "model.txt", "evaluated")
    with tracking.pipeline_run(params, "train") as another:
        another.log_file(tmp_path / "model.txt")
    assert len(list((new / "mlruns").rglob("model.txt"))) == 3
    assert not old.exists()


READING = """
import os, sys, tempfile
from pathlib import Path
from pipeline.params import Params
from pipeline.registry import versions
from pipeline.runtime.errors import UserError
from pipeline import tracking
for project in sys.argv[1:]:
    os.environ["DVC_ROOT"] = project
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow's, of the first one
    client = tracking.connect(Params())
    version = versions.find_version(client, "models:/stacked-rnn-m/1")
    with tempfile.TemporaryDirectory() as folder:  # as `predict` and `serve` fetch a version's files
        print(versions.download(version, "model.txt", Path(folder)).read_text())
    try:
        versions.promote(client, version)
    except (UserError, OSError) as error:
        print(error)
"""


def test_a_project_that_can_not_be_written_to_is_read_under_another_path_too(
    tmp_path: Path, empty_store: bytes, read_only: Callable[[Path], list[str]]
) -> None:
    for folder in (tmp_path / "stays", tmp_path / "old"):
        artifacts = folder / "mlruns/registry/model"
        artifacts.mkdir(parents=True)
        (artifacts / "model.txt").write_text(f"weights of {folder.name}")
        (folder / "mlflow.db").write_bytes(empty_store)
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        client.create_experiment("registry", (folder / "mlruns/registry").as_uri())
        client.create_registered_model("stacked-rnn-m")
        client.create_model_version("stacked-rnn-m", artifacts.as_uri())
    (tmp_path / "old").rename(tmp_path / "moved")
    words = [sys.executable, "-c", READING, str(tmp_path / "stays"), str(tmp_path / "moved")]
    done = subprocess.run([*read_only(tmp_path), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    weights, refused = done.stdout.splitlines()[::2], done.stdout.splitlines()[1::2]
    assert weights == ["weights of stays", "weights of old"]
    for each in refused:
        assert "can't be written to" in each or "Read-only file system" in each


def test_a_store_elsewhere_is_left_as_it_is(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: bytes
) -> None:
    shared, project = tmp_path / "shared.db", tmp_path / "project"
    project.mkdir()
    shared.write_bytes(empty_store)
    monkeypatch.setenv("DVC_ROOT", str(project))
    before = shared.read_bytes()
    store.connect(at(params, f"sqlite:///{shared}"))
    assert shared.read_bytes() == before


def test_a_deleted_experiment_is_one_line(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: bytes
) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    client = tracking.connect(params)
    number = client.create_experiment(params.mlflow.experiment)
    client.delete_experiment(number)
    restored = pytest.raises(UserError, match=f"`mlflow experiments restore --experiment-id {number}`")
    with restored, tracking.pipeline_run(params, "train"):
        pass


def test_a_database_that_is_not_mlflows_is_one_message(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    optuna.create_study(storage=f"sqlite:///{tmp_path}/study.db")
    with pytest.raises(UserError, match=r"study\.db can't be opened: .*experiments; give"):
        tracking.connect(at(params, "sqlite:///study.db"))


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")


def test_a_server_that_is_lost_is_one_message_and_not_asked_for_long_again(one_try: None) -> None:
    with pytest.raises(UserError, match=r"is lost: start it, and the same command goes on"):
        store.Client("http://127.0.0.1:9").set_tag("0123", "trial.state", "FAIL")
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"


def test_a_server_whose_disk_is_full_is_told_from_one_that_is_lost(one_try: None, server: Server) -> None:
    full = json.dumps({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "database or disk is full"})
    server.answers["/api/2.0/mlflow/experiments/get?experiment_id=1"] = [(503, full.encode())]
    for _ in range(2):  # the second time it is asked once, and MLflow raises another error
        with pytest.raises(UserError, match="answers with an error: see its log"):
            store.Client(server.address).get_experiment("1")


def test_a_full_disk_below_the_store_is_one_message(
    params: Params, tmp_path: Path, empty_store: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full.db").write_bytes(empty_store)

    def hold_size(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # that is: the pages that there are

    event.listen(Engine, "connect", hold_size)
    try:
        full = store.Client(f"sqlite:///{tmp_path}/full.db")
        run = full.create_run("0")
        with pytest.raises(UserError, match=r"full\.db: database or disk is full: put it right, and"):
            full.set_tag(run.info.run_id, "long", "text " * 1000)
        with pytest.raises(UserError, match=r"new\.db can't be opened: .*disk is full"):
            tracking.connect(at(params, f"sqlite:///{tmp_path}/new.db"))
        assert not Path(tmp_path, "new.db").exists()
    finally:
        event.remove(Engine, "connect", hold_size)
    assert "Traceback" not in capfd.readouterr().err
