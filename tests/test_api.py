"""The Python interface: what a notebook or another program calls."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np
import pandas as pd
import pytest
import requests
from click.testing import CliRunner
from mlflow import MlflowClient

import pipeline
from e2e.servers import free_port
from pipeline import FittedClassifier, PaddedReviews
from pipeline.__main__ import cli
from pipeline.evaluation.assessment import assess
from pipeline.evaluation.baselines import MODEL, NAIVE_BAYES, Scored
from pipeline.params import ParamsError
from pipeline.reporting import METRIC_NAMES
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json, write_json
from pipeline.runtime.machine import answers
from pipeline.serving.classifier import write_classifier
from pipeline.serving.onnx_export import to_onnx
from pipeline.stages import download, pad
from pipeline.training import task

PROJECT = Path(__file__).resolve().parents[1]
SMALL: dict[str, Any] = {"cell": "gru", "depth": 2, "units": 4, "embedding_dim": 4, "epochs": 8}
FAST: dict[str, Any] = {"batch_size": 8, "learning_rate": 0.05, "dropout": 0.0, "patience": None}
EPOCHS: list[int] = []  # those that the fit told of


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 reviews, all different, in which `superb` or `dreadful` decides."""
    words = {"superb": "positive", "dreadful": "negative"}
    rows = [f"{word} film number{row},{words[word]}\n" for row in range(60) for word in words]
    path = tmp_path_factory.mktemp("api") / "own.csv"
    path.write_text("".join(["text,label\n", *rows]))
    return path


@pytest.fixture(scope="module")
def reviews(file: Path) -> PaddedReviews:
    return pipeline.load_reviews(file, max_length=4, vocab_size=7)


@pytest.fixture(scope="module")
def fitted(reviews: PaddedReviews) -> FittedClassifier:
    return pipeline.fit(SMALL | FAST, reviews, lambda epoch, metrics: EPOCHS.append(epoch))


def test_the_package_names_its_interface_and_nothing_else() -> None:
    names = set(pipeline.__all__) - {"__version__"}
    assert names <= set(dir(pipeline))
    for name in names:
        assert getattr(pipeline, name).__name__ == name
    with pytest.raises(AttributeError, match="'pipeline' has no attribute 'load_review'"):
        pipeline.load_review  # noqa: B018


def test_rows_of_a_file_are_start_words_and_unknowns(reviews: PaddedReviews) -> None:
    """`film` is in all reviews, so its id is 4; `superb` and `dreadful` are 5 and 6; the rest is unknown."""
    assert reviews.name == "own"
    assert reviews.encode(["film"]).tolist() == [[0, 0, 1, 4]]
    assert sorted(reviews.vocabulary.words[1:]) == ["dreadful", "superb"]
    sizes = {name: len(labels) for name, (_, labels) in reviews.rows.items()}
    assert sizes == {"train": 72, "validation": 18, "test": 30}
    word = {reviews.vocabulary.encode(text)[0]: label for label, text in enumerate(("dreadful", "superb"))}
    for token_ids, labels in reviews.rows.values():
        assert (token_ids[:, [0, 2, 3]] == [1, 4, 2]).all()
        assert [word[row[1]] for row in token_ids] == labels.tolist()


def test_a_limit_keeps_the_labels_shares(file: Path) -> None:
    limited = pipeline.load_reviews(file, max_length=4, limit=10)
    shares = {name: np.bincount(labels).tolist() for name, (_, labels) in limited.rows.items()}
    assert shares == {"train": [5, 5], "validation": [5, 5], "test": [5, 5]}
    with pytest.raises(UserError, match="limit must be 4 or more, two reviews of each label, but got 3"):
        pipeline.load_reviews(file, limit=3)


