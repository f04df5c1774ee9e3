"""The commands a user types, run for real on a small file of reviews."""

import json
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from dvc.repo import Repo
from mlflow import MlflowClient
from sklearn.metrics import accuracy_score, roc_auc_score

from e2e.conftest import FOLDER, Project

pytestmark = pytest.mark.slow
PREFIXES = ("test_", "naive_bayes_test_", "tfidf_test_", "naive_bayes_whole_test_", "majority_test_")
METRICS = ("accuracy", "f1", "roc_auc", "log_loss", "brier", "ece")
REMOTE = "[core]\n    remote = store\n['remote \"store\"']\n    url = {}\n"


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def client(project: Project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.path('mlflow.db')}")


def all_runs(project: Project) -> dict:
    """By their ids."""
    store = client(project)
    runs = store.search_runs([experiment.experiment_id for experiment in store.search_experiments()])
    return {run.info.run_id: run for run in runs}


def read(project: Project, name: str) -> dict:
    """A JSON file."""
    return json.loads(project.path(name).read_text())


def would_run(project: Project) -> list[str]:
    """What `dvc status` finds changed."""
    with Repo(project.folder) as repo:
        return [stage.rpartition(":")[2] for stage in repo.status()]  # before it, dvc.yaml's path from here


def test_repro_runs_the_four_stages_in_order_and_says_what_came_out(reproduced: Project) -> None:
    output = " ".join(reproduced.path("first_output.txt").read_text().split())
    assert stages_run(output) == ["download", "pad", "train", "evaluate"]
    assert "naive Bayes n-grams" in output
    assert "trial 1 complete" in output, "it outlived its terminal"
    assert "Registered as stacked-rnn-mine version 1, champion" in output


def test_the_files_other_tools_rely_on_are_there(reproduced: Project) -> None:
    raw = read(reproduced, "data/raw/dataset.json")
    assert (raw["name"], raw["requested"]) == ("mine", "file")
    assert raw["digest"].startswith("sha256:")
    train = np.load(reproduced.path("data/padded/train.npz"))
    assert train["token_ids"].dtype == np.int32
    assert train["token_ids"].shape[1] == 30
    report = read(reproduced, "reports/train.json")
    assert report["run_id"]
    assert 0 <= report["validation_accuracy"] <= 1
    metrics, intervals = read(reproduced, "reports/metrics.json"), read(reproduced, "reports/intervals.json")
    assert set(metrics) >= {f"{prefix}{name}" for prefix in PREFIXES for name in METRICS}
    for name in METRICS:
        assert intervals[f"test_{name}"]["low"] <= intervals[f"test_{name}"]["high"]
    dropped = read(reproduced, "data/padded/dataset.json")["duplicates_dropped"]
    assert metrics["duplicates_train_in_validation"] == dropped["train_in_validation"]
    for page in ("report.html", "model_card.md"):
        assert "stacked-rnn-mine" in reproduced.path(f"reports/{page}").read_text()
    assert reproduced.path("models/stacked_rnn.keras").is_file()


def test_the_reported_metrics_are_those_of_the_saved_model(reproduced: Project) -> None:
    test = np.load(reproduced.path("data/padded/test.npz"))
    model = keras.models.load_model(reproduced.path("models/stacked_rnn.keras"))
    probabilities = model.predict(test["token_ids"], verbose=0)[:, 0]
    metrics = read(reproduced, "reports/metrics.json")
    assert metrics["test_accuracy"] == accuracy_score(test["labels"], probabilities >= 0.5)
    assert metrics["test_roc_auc"] == pytest.approx(roc_auc_score(test["labels"], probabilities), abs=1e-6)
    # Three of eight words tell the label, so a bag of words must nearly always be right.
    assert metrics["naive_bayes_test_accuracy"] > 0.95


def test_the_registry_holds_the_model_under_the_data_sets_name(reproduced: Project) -> None:
    store = client(reproduced)
    version = store.get_model_version_by_alias("stacked-rnn-mine", "champion")
    assert int(version.version) == 1
    assert version.run_id == read(reproduced, "reports/train.json")["run_id"]
    assert version.tags["dataset.digest"] == read(reproduced, "data/raw/dataset.json")["digest"]
    assert "models:/stacked-rnn-mine@champion" in store.get_registered_model("stacked-rnn-mine").description


