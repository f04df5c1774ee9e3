"""Two users of one tracking server with basic auth: what one may only read, the other leaves as it is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient
from toy_project import make_project

from e2e.conftest import Project, user_environment
from e2e.servers import free_port, running, tracking_server
from pipeline import stages, tracking
from pipeline.params import Params, load_params
from pipeline.registry.names import registered_name
from pipeline.tracking.runs import OWNER_TAG

pytestmark = pytest.mark.slow
PASSWORD = "correct-horse-battery"  # noqa: S105 - of a server that lives as long as this test
SETTINGS = """[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
admin_password = {password}
auth_cache_ttl_seconds = 600
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


@pytest.fixture
def log_in(
    tmp_path: Path, empty_store: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], MlflowClient]]:
    """Makes this process anna's or ben's: users of one server, who may read what isn't their own."""
    (tmp_path / "server.db").write_bytes(empty_store)
    (tmp_path / "auth.ini").write_text(SETTINGS.format(folder=tmp_path, password=PASSWORD))
    address = f"http://127.0.0.1:{free_port()}"
    command = [*tracking_server(tmp_path, address), "--app-name", "basic-auth"]
    environment = user_environment() | {"MLFLOW_AUTH_CONFIG_PATH": str(tmp_path / "auth.ini")}
    environment |= {"MLFLOW_FLASK_SERVER_SECRET_KEY": "key"}

    def log_in(name: str) -> MlflowClient:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        return MlflowClient(address)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with running(command, Project(tmp_path, environment), f"{address}/health", tmp_path / "server.log"):
        for name in ("anna", "ben"):
            user = {"username": name, "password": PASSWORD}
            url = f"{address}/api/2.0/mlflow/users/create"
            requests.post(url, json=user, auth=("admin", PASSWORD), timeout=60).raise_for_status()
        yield log_in


def test_what_another_user_owns_is_left_alone_and_rights_are_asked_for_before_training(
    log_in: Callable[[str], MlflowClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_project(tmp_path / "project", {"trials": 1}, mlflow={"experiment": "anna's"}))
    monkeypatch.setenv("DVC_ROOT", str(Path.cwd()))
    trained: list[Params] = []
    monkeypatch.setattr("pipeline.stages.train.run", trained.append)
    params, model = load_params(), registered_name("toy")
    anna = log_in("anna")
    with tracking.pipeline_run(params, "train") as run:
        pass
    gone = Path("studies/owners") / ("0" * 32)  # a lock that nobody holds any more
    gone.parent.mkdir(parents=True, exist_ok=True)
    gone.touch()
    abandoned = anna.create_run(run.experiment_id, tags={OWNER_TAG: gone.name}).info.run_id
    anna.create_registered_model(model)

    log_in("ben")
    with pytest.raises(tracking.RefusedError, match=r"let ben change the registered model: .*data\.name"):
        stages.run_stage("train", params)
    assert trained == []
    with (
        pytest.raises(tracking.RefusedError, match=r"let ben change the experiment: .*mlflow\.experiment"),
        tracking.pipeline_run(params, "train"),
    ):
        pass
    own = params.replace({"mlflow.experiment": "ben's", "evaluate.register_model": False})
    stages.run_stage("train", own)
    assert trained == [own]
    with tracking.pipeline_run(own, "train") as run:
        run.set_tags({"study": "toy-1"})
        run.log_text("fine", "note.txt")
        run.client.create_registered_model(registered_name("bens"))
        run.client.set_registered_model_tag(registered_name("bens"), "champion.history", "1")
    assert anna.get_run(run.run_id).info.status == "FINISHED"
    assert anna.get_run(abandoned).info.status == "RUNNING"  # by ben's start; anna's own ends it
    log_in("anna")
    with tracking.pipeline_run(params, "train"):
        pass
    assert anna.get_run(abandoned).info.status == "FAILED"
