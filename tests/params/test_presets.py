"""Presets: files of values over params.yaml."""

from pathlib import Path

import pytest

from pipeline.params import Params, ParamsError, load_params, preset_names, preset_of, read_preset

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = load_params(PROJECT / "params.yaml")
PRESETS = {name: read_preset(name, PROJECT / "presets") for name in preset_names(PROJECT / "presets")}


def test_params_yaml_is_no_preset_and_one_preset_after_another_is_the_second() -> None:
    assert preset_of(SHIPPED, PROJECT / "presets") is None
    for name, second in PRESETS.items():
        used = SHIPPED.replace(second)
        assert preset_of(used, PROJECT / "presets") == name
        assert all(SHIPPED.replace(first).replace(second) == used for first in PRESETS.values())


def test_the_notebooks_networks_are_its_own() -> None:
    for cell in ("simple_rnn", "lstm", "gru"):
        used = SHIPPED.replace(PRESETS[f"notebook_{cell}"])
        assert (used.model.cell, used.model.layer_units, used.model.embedding_dim) == (cell, (5, 5), 32)
        assert (used.pad.vocab_size, used.pad.max_length) == (10_000, 100)
        assert (used.train.epochs, used.train.batch_size, used.tune.trials) == (5, 32, 1)


def test_a_changed_value_is_no_preset_any_more_the_fuller_one_wins(params: Params, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("model: {units: 7}\n")
    (tmp_path / "listed.yaml").write_text("model: {units: 7, depth: 3}\nseed: 5\n")
    small = params.replace({"model.units": 7})
    assert preset_of(small, tmp_path) == "small"
    assert preset_of(small.replace({"model.depth": 3, "seed": 5}), tmp_path) == "listed"
    assert preset_of(params, tmp_path) is None


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("model: {units: 7}", "quik", "there is no preset 'quik'; there are: quick"),
        ("model: {unit: 7}", "quick", r"presets/quick.yaml: there is no parameter model.unit"),
        ("[1,", "quick", r"quick\.yaml: not valid YAML"),
        ("[1]", "quick", "must map sections"),
    ],
)
def test_an_unknown_or_broken_preset_is_named(
    params: Params, tmp_path: Path, content: str, name: str, message: str
) -> None:
    (tmp_path / "quick.yaml").write_text(content)
    with pytest.raises(ParamsError, match=message):
        params.replace(read_preset(name, tmp_path), source="presets/quick.yaml")
