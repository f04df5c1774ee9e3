"""The embedded store read without MLflow: the same version as MLflow names, or no answer."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.registry import versions
from pipeline.registry.embedded import find_classifier
from pipeline.serving.classifier import CLASSIFIER, NETWORK


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in a folder with a blank: versions 1 to 3, of which 2 is champion and 3 deleted."""
    folder = tmp_path_factory.mktemp("a project")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.create_registered_model("tiny")
    for number in range(1, 4):
        network = folder / "mlruns" / str(number) / "artifacts" / CLASSIFIER / NETWORK
        network.parent.mkdir(parents=True)
        network.touch()
        client.create_model_version("tiny", (folder / "mlruns" / str(number)).as_uri())
    client.set_registered_model_alias("tiny", "champion", "2")
    client.delete_model_version("tiny", "3")
    return folder


@pytest.fixture
def store(made: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    return f"sqlite:///{made}/mlflow.db"


@pytest.mark.parametrize("uri", ["models:/tiny@champion", "models:/tiny/1", "models:/tiny/2"])
def test_it_is_the_version_that_mlflow_names(store: str, made: Path, uri: str) -> None:
    expected = versions.find_version(MlflowClient(store), uri)
    found = find_classifier(store, uri)
    assert found == ("tiny", int(expected.version), made / f"mlruns/{expected.version}/artifacts/classifier")


@pytest.mark.parametrize("uri", ["models:/tiny/3", "models:/tiny/4", "models:/tiny@none", "models:/other/1"])
def test_what_is_deleted_or_unknown_is_left_to_mlflow(store: str, uri: str) -> None:
    assert find_classifier(store, uri) is None


def test_another_store_is_left_to_mlflow(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "models:/tiny/1"
    for other in ("http://127.0.0.1:5000", f"sqlite:///{tmp_path}/none.db"):
        assert find_classifier(other, uri) is None
    assert not list(tmp_path.iterdir())
    copy = tmp_path / "mlflow.db"  # without the artifacts, as in a folder that was copied
    shutil.copy(store.removeprefix("sqlite:///"), copy)
    assert find_classifier(f"sqlite:///{copy}", uri) is None
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:5000")
    assert find_classifier(store, uri) is None


def test_tables_of_another_mlflow_are_left_to_it(store: str) -> None:
    database = store.removeprefix("sqlite:///")
    with closing(sqlite3.connect(database)) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        try:
            with connection:
                connection.execute("UPDATE alembic_version SET version_num = 'later'")
            assert find_classifier(store, "models:/tiny/1") is None
        finally:
            with connection:
                connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_predict_starts_without_the_packages_that_take_seconds() -> None:
    code = (
        "import sys, pipeline.__main__, pipeline.commands.predict\n"
        "print({'mlflow', 'pandas', 'scipy', 'sklearn', 'tensorflow', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
