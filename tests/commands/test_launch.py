import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from mlflow.projects.utils import load_project

from pipeline.__main__ import cli
from pipeline.commands import run as launch
from pipeline.commands.run import dvc_arguments, parse_options, with_options
from pipeline.params import Params, ParamsError, Value, load_params
from pipeline.runtime.errors import UserError
from plain import plain_text
from reviews.own_files import write

PROJECT = Path(__file__).resolve().parents[2]


def test_options_are_read_as_yaml() -> None:
    words = ["--model.depth", "3", "--model.units", "[8,4]", "--model.bidirectional=true"]
    words += ["--train.clipnorm", "null", "--train.learning_rate", "1e-3", "--data.path", "a b.csv"]
    assert parse_options(words) == {
        "model.depth": 3,
        "model.units": (8, 4),
        "model.bidirectional": True,
        "train.clipnorm": None,
        "train.learning_rate": 0.001,
        "data.path": "a b.csv",
    }


def test_what_is_no_option_or_has_no_value_is_named() -> None:
    with pytest.raises(ParamsError, match=r"--model\.depth has no value"):
        parse_options(["--model.depth"])
    with pytest.raises(ParamsError, match=r"expected --SECTION\.KEY VALUE, but got 'model\.depth'"):
        parse_options(["model.depth", "3"])


def test_only_changed_values_go_to_dvc(params: Params) -> None:
    values: dict[str, Value] = {"data.path": "it's, here.csv", "model.depth": 3, "model.units": (8, 4, 2)}
    values |= {"model.masking": True, "train.clipnorm": 1.0, "tune.trials": 1}
    assert dvc_arguments(params, params.replace(values)) == [
        "exp",
        "run",
        r"--set-param=data.path='it\'s, here.csv'",
        "--set-param=model.depth=3",
        "--set-param=model.units=[8,4,2]",
        "--set-param=model.masking=true",
        "--set-param=train.clipnorm=1.0",
        "--set-param=tune.trials=1",
    ]
    assert dvc_arguments(params, params) == ["repro"]


def test_a_value_for_one_run_is_not_varied_by_its_study(params: Params, tmp_path: Path) -> None:
    """What reaches DVC, applied to params.yaml as DVC does, gives a study that holds the value."""
    values: dict[str, Value] = {"model.depth": 3, "model.units": params.model.units, "train.clipnorm": 0.5}
    _, _, *words = dvc_arguments(params, with_options(params, values))
    file = tmp_path / "params.yaml"
    file.write_text(plain_text())
    apply_overrides(file, [word.removeprefix("--set-param=") for word in words])
    reached = load_params(file)
    assert (reached.model.depth, reached.train.clipnorm) == (3, 0.5)
    assert set(reached.tune.search_space) == set(params.tune.search_space) - {"model.depth"}
    apply_overrides(file, ["tune.search_space.model.units.high=128"])
    assert load_params(file).tune.search_space["model.units"].values == (8, 128)


def test_a_mapping_of_one_run_takes_the_place_of_what_stands_there(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    values = parse_options(
        ["--data.labels={1: bad, 3: null, very good: it's}", "--train.class_weights={bad: 2}"]
    )
    for labels in (None, ["ham", "spam"], {"spam": "junk", "ham": "ham"}):
        file.write_text(plain_text(data={"labels": labels}))
        params = load_params(file)
        _, _, *words = dvc_arguments(params, with_options(params, values))
        apply_overrides(file, [word.removeprefix("--set-param=") for word in words])
        reached = load_params(file)
        assert reached.data.labels == {"1": "bad", "3": None, "very good": "it's"}
        assert reached.train.class_weights == {"bad": 2.0}
    for key in ("très bien", "01", "1e1", "Null", "C#"):
        with pytest.raises(UserError, match=r"data\.labels into params\.yaml"):
            dvc_arguments(params, params.replace({"data.labels": {key: "a", "b": "c"}}))


ENTRIES = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]


def test_mlproject_names_parameters_and_leaves_their_values_to_params_yaml(params: Params) -> None:
    """The command maps -P names to dotted keys; an empty value is as if the option weren't there."""
    main, train = ENTRIES["main"], ENTRIES["train"]
    options = re.findall(r"--(\S+) \{(\w+)\}", main["command"])
    keys = {name: key for key, name in options}
    assert keys.keys() == main["parameters"].keys()
    assert (keys.pop("preset"), keys.pop("until")) == ("preset", "until")
    assert set(keys.values()) <= params.flat().keys()
    defaults = {name: entry["default"] for name, entry in main["parameters"].items()}
    assert defaults == dict.fromkeys(defaults, "") | {"until": "evaluate"}
    assert parse_options(["--model.depth", "", "--seed", "7"]) == {"seed": 7}
    assert train["parameters"] == main["parameters"] | {"until": {"type": "string", "default": "train"}}
    assert train["command"] == main["command"]