def test_a_network_has_the_weights_that_its_values_say() -> None:
    """585 and 180 weights of two GRU layers, as docs/lesson.md counts them; the embedding and the output."""
    network = pipeline.build_stacked_rnn("gru", 2, 5, embedding_dim=32, vocab_size=50, max_length=7)
    assert network.count_params() == 50 * 32 + 585 + 180 + (5 + 1)
    assert network.input_shape == (None, 7)
    uneven = pipeline.build_stacked_rnn("simple_rnn", 2, [3, 2], embedding_dim=4, vocab_size=9)
    assert uneven.count_params() == 9 * 4 + (4 * 3 + 9 + 3) + (3 * 2 + 4 + 2) + (2 + 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dept": 3}, "there is no value 'dept' of a network or its training; did you mean depth?"),
        ({"depth": 9}, "network: model.depth must be less than or equal to 8, but got 9"),
        ({"layer_pooling": "max", "masking": True}, "pad.padding is pre: set pad.padding to post"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], message: str, reviews: PaddedReviews) -> None:
    with pytest.raises(ParamsError, match=message.replace("?", r"\?")):
        pipeline.fit(values, reviews)


def test_a_fit_tells_of_each_epoch_and_learns(fitted: FittedClassifier) -> None:
    assert EPOCHS == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(fitted.history) == 8
    assert fitted.history[-1]["loss"] < 0.5 * fitted.history[0]["loss"]


def test_metrics_are_of_the_networks_probabilities(fitted: FittedClassifier, reviews: PaddedReviews) -> None:
    token_ids, labels = reviews.rows["test"]
    probabilities = np.asarray(fitted.model(token_ids, training=False))[:, 0].astype(float)
    found = pipeline.evaluate(fitted, reviews)
    assert found["accuracy"].value == np.mean((probabilities >= 0.5) == labels)
    brier = float(np.mean((probabilities - labels) ** 2))
    assert found["brier"].value == pytest.approx(brier, abs=1e-6)
    assert found["brier"].low <= brier <= found["brier"].high
    assert set(found) == set(METRIC_NAMES)


def test_other_rows_or_splits_refused(fitted: FittedClassifier, reviews: PaddedReviews, file: Path) -> None:
    with pytest.raises(UserError, match="split must be one of train, validation, test, but got 'tests'"):
        pipeline.evaluate(fitted, reviews, "tests")
    with pytest.raises(UserError, match="load them with the same values"):
        pipeline.evaluate(fitted, pipeline.load_reviews(file, max_length=5, vocab_size=7))


def test_texts_are_labelled_and_their_words_weighed(fitted: FittedClassifier, reviews: PaddedReviews) -> None:
    good, unknown = fitted.predict(["Superb film!", "zzz"])
    row = reviews.encode(["superb film"])
    assert good.probability == pytest.approx(float(fitted.model(row, training=False)[0, 0]), abs=1e-6)
    assert (good.label, good.unknown_share) == ("positive", 0.0)
    assert (unknown.label, unknown.unknown_share) == ("undecided", 1.0)
    superb, film = pipeline.explain(fitted, "superb film")
    assert (superb.word, film.word) == ("superb", "film")
    rows = np.array([[0, 1, verdict, 4] for verdict in (row[0, 2], 2)])
    whole, erased = np.asarray(fitted.model(rows, training=False))[:, 0].astype(float)
    by_hand = np.log(whole / (1 - whole)) - np.log(erased / (1 - erased))
    assert superb.contribution == pytest.approx(by_hand, abs=1e-3)
    assert superb.contribution > 1


@pytest.mark.parametrize("function", ["predict", "encode"])
def test_texts_come_one_by_one(function: str, fitted: FittedClassifier, reviews: PaddedReviews) -> None:
    """A table gave an answer for its columns' names, a text one for each letter, a generator none at all."""
    take = getattr({"predict": fitted, "encode": reviews}[function], function)
    texts = ["superb film", "film"]
    expected = take(texts)
    table = pd.DataFrame({"text": texts})
    for given in (tuple(texts), (text for text in texts), table["text"], np.array(texts)):
        np.testing.assert_equal(take(given), expected)
    for wrong, named in (
        ("superb film", "got one text"),
        (table, r"got a DataFrame: \w+\(table\['text'\]\)"),
        ({"text": texts}, "got a dict"),
        (5, "got a int"),
        ([texts], "text 0 must be a string, but is of type list"),
        (["film", None], "text 1 must be a string, but is of type NoneType"),
    ):
        with pytest.raises(UserError, match=named):
            take(wrong)
    with pytest.raises(UserError, match="path of a file, but got a DataFrame"):
        pipeline.load_reviews(table)  # type: ignore[arg-type]


