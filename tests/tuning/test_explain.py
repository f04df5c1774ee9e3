"""The table of trials and the pictures."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import create_trial
from stand_in import DATASET, StandInFit, run_search, run_study

from pipeline.params import Params
from pipeline.tuning.explain import pictures, trials_table
from pipeline.tuning.study import open_search


def test_the_table_has_a_row_for_every_trial_that_ended(toy: Params) -> None:
    def interrupt(call: int, epoch: int) -> None:
        if call == 1:
            os.kill(os.getpid(), signal.SIGINT)

    study = open_search(toy.replace({"tune.trials": 2}), DATASET)
    with pytest.raises(InterruptedError):
        run_search(study, StandInFit(interrupt))
    run_search(study, StandInFit())
    table = trials_table(study)
    assert [row["state"] for row in table] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert table[0] | {"seconds": 0} == {
        "trial": 0,
        "state": "COMPLETE",
        "validation_accuracy": pytest.approx(0.8 - 0.004 - 0.01 + 0.02),  # 16 units, dropout 0.2, epoch 2
        "epochs": 2,
        "seconds": 0,
        "model.units": 16,
        "model.dropout": 0.2,
    }
    assert table[1]["validation_accuracy"] == ""
    assert table[1]["model.units"] == table[2]["model.units"]


def test_a_pruned_trials_score_is_that_of_its_last_epoch(toy: Params) -> None:
    study, _ = run_study(
        toy.replace({"tune.pruner": "median", "tune.trials": 10, "train.epochs": 5}), StandInFit()
    )
    pruned = next(trial for trial in study.trials() if trial.state.name == "PRUNED")
    row = trials_table(study)[pruned.number]
    assert row["validation_accuracy"] == pruned.intermediate_values[row["epochs"]]


def test_every_picture_names_the_data(toy: Params) -> None:
    study, _ = run_study(toy, StandInFit())
    drawn = pictures(study, "imdb")
    assert list(drawn) == ["history", "epochs", "slices"]  # two trials tell no importance
    assert all("imdb" in figure.get_suptitle() for figure in drawn.values())


def test_a_single_trial_has_nothing_to_compare(toy: Params) -> None:
    study, _ = run_study(toy.replace({"tune.trials": 1}), StandInFit())
    assert list(pictures(study, "toy")) == ["history", "epochs"]


def test_trials_of_one_epoch_have_no_picture_of_epochs(toy: Params) -> None:
    study, _ = run_study(toy.replace({"tune.epochs": 1}), StandInFit())
    assert list(pictures(study, "toy")) == ["history", "slices"]


@pytest.mark.parametrize(("count", "told"), [(19, False), (20, True)])
def test_importance_is_told_of_enough_trials_only(count: int, told: bool) -> None:
    """Of a score that depends on the units alone, they explain all of the variance."""
    space = {"model.units": IntDistribution(1, 64), "model.dropout": FloatDistribution(0.0, 0.5)}
    optuna_study = optuna.create_study(direction="maximize")
    for number in range(count):
        values = {"model.units": 1 + 7 * number % 64, "model.dropout": 0.1 * (number % 5)}
        score = values["model.units"] / 100
        optuna_study.add_trial(create_trial(value=score, params=values, distributions=space))
    study = SimpleNamespace(
        optuna=optuna_study,
        space=space,
        score_name="validation_accuracy",
        repeats=lambda number: [],
        trials=lambda *states: [trial for trial in optuna_study.trials if trial.state in states],
    )
    drawn = pictures(study, "toy")
    assert ("importance" in drawn) == told
    if told:
        (axes,) = drawn["importance"].axes
        assert axes.get_xlabel() == "share of the variance explained, from 20 trials"
        bars: Any = axes.patches
        shares = {
            label.get_text(): bar.get_width() for label, bar in zip(axes.get_yticklabels(), bars, strict=True)
        }
        assert shares["model.units"] > 0.95
        assert sum(shares.values()) == pytest.approx(1)
