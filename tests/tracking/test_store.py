"""Where runs go, and what is said where they can't go there."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.tracking._tracking_service import utils

from loopback import Server, closed_address
from pipeline import tracking
from pipeline.params import Params
from pipeline.runtime.errors import UserError
from pipeline.tracking import pipeline_run, store

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A SQLite store with its tables, whose migration takes seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path.read_bytes()


def at(params: Params, uri: str) -> Params:
    return params.replace({"mlflow.tracking_uri": uri})


@pytest.mark.parametrize("given", ["sqlite:///x.db", "sqlite:///./x.db", "sqlite:///{}/x.db"])
def test_a_relative_sqlite_address_means_the_projects_folder_and_an_absolute_one_stays(
    given: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc exp run --temp` works in a folder that goes, and names the project's in DVC_ROOT."""
    temporary = tmp_path / ".dvc/tmp/exps/1"
    temporary.mkdir(parents=True)
    monkeypatch.chdir(temporary)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given.format(tmp_path))
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


def test_a_project_in_a_folder_of_any_name_keeps_its_store_there(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = '100%25 of it\'s ü#1? "R&B"; c++'
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setenv("DVC_ROOT", str(folder))
    with pipeline_run(params, "train") as run:
        run.log_text("artifact", "said.txt")
    assert [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_relative_to(folder)] == []
    assert {"mlflow.db", "mlruns", "studies"} <= {file.name for file in folder.iterdir()}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.get_tracking_uri())  # as `serve` tells its processes
    client = tracking.connect(params)
    assert Path(client.download_artifacts(run.run_id, "said.txt")).read_text() == "artifact"
    moved = folder.rename(tmp_path / f"moved {name}")
    monkeypatch.setenv("DVC_ROOT", str(moved))
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    client = tracking.connect(params)
    assert Path(client.download_artifacts(run.run_id, "said.txt")).read_text() == "artifact"


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


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, Path, list[str | None]]]:
    """An HTTPS server with its own certificate: its address, the certificate, the passwords it was given."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    words += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(words, check=True, capture_output=True)
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            body = b'{"experiments": []}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Keeps the tests' output clean."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{httpd.server_port}", certificate, seen
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_a_certificate_of_its_own_and_a_token_hold_as_in_mlflows_client(
    secured: tuple[str, Path, list[str | None]], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate, seen = secured
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UserError, match="is not trusted: give its authority's file in MLFLOW"):
        tracking.connect(at(params, address))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
    tracking.connect(at(params, address))
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    tracking.connect(at(params, address))
    assert seen
    assert set(seen) == {"Bearer secret"}


@pytest.mark.parametrize("name", ["moved", "josé luis"])
def test_a_moved_project_finds_its_artifacts_and_leaves_the_old_folder_alone(
    name: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: bytes
) -> None:
    old, new = tmp_path / "a b é", tmp_path / name
    old.mkdir()
    (old / "mlflow.db").write_bytes(empty_store)
    (tmp_path / "model.txt").write_text("weights")
    monkeypatch.setenv("DVC_ROOT", str(old))
    with tracking.pipeline_run(params, "train") as run:
        run.log_file(tmp_path / "model.txt")
        run.client.create_registered_model("m")
        source = run.client.get_run(run.run_id).info.artifact_uri
        run.client.create_model_version("m", source, run.run_id)
    while mlflow.active_run():
        mlflow.end_run()
    old.rename(new)
    monkeypatch.setenv("DVC_ROOT", str(new))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    utils._artifact_repos_cache.clear()  # as in another process
    client = tracking.connect(params)
    found = client.download_artifacts(run.run_id, "model.txt", str(tmp_path))
    assert Path(found).read_text() == "weights"
    uri = client.get_model_version_download_uri("m", "1")
    assert Path(mlflow.artifacts.download_artifacts(uri) + "/model.txt").read_text() == "weights"
    with tracking.pipeline_run(params, "evaluate", trained_in=run.run_id) as again:
        assert again.run_id == run.run_id
        again.log_file(tmp_path / "model.txt", "evaluated")
    with tracking.pipeline_run(params, "train") as another:
        another.log_file(tmp_path / "model.txt")
    assert len(list((new / "mlruns").rglob("model.txt"))) == 3
    assert not old.exists()


READING = """
import tempfile
from pathlib import Path
from pipeline.params import Params
from pipeline.registry import versions
from pipeline.runtime.errors import UserError
from pipeline import tracking
client = tracking.connect(Params())
version = versions.find_version(client, "models:/stacked-rnn-m/1")
with tempfile.TemporaryDirectory() as folder:  # as `predict` and `serve` fetch a version's files
    print(versions.download(version, "model.txt", Path(folder)).read_text())
try:
    versions.promote(client, version)
except (UserError, OSError) as error:
    print(error)
"""


@pytest.mark.parametrize("moved", [True, False])
def test_a_project_that_can_not_be_written_to_is_read_under_another_path_too(
    moved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: bytes
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    artifacts = old / "mlruns/registry/model"
    artifacts.mkdir(parents=True)
    (artifacts / "model.txt").write_text("weights")
    (old / "mlflow.db").write_bytes(empty_store)
    client = MlflowClient(f"sqlite:///{old}/mlflow.db")
    client.create_experiment("registry", (old / "mlruns/registry").as_uri())
    client.create_registered_model("stacked-rnn-m")
    client.create_model_version("stacked-rnn-m", artifacts.as_uri())
    if moved:
        old.rename(new)
    folder = new if moved else old
    mounted = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && "$2" -c "$3"'
    words = ["unshare", "--mount", "sh", "-c", mounted, "sh", str(folder), sys.executable, READING]
    monkeypatch.setenv("DVC_ROOT", str(folder))
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no `unshare`")
    if "permi" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("this user may mount nothing")
    assert done.returncode == 0, done.stderr
    weights, refused = done.stdout.splitlines()
    assert weights == "weights"
    assert "can't be written to" in refused or "Read-only file system" in refused


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
    with (
        pytest.raises(
            UserError, match=f"restore it with `mlflow experiments restore --experiment-id {number}`"
        ),
        tracking.pipeline_run(params, "train"),
    ):
        pass
