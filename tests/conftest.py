"""What several test modules share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loopback import ImdbFiles, Server, make_imdb, running_server

# Before any test imports a library that reads them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from pipeline.params import Params, load_params

PROJECT = Path(__file__).resolve().parents[1]
SHARED_IMDB = PROJECT.parent / "shared" / "imdb"


@pytest.fixture(autouse=True)
def own_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow leaves the store it was pointed to in the environment, where later tests' processes find it."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Sends SIGINT to this process, which a shell may have started in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def params() -> Params:
    """The values that tests start from."""
    return load_params(PROJECT / "pipeline/params/plain.yaml")


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, so that no test sees or touches the user's."""
    home = tmp_path / "keras_home"
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An HTTP server on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_server() as server:
        yield server


@pytest.fixture
def imdb_files(tmp_path: Path) -> ImdbFiles:
    """A small imdb.npz and its word index."""
    return make_imdb(tmp_path)


@pytest.fixture
def shared_imdb() -> Path:
    """The folder of the real reviews, where it lies beside the checkout."""
    if not (SHARED_IMDB / "imdb.npz").is_file():
        pytest.skip("the real IMDb reviews are not beside this checkout: ../shared/imdb")
    return SHARED_IMDB
