"""The table of trials and the pictures."""

from __future__ import annotations

import os
import signal

import pytest
from stand_in import DATASET, Recorder, StandInFit, run_study

from pipeline.params import Params
from pipeline.tuning import open_search, pictures, search, trials_table


def test_the_table_has_a_row_for_every_trial_that_ended(toy: Params) -> None:
    def interrupt(call: int, epoch: int) -> None:
        if call == 1:
            os.kill(os.getpid(), signal.SIGINT)

    study = open_search(toy.replace({"tune.trials": 2}), DATASET)
    with pytest.raises(InterruptedError):
        search(study, StandInFit(interrupt), {}, Recorder())
    search(study, StandInFit(), {}, Recorder())
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
    assert list(drawn) == ["history", "importance", "parallel_coordinates", "slices"]
    assert all("imdb" in figure.get_suptitle() for figure in drawn.values())


def test_a_single_trial_has_a_history_and_nothing_to_compare(toy: Params) -> None:
    study, _ = run_study(toy.replace({"tune.trials": 1}), StandInFit())
    assert list(pictures(study, "toy")) == ["history"]
