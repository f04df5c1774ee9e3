"""From the registry of a real tracking server to predictions over HTTP, and back to the source."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import requests
from mlflow import MlflowClient

from e2e.conftest import NEGATIVE, PROJECT, Project
from e2e.servers import free_port, running, tracking_server
from pipeline.reviews.padding import pad_texts
from pipeline.reviews.vocabulary import Vocabulary

pytestmark = pytest.mark.slow
NAME = "stacked-rnn-mine"
GOOD, BAD = "a wonderful, moving and funny film", "a dull, awful and boring plot"


@dataclass
class Served:
    """A project whose models are on a tracking server, and its champion's scoring server."""

    project: Project
    client: MlflowClient
    address: str

    def post(self, body: Any) -> requests.Response:
        """Posts JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        return requests.post(f"{self.address}/invocations", data=content, headers=headers, timeout=60)

    def score(self, *texts: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.post({"dataframe_records": [{"text": text} for text in texts], "params": params})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["predictions"])


@pytest.fixture(scope="module")
def served(
    reproduced: Project, empty_store: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """`mlflow server`, a version registered there by `evaluate`, its copy as version 2, `pipeline serve`."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(reproduced.folder, folder / "project", symlinks=True)
    (folder / "server.db").write_bytes(empty_store)
    tracking, scoring = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    project = Project(folder / "project", reproduced.environment | {"MLFLOW_TRACKING_URI": tracking})
    server = tracking_server(folder, tracking)
    serve = [sys.executable, "-m", "pipeline", "serve", "--port", scoring.rpartition(":")[2]]
    with running(server, project, f"{tracking}/health", folder / "server.log"):
        project.call("evaluate")
        client = MlflowClient(tracking)
        client.copy_model_version(f"models:/{NAME}/1", NAME)
        with running(serve, project, f"{scoring}/ping", folder / "serve.log"):
            yield Served(project, client, scoring)


def keras_probabilities(project: Project, texts: list[str]) -> np.ndarray:
    """What plain Keras gives for texts that are encoded by hand, from the stages' own files."""
    facts = json.loads(project.path("data/padded/dataset.json").read_text())
    layout = {key: facts[key] for key in ("vocab_size", "max_length", "padding", "truncating")}
    rows = pad_texts(texts, Vocabulary.load(project.path("data/raw/vocabulary.json")), **layout)
    model = keras.models.load_model(project.path("models/stacked_rnn.keras"), safe_mode=True)
    return np.asarray(model.predict(rows, verbose=0)[:, 0])


def test_the_server_gives_what_keras_gives_for_the_text(served: Served) -> None:
    texts = [GOOD, BAD, "the plot and the camera", " ".join(["tender"] * 100)]
    rows = served.score(*texts)
    expected = keras_probabilities(served.project, texts)
    np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-5)
    assert [row["label"] for row in rows] == [
        "positive" if probability >= 0.5 else "negative" for probability in expected
    ]
    assert rows[0].keys() == {"label", "probability", "unknown_share", "version", "run_id"}
    version = served.client.get_model_version(NAME, "1")
    assert {(row["version"], row["run_id"]) for row in rows} == {(f"models:/{NAME}/1", version.run_id)}


def test_odd_texts_have_a_defined_answer(served: Served) -> None:
    unknown = ["", "!!! ...", "qqqq zzzz", "плохой фильм", "\U0001f600\U0001f600"]
    known = ["<b>wonderful</b> <br />", "film " * 100_000]
    rows = served.score(*unknown, *known)
    assert [row["unknown_share"] for row in rows] == [1, 1, 1, 1, 1, 0.75, 0]  # b, wonderful, b, br
    assert [row["label"] for row in rows[:5]] == ["undecided"] * 5
    assert all(row["label"] in ("positive", "negative") for row in rows[5:])
    assert all(0 < row["probability"] < 1 for row in rows)


MALFORMED: list[Any] = [
    {"dataframe_records": [{"text": GOOD}, {"text": None}]},
    {"dataframe_records": [{"text": GOOD}], "params": {"threshold": 1.5}},
    {"texts": [GOOD]},
    b"\xff\xfe",
]


