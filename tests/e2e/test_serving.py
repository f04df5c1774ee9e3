"""From the registry of a real tracking server to predictions over HTTP, and back to the source."""

from __future__ import annotations

import json
import re
import shlex
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
from e2e.servers import free_port, running
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

    def post(self, body: Any, **headers: str) -> requests.Response:
        """Posts JSON, or a body as it is."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Content-Type": "application/json"} | headers
        return requests.post(f"{self.address}/invocations", data=content, headers=headers, timeout=60)

    def score(self, *texts: str, **params: Any) -> list[dict[str, Any]]:
        """The rows answered for texts."""
        answer = self.post({"dataframe_records": [{"text": text} for text in texts], "params": params})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["predictions"])


@pytest.fixture(scope="module")
def served(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`mlflow server`, a version registered there by `evaluate`, its copy as version 2, `pipeline serve`."""
    folder = tmp_path_factory.mktemp("served")
    subprocess.run(["cp", "-a", f"{reproduced.folder}/.", str(folder / "project")], check=True)
    tracking, scoring = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    project = Project(folder / "project", reproduced.environment | {"MLFLOW_TRACKING_URI": tracking})
    server = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    server += ["--port", tracking.rpartition(":")[2], "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    server += ["--artifacts-destination", str(folder / "artifacts")]
    serve = [sys.executable, "-m", "pipeline", "serve", "--port", scoring.rpartition(":")[2]]
    with running(server, project, f"{tracking}/health", folder / "server.log"):
        project.run("python", "-m", "pipeline", "evaluate")
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


def test_a_threshold_moves_the_label_and_nothing_else(served: Served) -> None:
    (row,) = served.score(GOOD)
    below, above = row["probability"] - 0.01, row["probability"] + 0.01
    assert served.score(GOOD, threshold=below) == [row | {"label": "positive"}]
    assert served.score(GOOD, threshold=above) == [row | {"label": "negative"}]


def test_an_explanation_names_each_word(served: Served) -> None:
    (row,) = served.score(GOOD, explain=True)
    words = [word["word"] for word in row["contributions"]]
    assert words == ["a", "wonderful", "moving", "and", "funny", "film"]
    (without,) = served.score(GOOD.replace("wonderful", "qqqq"))
    odds = np.log(row["probability"] / (1 - row["probability"]))
    odds_without = np.log(without["probability"] / (1 - without["probability"]))
    assert row["contributions"][1]["contribution"] == pytest.approx(odds - odds_without, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "label", "unknown"),
    [
        ("", "undecided", 1.0),
        ("!!! ...", "undecided", 1.0),
        ("qqqq zzzz", "undecided", 1.0),
        ("плохой фильм", "undecided", 1.0),
        ("\U0001f600\U0001f600", "undecided", 1.0),
        ("<b>wonderful</b> <br />", None, 0.75),  # b, wonderful, b, br: tags are words here
        ("film " * 100_000, None, 0.0),
    ],
)
def test_odd_texts_have_a_defined_answer(
    served: Served, text: str, label: str | None, unknown: float
) -> None:
    (row,) = served.score(text)
    assert row["unknown_share"] == unknown
    assert row["label"] == label if label else row["label"] in ("positive", "negative")
    assert 0 < row["probability"] < 1


MALFORMED: list[tuple[Any, str]] = [
    ({"dataframe_records": [{"text": GOOD}, {"text": None}]}, "text 1 must be a string, but is missing"),
    ({"dataframe_records": [{"text": GOOD}], "params": {"threshold": 1.5}}, "but got 1.5"),
    ({"texts": [GOOD]}, "dataframe_records"),
    (b"\xff\xfe", "JSON"),
]


@pytest.mark.parametrize(("body", "named"), MALFORMED)
def test_a_malformed_request_is_a_400_without_a_traceback(served: Served, body: Any, named: str) -> None:
    answer = served.post(body)
    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert "Traceback" not in answer.text
    assert str(PROJECT.parent) not in answer.text
    assert "site-packages" not in answer.text


def test_a_csv_whose_text_is_na_is_scored_and_a_request_of_no_type_is_not_a_fault(served: Served) -> None:
    answer = served.post("text\nNA\n", **{"Content-Type": "text/csv"})
    assert answer.json()["predictions"] == served.score("NA")
    untyped = requests.post(f"{served.address}/invocations", data=iter([b"{}"]), timeout=60)
    assert untyped.status_code == 415