def test_one_parent_run_holds_everything_and_a_child_each_trial(reproduced: Project) -> None:
    store, report, runs = client(reproduced), read(reproduced, "reports/train.json"), all_runs(reproduced)
    parent = runs.pop(report["run_id"])
    assert parent.info.status == "FINISHED"
    assert parent.data.params["model.units"] == str(report["params"]["model.units"])  # the winner's
    assert parent.info.run_name.startswith("simple_rnn 2x")
    metrics = read(reproduced, "reports/metrics.json")
    assert parent.data.metrics["test_accuracy"] == metrics["test_accuracy"]
    head = reproduced.run("git", "rev-parse", "HEAD").stdout.strip()
    assert parent.data.tags["mlflow.source.git.commit"] == head
    kept = store.download_artifacts(parent.info.run_id, "dvc.lock")
    stages = yaml.safe_load(reproduced.path("dvc.lock").read_text())["stages"]
    assert yaml.safe_load(Path(kept).read_text())["stages"] == {
        name: stages[name] for name in ("download", "pad", "train")
    }
    inputs = {entry.dataset.name for entry in parent.inputs.dataset_inputs}
    assert inputs == {"mine-train", "mine-validation", "mine-test"}
    files = {item.path for item in store.list_artifacts(parent.info.run_id)}
    assert {"report.html", "errors.csv", "metrics.json", "intervals.json", "params.yaml"} <= files
    tested = {f"test_{name}" for name in METRICS} | {"test_accuracy_of_baseline", "test_accuracy_of_majority"}
    assert {name for name in parent.data.metrics if "test_" in name} == tested  # the rest is in metrics.json
    assert parent.data.tags["mlflow.note.content"].startswith("simple RNN network, 2 layers of ")
    artifacts = {item.path for item in store.list_artifacts(parent.info.run_id, "figures")}
    assert {"figures/roc.png", "figures/confusion.png", "figures/training_accuracy.png"} <= artifacts
    assert not any(name.startswith("system/") for name in parent.data.metrics)  # MLflow lists them first
    machine = [runs.pop(key) for key, run in list(runs.items()) if run.info.run_name.startswith("machine")]
    assert {run.info.run_name for run in machine} == {"machine during train", "machine during evaluate"}
    assert all("system/cpu_utilization_percentage" in run.data.metrics for run in machine)
    assert len(runs) == 2  # tune.trials
    for child in runs.values():
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.status == "FINISHED"
        curve = store.get_metric_history(child.info.run_id, "validation_accuracy")
        assert [point.step for point in curve] == [1, 2]
        summary = store.download_artifacts(child.info.run_id, "model_summary.txt")
        assert "Total params" in Path(summary).read_text()
    first = next(run for run in runs.values() if run.data.tags["trial.number"] == "0")
    assert first.data.params["model.units"] == "4"  # the configured model


def test_plots_metrics_and_params_show_in_dvc(reproduced: Project) -> None:
    metrics = reproduced.run("dvc", "metrics", "show").stdout
    page = reproduced.run("dvc", "plots", "show", "--out", "plots_page").stdout.strip()
    headings, values = metrics.strip().splitlines()
    assert headings.split() == ["Path", "accuracy", "baseline", "log_loss"]
    assert max(len(headings), len(values)) <= 80
    assert "failed to load" not in metrics + page
    html = reproduced.path("plots_page/index.html").read_text()
    assert page.endswith("index.html")
    for title in ("ROC, test split", "Reliability, test split", "Accuracy by length, test split"):
        assert title in html
    pictures = {path.stem for path in reproduced.path("plots_page/static").glob("*.png")}
    for name in ("figures_roc", "figures_confusion", "figures_training_accuracy", "study_history"):
        assert f"workspace_reports_{name}" in pictures


def test_a_changed_parameter_runs_only_what_depends_on_it(project: Project) -> None:
    assert would_run(project) == []
    project.set_params(model__units=5)
    assert would_run(project) == ["train"]  # evaluate follows, since train's outputs will differ
    project.set_params(model__units=4, pad__max_length=20)
    assert would_run(project) == ["pad"]
    project.set_params(pad__max_length=30, evaluate__baseline_ngrams=1)
    assert would_run(project) == ["evaluate"]


def test_a_bad_value_loses_nothing(project: Project) -> None:
    kept = ("models/stacked_rnn.keras", "reports/metrics.json", "reports/train.json", "data/raw/reviews.npz")
    before = {name: project.path(name).read_bytes() for name in kept}
    project.set_params(model__dropout=1.5, data__test_fraction=0.5)  # every stage is concerned
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "params.yaml: model.dropout must be less than 1, but got 1.5" in done.stdout
    assert "Traceback" not in done.stdout
    assert {name: project.path(name).read_bytes() for name in kept} == before


