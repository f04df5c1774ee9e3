from pathlib import Path

import click
import pytest
import yaml

from pipeline.__main__ import cli
from pipeline.commands.launch import dvc_arguments, parse_options
from pipeline.params import Params, ParamsError

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


def test_an_option_without_a_value_is_named() -> None:
    with pytest.raises(ParamsError, match=r"--model\.depth has no value"):
        parse_options(["--model.depth"])
    with pytest.raises(ParamsError, match=r"expected --SECTION\.KEY VALUE, but got 'model\.depth'"):
        parse_options(["model.depth", "3"])


def test_only_changed_values_go_to_dvc(params: Params) -> None:
    changed = params.replace(
        {
            "model.depth": 3,
            "model.units": (8, 4, 2),
            "model.masking": True,
            "train.clipnorm": 1.0,
            "tune.trials": 1,
        }
    )
    assert dvc_arguments(params, changed) == [
        "exp",
        "run",
        "--set-param=model.depth=3",
        "--set-param=model.units=[8,4,2]",
        "--set-param=model.masking=true",
        "--set-param=train.clipnorm=1.0",
        "--set-param=tune.trials=1",
        "--set-param=tune.search_space.model.depth=null",
        "--set-param=tune.search_space.model.units=null",
    ]
    assert dvc_arguments(params, params) == ["repro"]


def test_text_is_quoted_for_hydra(params: Params) -> None:
    changed = params.replace({"data.path": "it's, here.csv"})
    assert dvc_arguments(params, changed)[-1] == r"--set-param=data.path='it\'s, here.csv'"


def test_mlproject_defaults_are_those_of_params_yaml(params: Params) -> None:
    """The command maps -P names to dotted keys; the defaults must be what params.yaml says."""
    project = yaml.safe_load((PROJECT / "MLproject").read_text())
    main = project["entry_points"]["main"]
    words = main["command"].split()[4:]
    keys = {
        value.strip("{}"): option.removeprefix("--")
        for option, value in zip(words[::2], words[1::2], strict=True)
    }
    assert keys.keys() == main["parameters"].keys()
    flat = params.flat()
    for name, key in keys.items():
        assert main["parameters"][name]["default"] == flat[key], name


def test_mlproject_trains_with_the_values_of_main() -> None:
    entries = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]
    assert entries["train"]["parameters"] == entries["main"]["parameters"]
    command = entries["train"]["command"]
    assert command.replace(" --until train", "") == entries["main"]["command"]
    assert command != entries["main"]["command"]


def test_mlproject_names_commands_that_exist() -> None:
    entries = yaml.safe_load((PROJECT / "MLproject").read_text())["entry_points"]
    known = cli.list_commands(click.Context(cli))
    for name, entry in entries.items():
        words = entry["command"].split()
        if name == "bench":
            chosen = entry["parameters"]["what"]["default"]
            assert words == ["python", "-m", "benchmarks.{what}"]
            assert (PROJECT / f"benchmarks/{chosen}.py").is_file()
            continue
        if words[0] == "dvc":
            assert words[1] == "repro", name
            assert "stages" in yaml.safe_load((PROJECT / words[2]).read_text()), name
            continue
        assert words[:3] == ["python", "-m", "pipeline"], name
        assert words[3] in known, name


def test_mlproject_environment_is_the_pinned_one() -> None:
    environment = yaml.safe_load((PROJECT / "python_env.yaml").read_text())
    assert environment["dependencies"] == ["-r requirements.txt"]
    assert len(environment["python"].split(".")) == 3
    pins = (PROJECT / "requirements.txt").read_text().splitlines()
    assert any(pin.startswith("dvc==") for pin in pins)  # else the dvc of an outer environment runs
    assert not any("://" in pin or pin.startswith("--") for pin in pins)