def test_a_thousand_requests_of_eight_clients_pair_answers_with_their_inputs(served: Served) -> None:
    random = np.random.default_rng(0)
    words = [*NEGATIVE, "wonderful", "film", "the", "camera", "qqqq"]
    texts = [" ".join(random.choice(words, random.integers(1, 25))) for _ in range(1000)]
    expected = keras_probabilities(served.project, texts)

    def ask(number: int) -> tuple[int, float | None]:
        if number % 10 == 9:
            body, _ = MALFORMED[number // 10 % len(MALFORMED)]
            return served.post(body).status_code, None
        answer = served.post({"dataframe_records": [{"text": texts[number]}]})
        return answer.status_code, answer.json()["predictions"][0]["probability"]

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(ask, range(1000)))
    assert [status for status, _ in answers] == [400 if number % 10 == 9 else 200 for number in range(1000)]
    good = [number for number in range(1000) if number % 10 != 9]
    np.testing.assert_allclose([answers[number][1] for number in good], expected[good], atol=1e-5)


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
    environment = served.project.environment | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    probability, imported = done.stdout.strip().splitlines()[-2:]
    assert float(probability) == pytest.approx(
        float(keras_probabilities(served.project, [GOOD])[0]), abs=1e-5
    )
    assert imported == "[]"


def test_the_keras_model_alone_is_a_logged_model_of_the_run(served: Served) -> None:
    version = served.client.get_model_version(NAME, "1")
    experiment = served.client.get_run(version.run_id).info.experiment_id
    names = {
        model.name
        for model in served.client.search_logged_models([experiment])
        if model.source_run_id == version.run_id
    }
    assert names == {"keras", "model"}


def test_predict_and_its_explanation_on_the_command_line(served: Served) -> None:
    expected = keras_probabilities(served.project, [GOOD, BAD])
    done = served.project.run("python", "-m", "pipeline", "predict", GOOD, BAD, "--explain", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [row["text"] for row in rows] == [GOOD, BAD]
    np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-5)
    (over_http,) = served.score(BAD, explain=True)
    assert rows[1]["contributions"] == over_http["contributions"]


def test_promote_and_roll_back(served: Served) -> None:
    def champion() -> int:
        return int(served.client.get_model_version_by_alias(NAME, "champion").version)

    def command(*words: str, check: bool = True) -> str:
        return served.project.run("python", "-m", "pipeline", *words, check=check).stdout

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
    refused = command("rollback", check=False)
    assert "no champion is recorded before version 1" in refused
    assert "Traceback" not in refused


def test_trace_leads_back_to_commit_data_and_parameters(served: Served) -> None:
    traced = served.project.run(
        "python", "-m", "pipeline", "trace", "--all", f"models:/{NAME}@champion"
    ).stdout
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
    listed = json.loads(served.project.run("python", "-m", "pipeline", "registry", "--json").stdout)
    of_run = served.client.get_run(listed[0]["run"]).data.metrics["validation_accuracy"]
    shown = [f"{value:.4f}" for value in (chosen_by, of_run, listed[0]["validation_accuracy"])]
    said = f"validation accuracy {shown[0]} (before calibration)"
    assert said in served.client.get_model_version(NAME, str(listed[0]["version"])).description
    assert set(shown) == {shown[0]}


def test_rebuild_gives_the_same_digits_and_leaves_no_trace(served: Served) -> None:
    project = served.project
    before = project.run("git", "status", "--porcelain").stdout
    versions = len(served.client.search_model_versions(f"name = '{NAME}'"))
    done = project.run("python", "-m", "pipeline", "rebuild", f"models:/{NAME}@champion")
    assert "data from DVC's cache" in done.stdout
    assert "the metrics are the same, digit for digit" in done.stdout
    metrics = json.loads(project.path("reports/metrics.json").read_text())
    for name, value in metrics.items():
        assert re.search(rf"^ *{name} +{re.escape(repr(value))} +the same *$", done.stdout, re.MULTILINE)
    table = [line for line in done.stdout.splitlines() if line.rstrip().endswith(" the same")]
    assert len(table) == len(metrics)
    assert max(map(len, table)) <= 80
    assert project.run("git", "status", "--porcelain").stdout == before
    assert len(project.run("git", "worktree", "list").stdout.splitlines()) == 1
    assert len(served.client.search_model_versions(f"name = '{NAME}'")) == versions