@pytest.fixture
def served(fitted: FittedClassifier, reviews: PaddedReviews, empty_store: bytes, here: Path) -> Path:
    """The fitted network as champion of the project's own registry, whose folder is the one we are in."""
    (here / "mlflow.db").write_bytes(empty_store)
    keras.models.save_model(fitted.model, here / "network.keras")
    facts: dict[str, Any] = {"vocab_size": 7, "max_length": 4, "padding": "pre", "truncating": "pre"}
    facts |= {"labels": ["negative", "positive"], "name": "own", "digest": "sha256:0"}
    facts |= {"source": {"file": "own.csv", "hash": "sha256:1"}}
    onnx = to_onnx(fitted.model).SerializeToString()
    folder = here / "mlruns/1/artifacts/classifier"
    write_classifier(folder, onnx, here / "network.keras", reviews.vocabulary, facts, threshold=0.5)
    client = MlflowClient(f"sqlite:///{here}/mlflow.db")
    client.create_registered_model("stacked-rnn-own")
    client.create_model_version("stacked-rnn-own", (here / "mlruns/1").as_uri())
    client.set_registered_model_alias("stacked-rnn-own", "champion", "1")
    (here / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    return folder


TEXTS = ["superb film", "dreadful film", "film"]


def test_the_champion_answers_as_the_registered_network(fitted: FittedClassifier, served: Path) -> None:
    champion = pipeline.load_champion("own")
    assert (champion.name, champion.address) == ("stacked-rnn-own version 1", "models:/stacked-rnn-own/1")
    for registered, own in zip(champion.predict(TEXTS), fitted.predict(TEXTS), strict=True):
        assert registered.label == own.label
        assert registered.probability == pytest.approx(own.probability, abs=1e-5)
    (sure,) = champion.predict(["superb film"], threshold=0.999999)
    assert sure.label == "negative"
    assert pipeline.load_champion("models:/stacked-rnn-own/1").predict(TEXTS) == champion.predict(TEXTS)


def test_a_version_whose_params_have_keys_that_are_gone_is_served_and_traced(served: Path) -> None:
    dataset: dict[str, Any] = {"name": "own", "requested": "file", "source": {"file": "own.csv"}}
    dataset |= {"digest": "sha256:0", "padded_digest": "sha256:1", "unlabelled": {"size": 0}}
    trained: dict[str, Any] = {"preset": None, "trial": 0, "run_id": "", "best_epoch": 1, "params": {}}
    record: dict[str, Any] = {"commit": None, "uncommitted": [], "dvc_lock": None, "metrics": {}}
    record |= {"dataset": dataset, "trained": trained, "packages": {}, "python": "", "machine": ""}
    record |= {"params": {"tune": {"trials": 3}, "gone": {"key": 1}}}
    write_json(served / "lineage.json", record)
    assert pipeline.load_champion("own").predict(["film"])
    assert pipeline.trace("own")["all parameters"] == {"tune.trials": 3, "gone.key": 1}


def test_a_loaded_version_is_a_copy_that_goes_with_it(served: Path) -> None:
    champion = pipeline.load_champion()  # the only one there is
    folder = champion.folder
    assert folder.is_dir()
    assert not folder.is_relative_to(served)
    del champion
    assert not folder.exists()


@pytest.mark.parametrize("name", ["model.onnx", "vocabulary.json", "classifier.json"])
@pytest.mark.parametrize("kept", [0, 20])
def test_a_version_whose_file_was_cut_short_is_named(name: str, kept: int, served: Path) -> None:
    whole = (served / name).read_bytes()
    (served / name).write_bytes(whole[:kept])
    with pytest.raises(
        UserError, match=rf"^of models:/stacked-rnn-own/1 artifacts/classifier/{name} is not "
    ):
        pipeline.load_champion("own")


@pytest.mark.slow
def serve_and_kill(workers: int, temporary: Path, *before: str) -> Any:
    """What `serve` answers, which is then killed, as the system does that is short of memory."""
    port = free_port()
    words = ["serve", "--dataset", "own", "--port", str(port), "--workers", str(workers)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "TMPDIR": str(temporary), "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen([*before, sys.executable, "-m", "pipeline", *words], env=environment) as server:
        while not answers(port):
            assert server.poll() is None
            time.sleep(0.1)
        said = requests.post(f"http://127.0.0.1:{port}/invocations", json={"inputs": TEXTS}, timeout=60)
        server.kill()
    last = time.monotonic() + 60
    while answers(port):
        assert time.monotonic() < last, "another server can take the place"
        time.sleep(0.1)
    return said.json()["predictions"]


def test_the_processes_of_a_killed_server_let_go_of_its_port(served: Path, here: Path) -> None:
    assert len(serve_and_kill(2, here)) == len(TEXTS)


def test_a_read_only_project_under_another_path_is_served_without_a_copy_left_behind(
    served: Path, here: Path, tmp_path_factory: pytest.TempPathFactory, read_only: Callable[[Path], list[str]]
) -> None:
    MlflowClient(f"sqlite:///{here}/mlflow.db").create_experiment("own", (here / "mlruns/own").as_uri())
    temporary, moved = tmp_path_factory.mktemp("temporary"), here.with_name("moved")
    here.rename(moved)
    os.chdir(moved)
    assert len(serve_and_kill(1, temporary, *read_only(moved))) == len(TEXTS)
    assert list(temporary.iterdir()) == []  # of the store, or of the version


def test_a_champion_of_other_data_of_the_name_is_told(served: Path, recwarn: pytest.WarningsRecorder) -> None:
    facts = read_json(served / "classifier.json")
    padded = Path("data/padded/dataset.json")
    for same in (facts, facts | {"digest": "sha256:2"}):  # the same file, divided by another seed
        write_json(padded, same)
        pipeline.load_champion()
    assert not recwarn
    write_json(padded, facts | {"digest": "sha256:2", "source": {"file": "own.csv", "hash": "sha256:3"}})
    with pytest.warns(UserWarning, match="trained on other reviews than those of the last run"):
        pipeline.load_champion()
    said = CliRunner().invoke(cli, ["predict", "film"])
    assert "`python -m pipeline promote` makes another one champion" in said.stderr
    assert said.exit_code == 0
    write_json(padded, facts | {"labels": ["ham", "spam"]})
    refused = CliRunner().invoke(cli, ["predict", "film"])
    assert refused.exit_code == 1
    for words in ("negative, positive, but the", "ham, spam", "data.name", "--model models:/stacked-rnn-own"):
        assert words in refused.stderr
    assert pipeline.load_champion("models:/stacked-rnn-own/1").predict(["film"])


def test_predict_prints_what_the_interface_returns(served: Path) -> None:
    """Digit for digit: of texts, of their words, and of a file's rows."""
    champion = pipeline.load_champion("own")
    threshold = (champion.predict(TEXTS)[0].probability + 1) / 2  # under which no text is positive
    expected = champion.predict(TEXTS, threshold)
    assert [answer.label for answer in expected] == ["negative"] * 3
    options = ["predict", "--dataset", "own", "--threshold", str(threshold)]
    said = CliRunner().invoke(cli, [*options, "--json", "--explain", *TEXTS], catch_exceptions=False)
    assert said.stderr == "stacked-rnn-own version 1\n"
    for line, text, answer in zip(said.stdout.splitlines(), TEXTS, expected, strict=True):
        assert json.loads(line) == {
            "text": text,
            "label": answer.label,
            "probability": answer.probability,
            "unknown_share": answer.unknown_share,
            "contributions": [word._asdict() for word in pipeline.explain(champion, text)],
        }
    Path("texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    files = ["--input", "texts.jsonl", "--output", "scored.jsonl"]
    CliRunner().invoke(cli, [*options, *files], catch_exceptions=False)
    scored = [json.loads(line) for line in Path("scored.jsonl").read_text().splitlines()]
    for row, answer in zip(scored, expected, strict=True):
        assert (row["label"], row["probability"]) == (answer.label, answer.probability)


def test_reviews_are_those_of_the_stages(reviews: PaddedReviews, here: Path) -> None:
    params = reviews.params.replace({"pad.held_back_fraction": 0.0})
    download.run(params)
    pad.run(params)
    for name, (token_ids, labels) in reviews.rows.items():
        with np.load(f"data/padded/{name}.npz") as padded:
            np.testing.assert_array_equal(padded["token_ids"], token_ids)
            np.testing.assert_array_equal(padded["labels"], labels)


def test_a_fit_is_that_of_the_stages(fitted: FittedClassifier, reviews: PaddedReviews) -> None:
    """Digit for digit: what ``train`` hands its engine, and what ``evaluate`` makes of the probabilities."""
    names, seed = ("token_ids", "labels"), reviews.params.seed
    splits = {name: dict(zip(names, rows, strict=True)) for name, rows in reviews.rows.items()}
    test = splits.pop("test")
    trained = task.fit(fitted.params, seed, task.data_of(splits), lambda epoch: None)
    assert trained.history == fitted.history
    probabilities, labels = fitted.texts.network(test["token_ids"]), test["labels"]
    scored = [Scored(name, probabilities, probabilities) for name in (MODEL, NAIVE_BAYES)]
    found = assess(test | {"lengths": np.full(len(labels), 3)}, labels, scored[0], scored[1:], seed)
    for name, estimate in pipeline.evaluate(fitted, reviews).items():
        assert estimate.value == found.metrics[f"test_{name}"]
        assert (estimate.low, estimate.high) == found.intervals[f"test_{name}"]


def test_a_network_is_drawn_with_its_skips(fitted: FittedClassifier) -> None:
    svg = pipeline.draw_stack(fitted.model).svg
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert svg.count("h(t-1)") == 2
    assert "4 a review" in svg and "residual" not in svg and "highway" not in svg
    for skip in ("residual", "highway"):
        values: dict[str, Any] = {"skip": skip, "vocab_size": 9, "max_length": 5}
        assert pipeline.draw_stack(pipeline.build_stacked_rnn("gru", 2, 4, **values)).svg.count(skip) == 2


def test_gradient_norms_are_by_layer_and_step(fitted: FittedClassifier, reviews: PaddedReviews) -> None:
    """At the top's last state by hand: the output is sigmoid(w h + b), so dLoss/dh = (p - y) w."""
    split = reviews.validation
    norms = pipeline.gradient_norms(fitted.model, split.token_ids, split.labels)
    assert norms.shape == (2, 4)
    errors = np.asarray(fitted.model(split.token_ids, training=False))[:, 0] - split.labels
    weights = fitted.model.get_layer("probability").get_weights()[0]
    assert norms[-1, -1] == pytest.approx(np.abs(errors).mean() * np.linalg.norm(weights), rel=1e-4)


def test_the_guides_snippets_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one program, as they stand on the page; only the registry is replaced, by the fitted network."""
    page = (PROJECT / "docs/python-interface.md").read_text()
    program: dict[str, Any] = {}
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(pipeline, "load_champion", lambda: program["fitted"], raising=False)
    monkeypatch.setattr(pipeline, "list_versions", list, raising=False)
    monkeypatch.setattr(pipeline, "trace", lambda: {"code": {}}, raising=False)
    for snippet in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(snippet, program)  # noqa: S102 - the page's own code
    assert program["reviews"].train.token_ids.shape == (14, 20)
    assert program["champion"] is program["fitted"]
    assert program["norms"].shape == (2, 20)
    assert set(program["fitted"].history[0]) >= {"loss", "validation_accuracy", "gradient_norm"}
