"""What is logged of a version: it loads beside other versions and other code, and answers MLflow's tools."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from mlflow.exceptions import MlflowException
from mlflow.models.cli import commands
from mlflow.utils.logging_utils import eprint

from pipeline.evaluation.probabilities import from_outputs
from pipeline.registry import packaging
from pipeline.registry.packaging import PACKAGE, Candidate, pack, write_export
from pipeline.reviews.padding import pad_texts
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.live import without_lines
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.profile import Profile
from texts import vocabulary_of

VOCABULARY = Vocabulary(("great", "film", "bad"))
LAYOUT: dict[str, Any] = {"vocab_size": 7, "max_length": 4, "padding": "pre", "truncating": "pre"}
DATASET = LAYOUT | {"labels": ["negative", "positive"], "name": "tiny", "digest": "sha256:0", "source": {}}
TEXTS = ["great film", "bad film", "film", "bad great bad"]
PROFILE = Profile(
    {"length": np.full(4, 2.0)}, np.zeros(7, int), np.arange(4), np.zeros(0, int), np.zeros(5, int), 0.5
)


def candidate(
    folder: Path, network: keras.Model, vocabulary: Vocabulary, dataset: dict[str, Any] = DATASET
) -> Candidate:
    file = folder / "stacked_rnn.keras"
    network.save(file)
    rows = pad_texts(TEXTS, vocabulary, **LAYOUT)
    said = from_outputs(network.predict(rows, verbose=0))
    return Candidate(network, file, vocabulary, rows, said, {"dataset": dataset}, PROFILE)


def trained(folder: Path, vocabulary: Vocabulary = VOCABULARY) -> Candidate:
    """A network in which `great` speaks for the second label and `bad` against it."""
    token_ids = keras.Input((4,), dtype="int32")
    states = keras.layers.SimpleRNN(1)(keras.layers.Embedding(7, 1)(token_ids))
    model = keras.Model(token_ids, keras.layers.Dense(1, "sigmoid")(states))
    embedding = np.array([0, 0, 0, 0, 1.0, 0.1, -1.0])[:, None]
    weights = [embedding, [[1.0]], [[0.9]], [0.0], [[2.0]], [0.0]]
    model.set_weights([np.array(weight) for weight in weights])
    return candidate(folder, model, vocabulary)


def save(folder: Path, package: Path = PACKAGE) -> Path:
    folder.mkdir(parents=True)
    with pack(trained(folder), package) as model:
        mlflow.pyfunc.save_model(folder / "model", **model)
    return folder / "model"


def test_only_mlflows_lines_on_a_registration_are_held_back(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", open(2, "w", closefd=False))  # noqa: SIM115 - as outside pytest
    with pytest.raises(ZeroDivisionError), without_lines(packaging.REGISTERED):
        eprint("Successfully registered model 'stacked-rnn-tiny'.")
        eprint("a warning")
        eprint("Created version '1' of model 'stacked-rnn-tiny'.")
        raise ZeroDivisionError
    assert capfd.readouterr().err == "a warning\n"


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("version") / "1")


@pytest.fixture(scope="module")
def model(version: Path) -> Any:
    return mlflow.pyfunc.load_model(str(version))


@pytest.fixture(scope="module")
def other_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version whose code says `unsure` where this checkout's says `undecided`."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(PACKAGE, folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    classifier = folder / "pipeline/serving/classifier.py"
    classifier.write_text(classifier.read_text().replace('UNDECIDED = "undecided"', 'UNDECIDED = "unsure"'))
    return save(folder / "2", folder / "pipeline")


@pytest.mark.parametrize("mine_first", [True, False])
def test_versions_in_one_process_answer_each_with_its_own_code_beside_a_users_package_called_pipeline(
    mine_first: bool, version: Path, other_version: Path, tmp_path: Path
) -> None:
    """Asked, in either order, for an unknown word's label, without what only training needs."""
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text("MINE = 1\n")
    paths = [str(version), str(other_version)][:: 1 if mine_first else -1]
    mine = "import pipeline; assert pipeline.MINE == 1"
    code = f"""
import sys, mlflow
{mine if mine_first else ""}
models = [mlflow.pyfunc.load_model(path) for path in {paths}]
{mine}
print([model.predict(["zzz"]).label[0] for model in models], {{"keras", "onnx"}} & set(sys.modules))
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = "['undecided', 'unsure']" if mine_first else "['unsure', 'undecided']"
    assert done.stdout.splitlines()[-1] == f"{expected} set()"


def test_a_version_takes_the_modules_along_that_it_needs_and_no_more(version: Path) -> None:
    (package,) = (version / "code").iterdir()
    files = {str(path.relative_to(package)) for path in package.rglob("*.py")}
    assert {"serving/classifier.py", "serving/onnx_network.py", "reviews/vocabulary.py"} <= files
    assert not {name.split("/")[0] for name in files} & {"networks", "training", "registry", "stages"}
    assert "from pipeline" not in "".join(path.read_text() for path in version.rglob("*.py"))


def test_a_version_holds_the_onnx_network_beside_the_keras_one_and_no_pickle(version: Path) -> None:
    names = {path.name for path in (version / "artifacts/classifier").iterdir()}
    data = {"classifier.json", "lineage.json", "profile.npz"}
    assert names == {"model.onnx", "stacked_rnn.keras", "vocabulary.json"} | data
    assert not [path for path in version.rglob("*") if path.suffix in (".pkl", ".pickle")]
    requirements = (version / "requirements.txt").read_text()
    assert "onnxruntime==" in requirements
    assert "tensorflow" not in requirements


def test_a_version_that_reads_subwords_takes_their_model_along_and_asks_for_its_package(
    tmp_path: Path,
) -> None:
    vocabulary = vocabulary_of(["很好看", "太无聊"] * 5, "subwords", 50)
    with pack(trained(tmp_path, vocabulary)) as told:
        mlflow.pyfunc.save_model(tmp_path / "model", **told)
    assert "sentencepiece==" in (tmp_path / "model/requirements.txt").read_text()
    scores = TextClassifier.load(tmp_path / "model/artifacts/classifier").score(["很好看", "鯨"])
    answer = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(["很好看", "鯨"])
    assert answer.probability.tolist() == scores.probabilities.tolist()
    assert answer.unknown_share.tolist() == scores.unknown_shares.tolist()
    assert answer.unknown_share[0] < 0.5 <= answer.unknown_share[1]


def test_answers_stay_with_their_rows(model: Any) -> None:
    table = pd.DataFrame({"text": TEXTS}).sample(frac=1, random_state=1)
    expected = dict(zip(TEXTS, model.predict(TEXTS).probability, strict=True))
    table["probability"] = model.predict(table)["probability"]
    assert len(set(expected.values())) == len(TEXTS)
    assert dict(zip(table.text, table.probability, strict=True)) == expected


def test_an_answer_can_be_traced(version: Path, tmp_path: Path) -> None:
    """MLflow writes `registered_model_meta` beside a model that it loads from the registry."""
    shutil.copytree(version, tmp_path / "loaded")
    unregistered = mlflow.pyfunc.load_model(str(tmp_path / "loaded")).predict("great film")
    assert unregistered.columns.tolist() == ["label", "probability", "unknown_share", "version", "run_id"]
    assert unregistered.version.tolist() == [""]
    facts = {"model_name": "stacked-rnn-tiny", "model_version": 3}
    (tmp_path / "loaded/registered_model_meta").write_text(yaml.safe_dump(facts))
    description = yaml.safe_load((tmp_path / "loaded/MLmodel").read_text()) | {"run_id": "abc"}
    (tmp_path / "loaded/MLmodel").write_text(yaml.safe_dump(description))
    traced = mlflow.pyfunc.load_model(str(tmp_path / "loaded")).predict("great film")
    assert (traced.version[0], traced.run_id[0]) == ("models:/stacked-rnn-tiny/3", "abc")


def test_a_log_has_the_ids_that_a_request_gave_in_any_form(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`instances` and `inputs` of MLflow's server reach the model as arrays."""
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", str(tmp_path / "log.jsonl"))
    model = mlflow.pyfunc.load_model(str(version))
    model.predict(pd.DataFrame({"id": [7, 8], "text": TEXTS[:2]}))
    model.predict({"id": np.array([9]), "text": np.array(TEXTS[:1])})
    model.predict(TEXTS[0])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line.get("id") for line in lines] == [7, 8, 9, None]