def test_mlflow_run_lands_in_one_parent_run(project: Project) -> None:
    project.run("git", "add", "dvc.lock", "reports")  # as the last words of a run advise
    project.run("git", "commit", "--quiet", "--message", "a run to compare with")
    known = all_runs(project).keys()
    values = {"depth": "1", "units": "3", "dropout": "0.1", "cell": "lstm", "trials": "1"}
    values |= {"source": "file", "path": "mine.csv", "max_length": "30", "epochs": "1"}
    values |= {"model.embedding_dim": "6"}  # no parameter of MLproject: any dotted key will do
    words = [word for key, value in values.items() for word in ("-P", f"{key}={value}")]
    output = project.run("mlflow", "run", ".", "--env-manager", "local", *words).stdout
    assert output.rindex("Experiment results") < output.index("The report: reports/report.html")
    assert stages_run(output) == ["train", "evaluate"]
    new = [run for key, run in all_runs(project).items() if key not in known]
    (parent,) = (run for run in new if "mlflow.parentRunId" not in run.data.tags)
    assert len([run for run in new if "trial.number" in run.data.tags]) == 1
    assert all(run.info.status == "FINISHED" for run in new)
    assert parent.data.params["depth"] == "1"  # as `mlflow run` logs it
    assert (parent.data.params["model.depth"], parent.data.params["model.cell"]) == ("1", "lstm")
    assert parent.data.params["model.embedding_dim"] == "6"
    assert read(project, "reports/train.json")["run_id"] == parent.info.run_id
    assert "test_accuracy" in parent.data.metrics
    version = client(project).get_model_version("stacked-rnn-mine", "2")
    assert version.run_id == parent.info.run_id
    assert [path.name for path in project.folder.parent.iterdir()] == [FOLDER]  # no jos%C3%A9%20luis
    # The guide's commands, which put the experiment beside the run before it, show scores first.
    guide = project.path("docs/mlflow-and-dvc.md").read_text()
    commands = [shlex.split(line, comments=True) for line in re.findall(r"^dvc .*", guide, re.MULTILINE)]
    printed = {words[1]: project.run(*words, COLUMNS="300").stdout for words in commands}
    assert set(printed) == {"exp", "metrics", "plots"}
    heading = next(line for line in printed["exp"].splitlines() if "Experiment" in line)
    assert heading.split()[:2] == ["Experiment", "accuracy"]
    assert heading.index("model.") < 80  # scores that differ, then values that do
    changed = [line.split()[1] for line in printed["metrics"].splitlines()[1:]]
    assert changed[0] == "accuracy"
    assert set(changed) <= {"accuracy", "baseline", "log_loss"}
    assert max(map(len, printed["metrics"].splitlines())) <= 80
    assert "file://" in printed["plots"]
    assert json.loads(project.call("compare", "--json"))[1]["settings"]


def test_a_fresh_clone_pulls_its_data_and_registers_what_it_has(project: Project, tmp_path: Path) -> None:
    """Its store is empty, and DVC finds nothing to run."""
    project.run("git", "add", "dvc.lock", "reports")
    project.run("git", "commit", "--quiet", "--message", "a run")
    clone = Project(tmp_path / "clone", project.environment)
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    for each in (project, clone):
        each.path(".dvc/config.local").write_text(REMOTE.format(tmp_path / "store"))
    project.run("dvc", "push", "--quiet")
    clone.run("dvc", "pull")
    assert would_run(clone) == []
    assert "it is empty: `make run` registers the network" in clone.call(
        "predict", "a wonderful film", status=1
    )
    said = clone.run("python", "-m", "pipeline", "run").stdout  # what `make run` calls
    assert "lacks this network" in said
    assert stages_run(said) == ["evaluate"]
    assert "stacked-rnn-mine version 1\npositive" in clone.call("predict", "a wonderful film")
    assert "lacks" not in clone.call("run")


def test_mlflow_run_judges_every_value_before_any_work(project: Project) -> None:
    before = project.path("params.yaml").read_text()
    words = ["-P", "source=file", "-P", "path=mine.csv", "-P", "dropout=1.5"]
    done = project.run("mlflow", "run", ".", "--env-manager", "local", *words, check=False)
    assert done.returncode != 0
    assert "command line: model.dropout must be less than 1, but got 1.5" in done.stdout
    assert project.path("params.yaml").read_text() == before
    assert stages_run(done.stdout) == []
    assert {run.info.status for run in all_runs(project).values()} <= {"FINISHED", "FAILED"}
