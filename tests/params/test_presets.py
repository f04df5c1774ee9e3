"""Presets: files of values over params.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.params import Params, ParamsError, load_params, preset_names, preset_of, read_preset

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = load_params(PROJECT / "params.yaml")


@pytest.mark.parametrize("name", preset_names(PROJECT / "presets"))
def test_every_preset_is_what_its_values_are_called(name: str) -> None:
    used = SHIPPED.replace(read_preset(name, PROJECT / "presets"))
    assert preset_of(used, PROJECT / "presets") == name


def test_params_yaml_is_no_preset_and_each_sets_what_another_sets_or_params_yaml_says() -> None:
    """So that one preset after another is the second."""
    presets = {name: read_preset(name, PROJECT / "presets") for name in preset_names(PROJECT / "presets")}
    assert preset_of(SHIPPED, PROJECT / "presets") is None
    for first in presets.values():
        for name, second in presets.items():
            used = SHIPPED.replace(first).replace(second)
            assert preset_of(used, PROJECT / "presets") == name


def test_the_notebooks_networks_are_its_own() -> None:
    for cell in ("simple_rnn", "lstm", "gru"):
        used = SHIPPED.replace(read_preset(f"notebook_{cell}", PROJECT / "presets"))
        assert (used.model.cell, used.model.layer_units, used.model.embedding_dim) == (cell, (5, 5), 32)
        assert (used.pad.vocab_size, used.pad.max_length) == (10_000, 100)
        assert (used.train.epochs, used.train.batch_size, used.tune.trials) == (5, 32, 1)


def test_a_changed_value_is_no_preset_any_more_and_the_fuller_preset_wins(
    params: Params, tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text("model: {units: 7}\n")
    (tmp_path / "listed.yaml").write_text("model: {units: 7, depth: 3}\nseed: 5\n")
    small = params.replace({"model.units": 7})
    assert preset_of(small, tmp_path) == "small"
    assert preset_of(small.replace({"model.depth": 3, "seed": 5}), tmp_path) == "listed"
    assert preset_of(params, tmp_path) is None


def test_an_unknown_or_broken_preset_is_named(params: Params, tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text("model: {unit: 7}\n")
    with pytest.raises(ParamsError, match="there is no preset 'quik'; there are: quick"):
        read_preset("quik", tmp_path)
    with pytest.raises(ParamsError, match=r"presets/quick.yaml: there is no parameter model.unit"):
        params.replace(read_preset("quick", tmp_path), source="presets/quick.yaml")
    (tmp_path / "broken.yaml").write_text("[1,")
    with pytest.raises(ParamsError, match=r"broken\.yaml: not valid YAML"):
        read_preset("broken", tmp_path)
    (tmp_path / "listed.yaml").write_text("[1]")
    with pytest.raises(ParamsError, match="must map sections"):
        read_preset("listed", tmp_path)