def test_hundreds_of_requests_of_eight_clients_pair_answers_with_their_inputs(served: Served) -> None:
    random = np.random.default_rng(0)
    words = [*NEGATIVE, "wonderful", "film", "the", "camera", "qqqq"]
    texts = [" ".join(random.choice(words, random.integers(1, 25))) for _ in range(400)]
    expected = keras_probabilities(served.project, texts)

    def ask(number: int) -> float | None:
        if number % 10 == 9:
            answer = served.post(MALFORMED[number // 10 % len(MALFORMED)])
            assert answer.status_code == 400
            assert not re.search(rf"Traceback|site-packages|{re.escape(str(PROJECT.parent))}", answer.text)
            return None
        return float(served.score(texts[number])[0]["probability"])

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(ask, range(400)))
    good = [number for number in range(400) if number % 10 != 9]
    np.testing.assert_allclose([answers[number] for number in good], expected[good], atol=1e-5)


def test_the_guides_curl_examples_work(served: Served) -> None:
    guide = PROJECT / "docs/your-own-reviews.md"
    blocks = re.findall(r"```sh\n(curl .*?)```", guide.read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        words = shlex.split(block.replace("\\\n", " ").replace("http://127.0.0.1:5001", served.address))
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert "probability" in json.loads(done.stdout)["predictions"][0]


def test_the_version_loads_anywhere_without_pickle_and_without_tensorflow(
    served: Served, tmp_path: Path
) -> None:
    code = (
        "import sys, mlflow, pandas\n"
        f"model = mlflow.pyfunc.load_model('models:/{NAME}@champion')\n"
        f"print(model.predict(pandas.DataFrame({{'text': [{GOOD!r}]}})).probability[0])\n"
        "print(sorted({'tensorflow', 'keras', 'onnx', 'pipeline'} & set(sys.modules)))\n"
    )
    elsewhere = Project(tmp_path, served.project.environment)
    done = elsewhere.run(sys.executable, "-c", code, MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false")
    probability, imported = done.stdout.strip().splitlines()[-2:]
    (expected,) = keras_probabilities(served.project, [GOOD])
    assert float(probability) == pytest.approx(float(expected), abs=1e-5)
    assert imported == "[]"


def test_the_keras_model_alone_is_a_logged_model_of_the_run(served: Served) -> None:
    version = served.client.get_model_version(NAME, "1")
    experiment = served.client.get_run(version.run_id).info.experiment_id
    models = served.client.search_logged_models([experiment])
    assert {each.name for each in models if each.source_run_id == version.run_id} == {"keras", "model"}


def test_promote_and_roll_back(served: Served) -> None:
    def champion() -> int:
        return int(served.client.get_model_version_by_alias(NAME, "champion").version)

    command = served.project.call
    assert champion() == 1
    assert "version 2 is champion; before: version 1" in command("promote", f"models:/{NAME}/2")
    assert champion() == 2
    assert served.client.get_model_version(NAME, "2").tags["champion.previous"] == "1"
    listed = command("registry")
    assert re.search(r"^ 2 +champion  ", listed, flags=re.MULTILINE)
    assert re.search(r"^ 1 {9}", listed, flags=re.MULTILINE)
    assert max(map(len, listed.splitlines()[:6])) <= 80
    assert "version 1 is champion again; before: version 2" in command("rollback")
    assert champion() == 1
    refused = command("rollback", status=1)
    assert "no champion is recorded before version 1" in refused


def test_trace_leads_back_to_commit_data_and_parameters(served: Served) -> None:
    traced = served.project.call("trace", "--all", f"models:/{NAME}@champion")
    facts = json.loads(served.project.path("data/raw/dataset.json").read_text())
    head = served.project.run("git", "rev-parse", "HEAD").stdout.strip()
    for value in (head, facts["digest"], f"keras  {keras.__version__}".split("  ")[1]):
        assert value in traced
    for name, value in (("uncommitted then", "nothing"), ("model.units", "4"), ("trials", "2")):
        assert re.search(rf"^  {re.escape(name)} +{value}$", traced, flags=re.MULTILINE)
    lock = served.project.path("dvc.lock").read_text()
    (hashed,) = re.findall(r"^  data/padded/train.npz +([0-9a-f]{32})$", traced, flags=re.MULTILINE)
    assert f"md5: {hashed}" in lock


def test_a_validation_accuracy_is_one_number_everywhere(served: Served) -> None:
    chosen_by = json.loads(served.project.path("reports/train.json").read_text())["validation_accuracy"]
    listed = json.loads(served.project.call("registry", "--json"))
    of_run = served.client.get_run(listed[0]["run"]).data.metrics["validation_accuracy"]
    (shown,) = {f"{value:.4f}" for value in (chosen_by, of_run, listed[0]["validation_accuracy"])}
    described = served.client.get_model_version(NAME, str(listed[0]["version"])).description
    assert f"validation accuracy {shown} (before calibration)" in described


def test_rebuild_gives_the_same_digits_and_leaves_no_trace(served: Served) -> None:
    project = served.project
    before = project.run("git", "status", "--porcelain").stdout
    versions = len(served.client.search_model_versions(f"name = '{NAME}'"))
    said = project.call("rebuild", f"models:/{NAME}@champion")
    assert "data from DVC's cache" in said
    assert "the metrics are the same, digit for digit" in said
    metrics = json.loads(project.path("reports/metrics.json").read_text())
    for name, value in metrics.items():
        assert re.search(rf"^ *{name} +{re.escape(repr(value))} +the same *$", said, re.MULTILINE)
    table = [line for line in said.splitlines() if line.rstrip().endswith(" the same")]
    assert len(table) == len(metrics)
    assert max(map(len, table)) <= 80
    assert project.run("git", "status", "--porcelain").stdout == before
    assert len(project.run("git", "worktree", "list").stdout.splitlines()) == 1
    assert len(served.client.search_model_versions(f"name = '{NAME}'")) == versions