def test_mlflows_evaluation_understands_the_answer(model: Any, tmp_path: Path, empty_store: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_store)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("evaluation", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("evaluation")
    labels = ["positive", "negative", "negative", "negative"]  # the third is wrong: `film` is positive here
    table = pd.DataFrame({"text": [*TEXTS[:3], "bad"], "label": labels})
    table["predicted"] = model.predict(table)["label"]
    with mlflow.start_run():
        metrics = mlflow.models.evaluate(
            data=table, targets="label", predictions="predicted", model_type="classifier"
        ).metrics
    assert (metrics["accuracy_score"], metrics["false_positives"]) == (0.75, 1)


def test_what_can_not_be_scored_is_an_invalid_parameter_value(model: Any) -> None:
    for given, params, named in (
        (pd.DataFrame({"review": ["fine"]}), {}, "no column 'text'"),
        (["fine"], {"threshold": 1.5}, "above 0 and below 1, but got 1.5"),
    ):
        with pytest.raises(MlflowException, match=named) as raised:
            model.predict(given, params=params)
        assert raised.value.get_http_status_code() == 400


def linked(python: Path) -> None:
    """Lends an empty environment the packages that are installed here."""
    (site,) = python.parents[1].glob("lib/python3*/site-packages")
    waiting, seen = ["onnxruntime", "numpy"], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        waiting += [re.split(r"[^\w.-]", line)[0] for line in found.requires or () if "extra ==" not in line]
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if not (site / top).exists():
                (site / top).symlink_to(str(found.locate_file(top)))


def test_an_exported_version_runs_where_there_is_onnxruntime_and_numpy_alone(
    version: Path, model: Any, tmp_path: Path
) -> None:
    write_export(version / "artifacts/classifier", tmp_path / "exported")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "fresh")], check=True)
    python = tmp_path / "fresh/bin/python"
    linked(python)
    command = [str(python), "-I", str(tmp_path / "exported/example.py"), "great film", "zzz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    probability = model.predict("great film").probability[0]
    assert first.split("\t") == ["positive", f"{probability:.4f}", "0% unknown", "great film"]
    assert second.startswith("undecided\t")
    for absent in ("joblib", "mlflow", "pandas", "keras", "yaml"):
        words = [str(python), "-I", "-c", f"import {absent}"]
        assert subprocess.run(words, check=False, capture_output=True).returncode == 1, absent
    # More texts than one batch holds, which run side by side.
    many = subprocess.run([*command[:3], *["great film"] * 100], capture_output=True, text=True, check=True)
    assert set(many.stdout.splitlines()) == {first}


def test_mlflow_makes_a_dockerfile_with_what_a_version_needs(version: Path, tmp_path: Path) -> None:
    words = ["generate-dockerfile", "--model-uri", str(version)]
    done = CliRunner().invoke(commands, [*words, "--output-directory", str(tmp_path / "image")])
    assert done.exit_code == 0, done.output
    dockerfile = (tmp_path / "image/Dockerfile").read_text()
    python = ".".join(map(str, sys.version_info[:3]))
    assert dockerfile.splitlines()[1] == f"FROM python:{python}-slim"
    assert f"RUN pip install mlflow=={mlflow.__version__}" in dockerfile
    (source,) = re.findall(r"^COPY (\S+) /opt/ml/model$", dockerfile, re.MULTILINE)
    copied = tmp_path / "image" / source
    assert (copied / "artifacts/classifier/model.onnx").is_file()
    assert list((copied / "code").iterdir())
    requirements = (copied / "requirements.txt").read_text()
    served = {"mlflow", "numpy", "onnxruntime", "pandas", "httptools", "uvloop"}
    assert served == set(re.findall(r"^(\w+)==", requirements, re.MULTILINE))


def test_an_export_overwrites_nothing(version: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ValueError, match="DIR must be a new or an empty folder"):
        write_export(version / "artifacts/classifier", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_export_that_breaks_off_leaves_nothing(version: Path, tmp_path: Path) -> None:
    """So that the same command can be given again."""
    broken = shutil.copytree(version / "artifacts/classifier", tmp_path / "classifier")
    (broken / "classifier.json").unlink()
    with pytest.raises(FileNotFoundError):
        write_export(broken, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_version_of_three_labels_answers_with_a_probability_of_each(tmp_path: Path) -> None:
    """`great` speaks for one label, `bad` for another, by a known softmax of the two counts."""
    names = ["dire", "mixed", "fine, really"]
    token_ids = keras.Input((4,), dtype="int32")
    states = keras.layers.SimpleRNN(2, "relu")  # it counts
    counts = states(keras.layers.Embedding(7, 2)(token_ids))
    network = keras.Model(token_ids, keras.layers.Dense(3, "softmax", name="probability")(counts))
    embedding = np.zeros((7, 2))
    embedding[4], embedding[6] = (1, 0), (0, 1)
    output = np.array([[0, 0, 2.0], [2.0, 0, 0]])
    network.set_weights([embedding, np.eye(2), np.eye(2), np.zeros(2), output, np.zeros(3)])
    with pack(candidate(tmp_path, network, VOCABULARY, DATASET | {"labels": names})) as version:
        mlflow.pyfunc.save_model(tmp_path / "model", **version)
    model = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    table = model.predict(pd.DataFrame({"text": TEXTS}), params={"explain": True, "explain_label": "dire"})
    e = np.exp(2)
    by_label = [
        [1 / (2 + e), 1 / (2 + e), e / (2 + e)],
        [e / (2 + e), 1 / (2 + e), 1 / (2 + e)],
        [1 / 3] * 3,
        [e**2 / (e**2 + 1 + e), 1 / (e**2 + 1 + e), e / (e**2 + 1 + e)],
    ]
    assert table[[f"probability_{name}" for name in names]].to_numpy() == pytest.approx(np.array(by_label))
    assert table["label"].tolist() == [names[2], names[0], names[0], names[0]]
    assert table["probability"].tolist() == pytest.approx([max(row) for row in by_label])
    # Of "great film", without great all three are alike: the odds of "dire" go from 1 : 1 + e to 1 : 2.
    assert table["contributions"][0][0]["contribution"] == pytest.approx(np.log(2 / (1 + e)), abs=1e-5)
    columns = [*table.columns[:3], *(f"probability_{name}" for name in names), "version", "run_id"]
    assert model.metadata.signature.outputs.input_names() == columns
    with pytest.raises(MlflowException, match="must be one of dire, mixed, fine, really, but got 'odd'"):
        model.predict(TEXTS, params={"explain": True, "explain_label": "odd"})
    classifier = TextClassifier.load(tmp_path / "model/artifacts/classifier")
    with pytest.raises(ValueError, match="threshold must be left out, since there are 3 labels"):
        classifier.score(TEXTS, threshold=0.4)
    write_export(tmp_path / "model/artifacts/classifier", tmp_path / "exported")
    command = [sys.executable, "-I", str(tmp_path / "exported/example.py"), "great film"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == "fine, really\tdire 0.1065, mixed 0.1065, fine, really 0.7870\t0% unknown\tgreat film\n"
