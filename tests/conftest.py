"""What several test modules share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from loopback import ImdbFiles, Server, make_imdb, running_server

# Before any test imports a library that reads them.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Networks of a few units run for milliseconds, and are compiled for seconds: sooner if XLA optimizes less and
# fuses without MLIR, which halves a fit's time and changes no digit of it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
# The processes that tests start keep what they compile of the checkout, as on a machine of a user.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from pipeline.cluster import pool
from pipeline.cluster.pool import SerialPool
from pipeline.networks.devices import prepare_keras
from pipeline.params import Params
from plain import plain_params

prepare_keras()
PROJECT = Path(__file__).resolve().parents[1]
IMDB_FOLDER = "IMDB_FOLDER"  # the environment's: where imdb.npz, its word index and aclImdb.tar.gz are
# The longest files first: two processes that share the files then end at about the same time.
LONG = (
    "e2e/test_pipeline.py",
    "training/test_fitting.py",
    "e2e/test_serving.py",  # it and the next one copy the finished project of test_pipeline
    "e2e/test_guides_run.py",
    "test_notebook.py",
    "test_api.py",
    "e2e/test_worked_examples.py",
    "e2e/test_ended_from_outside.py",
    "e2e/test_kill.py",
    "networks/test_fused.py",
    "e2e/test_depth_study.py",
    "e2e/test_memory.py",
    "networks/test_stacked_rnn.py",
    "e2e/test_lost_output.py",
    "studies/test_cross_validation.py",
    "networks/test_devices.py",
    "e2e/test_report_page.py",
    "e2e/test_two_users.py",
    "registry/test_packaging.py",
    "cluster/test_workers.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order of ``LONG``, then the others as they were found; within a file nothing moves."""
    place = {str(PROJECT / "tests" / name): number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(str(item.path), len(LONG)))


@pytest.fixture(autouse=True)
def own_mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow leaves its store and experiment in the environment and in itself; later tests start without."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.setenv(name, "")  # so that it is gone again after the test, too
        monkeypatch.delenv(name)
    if (fluent := sys.modules.get("mlflow.tracking.fluent")) is not None:
        monkeypatch.setattr(fluent, "_active_experiment_id", None)
    yield
    os.environ.pop("MLFLOW_REGISTRY_URI", None)  # both are set by a server in this process
    if (registry := sys.modules.get("mlflow.tracking._model_registry.utils")) is not None:
        vars(registry)["_registry_uri"] = None


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Sends SIGINT to this process, which a shell may have started in the background, deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def params() -> Params:
    """The values that tests start from."""
    return plain_params()


@pytest.fixture
def fits_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are fitted in this process, which has TensorFlow, instead of one that must load it first."""
    monkeypatch.setattr(pool, "ProcessPool", lambda _count, _jobs, data: nullcontext(SerialPool(data)))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the one we are in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read_only(tmp_path: Path) -> Callable[[Path], list[str]]:
    """Gives the words before a command that is to find a folder mounted where it can't be written to."""
    mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", mounted]
    try:
        subprocess.run([*words, str(tmp_path), "true"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user may mount nothing here: {error}")
    return lambda folder: [*words, str(folder)]


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, so that no test sees or touches the user's; what isn't in it is asked for at once."""
    home = tmp_path / "keras_home"
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pipeline.reviews.sources.fetching.BACKOFF", 0.0)
    return home


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """MLflow's SQLite store with nothing in it: making its tables takes seconds."""
    from mlflow import MlflowClient  # noqa: PLC0415 - most tests do without

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path.read_bytes()


@pytest.fixture
def store_here(here: Path, empty_store: bytes) -> str:
    """The address of an empty tracking store in an empty folder, which is the one we are in."""
    (here / "mlflow.db").write_bytes(empty_store)
    return f"sqlite:///{here}/mlflow.db"


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
def real_imdb() -> Path:
    """The folder of the real reviews, where the environment names one."""
    if IMDB_FOLDER not in os.environ:
        pytest.skip(f"the real IMDb reviews are not at hand: {IMDB_FOLDER} names no folder with them")
    return Path(os.environ[IMDB_FOLDER])
