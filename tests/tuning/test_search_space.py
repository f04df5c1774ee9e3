"""The one documented form of a search space, and how params.yaml judges it."""

from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pipeline.params import Params, ParamsError, Range
from pipeline.tuning.sampling import configured_suggestions, decode, distribution_of, search_space


def test_whole_ends_do_not_make_a_real_number_whole() -> None:
    """weight_decay from 0 to 1, configured 0.0: a range of integers would try 0 and 1 only."""
    assert distribution_of(Range(low=0, high=1), 0.0) == FloatDistribution(0.0, 1.0)


@pytest.mark.parametrize(
    ("key", "form", "expected"),
    [
        ("model.depth", {"low": 2, "high": 4}, IntDistribution(2, 4)),
        ("model.depth", {"low": 3, "high": 4}, IntDistribution(2, 4)),  # widened to the configured 2
        ("model.units", {"low": 8, "high": 64, "log": True}, IntDistribution(8, 64, log=True)),
        ("model.units", {"low": 8, "high": 60, "step": 8}, IntDistribution(8, 56, step=8)),
        ("model.dropout", {"low": 0, "high": 0.5}, FloatDistribution(0, 0.5)),
        ("model.identity_scale", {"low": 1, "high": 2}, FloatDistribution(1, 2)),  # not 1 and 2 alone
        ("model.dropout", {"low": 0.0, "high": 0.5, "step": 0.1}, FloatDistribution(0, 0.5, step=0.1)),
        ("train.clipnorm", {"choices": [1.0]}, CategoricalDistribution([1.0, None])),
        ("model.cell", {"choices": ["lstm", "gru"]}, CategoricalDistribution(["lstm", "gru"])),
        ("model.cell", {"choices": ["lstm"]}, CategoricalDistribution(["lstm", "gru"])),
        ("train.clipnorm", {"choices": [None, 1.0]}, CategoricalDistribution([None, 1.0])),
    ],
)  # fmt: skip
def test_a_form_becomes_a_distribution_that_holds_the_configured_value(
    params: Params, key: str, form: dict[str, Any], expected: optuna.distributions.BaseDistribution
) -> None:
    configured = {"model.units": 32, "model.dropout": 0.2, "tune.search_space": {key: form}}
    assert search_space(params.replace(configured)) == {key: expected}


def test_one_trial_searches_nothing(params: Params) -> None:
    assert search_space(params.replace({"tune.trials": 1})) == {}


def test_lists_such_as_units_a_layer_survive_the_storage(params: Params) -> None:
    space = {"model.units": {"choices": [[64, 32], [16, 8]]}}
    chosen = params.replace({"model.units": (16, 8), "model.depth": 2, "tune.search_space": space})
    assert configured_suggestions(chosen) == {"model.units": "[16, 8]"}
    study = optuna.create_study()
    study.enqueue_trial({"model.units": "[64, 32]"})
    values = decode(study.ask(dict(search_space(chosen))).params)
    assert values == {"model.units": (64, 32)}
    assert chosen.replace(values).model.layer_units == (64, 32)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("storage", "mysql://someone@there/db", "a journal file's path, sqlite:///FILE, or postgresql://"),
        ("storage", "postgres://someone:secret@there/db", "but got postgres://someone@there/db"),
        ("storage", "postgresql://someone:secret@there/db", "write postgresql://someone@there/db"),
        ("storage", "", "tune.storage"),
        ("timeout", 0, "tune.timeout"),
        ("workers", 0, "tune.workers"),
        ("workers", "all", "tune.workers"),
        ("finalists", 3, "tune.finalists is 3, but tune.seeds is 1"),
        ("seeds", 0, "tune.seeds"),
    ],
)
def test_settings_of_the_study_are_judged(params: Params, key: str, value: Any, message: str) -> None:
    with pytest.raises(ParamsError) as error:
        params.replace({f"tune.{key}": value})
    assert message in str(error.value)
    assert "secret" not in str(error.value)