def test_mlproject_names_commands_that_exist() -> None:
    commands = {name: entry["command"] for name, entry in ENTRIES.items()}
    assert commands.pop("bench") == "python -m benchmarks.{what}"
    assert (PROJECT / f"benchmarks/{ENTRIES['bench']['parameters']['what']['default']}.py").is_file()
    assert commands.pop("depth") == "dvc repro pad && python -m studies depth"
    known = cli.list_commands(click.Context(cli))
    for command in commands.values():
        assert re.match(r"python -m pipeline (\w+)", command)[1] in known


def test_mlproject_predicts_as_the_version_decides_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    """Any threshold would override the version's own, and be refused where there are three labels."""
    predict = load_project(PROJECT).get_entry_point("predict")
    (tmp_path / "texts.csv").write_text("text\n")
    given = {"input": str(tmp_path / "texts.csv"), "output": "labelled.csv"}
    plain = predict.compute_command(given, str(tmp_path))
    assert plain.split()[-4:] == ["--input", given["input"], "--output", given["output"]]
    told = predict.compute_command(given | {"threshold": "0.7", "model": "models:/m/1"}, str(tmp_path))
    context = cli.get_command(click.Context(cli), "predict").make_context("predict", told.split()[4:])
    assert (context.params["threshold"], context.params["model"]) == (0.7, "models:/m/1")


def test_mlproject_environment_is_the_pinned_one() -> None:
    environment = yaml.safe_load((PROJECT / "python_env.yaml").read_text())
    assert environment["dependencies"] == ["-r requirements.txt"]
    assert len(environment["python"].split(".")) == 3
    pins = (PROJECT / "requirements.txt").read_text().splitlines()
    assert any(pin.startswith("dvc==") for pin in pins)  # else the dvc of an outer environment runs
    assert not any("://" in pin or pin.startswith("--") for pin in pins)


def test_without_git_dvc_is_told_so_and_an_experiment_says_what_to_do(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the code as an archive of it unpacks, and once there is a repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(here.parent))
    write(here, ".dvc/config", "[core]\n    analytics = false\n")
    write(here, "params.yaml", plain_text())
    local = here / ".dvc/config.local"
    with pytest.raises(UserError, match="and here is no repository: `git init && git add --all"):
        launch.launch({"seed": 1})
    assert not local.exists()
    assert launch.launch({}) != 0, "there is no dvc.yaml"
    assert "no_scm = true" in local.read_text()
    subprocess.run(["git", "init", "--quiet"], check=True)
    with pytest.raises(UserError, match="an experiment needs a commit to start from"):
        launch.launch({"seed": 1})
    assert "no_scm" not in local.read_text()


def test_the_last_words_fit_eighty_columns() -> None:
    assert max(map(len, launch.NEXT.splitlines())) <= 80


def test_dvc_says_nothing_that_would_mislead_after_a_run() -> None:
    said = (
        "import logging, pipeline.commands.dvc_process; from dvc.logger import setup; setup(level=20)\n"
        "from dvc.ui import ui; ui.enable()\n"
        "logging.getLogger('dvc_data.hashfile.checkout').warning('No file hash info found')\n"
        "logging.getLogger('dvc.repo.scm_context').info('To track the changes with git, run:')\n"
        "ui.write('Use `dvc push` to send your updates to remote storage.')\n"
        "logging.getLogger('dvc_data.hashfile.checkout').error('an error')\n"
        "ui.write('Data and pipelines are up to date.')"
    )
    result = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True)
    shown = result.stderr + result.stdout
    assert "an error" in shown and "up to date" in shown
    assert not any(words in shown for words in ("No file hash info", "To track the changes", "dvc push"))


def test_git_ignores_what_dvc_keeps_before_dvc_has_to_say_so() -> None:
    """Else a first run changes a .gitignore, which its user is then asked to commit."""
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text())["stages"]
    outs = [next(iter(out.items())) for stage in stages.values() for out in stage["outs"]]
    cached = [path for path, options in outs if options.get("cache", True)]
    asked = ["git", "check-ignore", "--no-index", *cached]
    ignored = subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == cached
