"""The table of trials and the pictures."""

import signal
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from stand_in import DATASET, StandInFit, run_search, run_study, send

from pipeline.params import Params
from pipeline.tuning import explain
from pipeline.tuning.explain import pictures, trials_table
from pipeline.tuning.study import open_search


def test_the_table_has_a_row_for_every_trial_that_ended(toy: Params) -> None:
    study = open_search(toy.replace({"tune.trials": 2}), DATASET)
    with pytest.raises(InterruptedError):
        run_search(study, StandInFit(send(signal.SIGINT, 1, 1)))
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


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["history", "epochs", "slices"]),  # four trials tell no importance
        ({"tune.trials": 1}, ["history", "epochs"]),  # nothing to compare
        ({"tune.epochs": 1}, ["history", "slices"]),
    ],
)
def test_what_there_is_to_see_is_drawn_and_names_the_data(
    toy: Params, changes: dict[str, Any], names: list[str]
) -> None:
    study, winner = run_study(toy.replace(changes), StandInFit())
    drawn = pictures(study, winner.number, "imdb")
    assert list(drawn) == names
    assert all("imdb" in figure.get_suptitle() for figure in drawn.values())


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
    drawn = pictures(study, 0, "toy")
    assert ("importance" in drawn) == told
    if told:
        (axes,) = drawn["importance"].axes
        assert axes.get_xlabel() == "share of the variance explained, from 20 trials"
        bars: Any = axes.patches
        names = [label.get_text() for label in axes.get_yticklabels()]
        shares = dict(zip(names, (bar.get_width() for bar in bars), strict=True))
        assert shares["model.units"] > 0.95
        assert sum(shares.values()) == pytest.approx(1)


# What the figures draw, of trials made by hand.

SPACE = {
    "model.depth": IntDistribution(2, 4),
    "model.units": IntDistribution(8, 64, log=True),
    "model.cell": CategoricalDistribution(("gru", "lstm")),
    "model.dropout": FloatDistribution(0.0, 0.5),
}


def trial(number: int, values: list[float], depth: int, cell: str, pruned: bool = False) -> FrozenTrial:
    made = create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        value=None if pruned else max(values),
        params={"model.depth": depth, "model.units": 8 * 2**number, "model.cell": cell, "model.dropout": 0.1},
        distributions=SPACE,
        intermediate_values=dict(enumerate(values, start=1)),
    )
    made.number = number
    return made


TRIALS = [
    trial(0, [0.6, 0.7], 2, "gru"),
    trial(1, [0.5], 3, "lstm", pruned=True),
    trial(2, [0.7, 0.72], 4, "gru"),
]
REPEATS = {0: [0.75, 0.77], 2: [0.60, 0.62]}


def points(axes, label: str) -> list[list[float]]:
    (found,) = (drawn for drawn in axes.collections if drawn.get_label() == label)
    return found.get_offsets().tolist()


def test_the_history_shows_complete_pruned_and_best() -> None:
    (axes,) = explain.history_figure(TRIALS, REPEATS, 0, "validation accuracy", "Trials, toy").axes
    assert points(axes, "ran to its end") == [[0, 0.7], [2, 0.72]]
    assert points(axes, "pruned, score when stopped") == [[1, 0.5]]
    assert points(axes, "winner") == [[0, 0.7]]
    (best,) = (line for line in axes.lines if line.get_label() == "best so far")
    assert list(best.get_ydata()) == [0.7, 0.72]
    lines = [lines for lines in axes.collections if hasattr(lines, "get_segments")]
    spans = [segment.tolist() for each in lines for segment in each.get_segments()]
    assert spans == [[[0, 0.7], [0, 0.77]], [[2, 0.6], [2, 0.72]]]


def test_a_pruned_trials_curve_ends_in_a_cross_where_it_was_stopped() -> None:
    (axes,) = explain.epochs_figure(TRIALS, 2, "validation accuracy", "Trials by epoch, toy").axes
    crosses = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "x"]
    assert [points for points in crosses if points] == [[[1, 0.5]]]


def test_each_parameter_has_the_scale_that_it_was_searched_on() -> None:
    figure = explain.slices_figure(TRIALS, 2, SPACE, "validation accuracy", "Score by parameter, toy")
    depth, units, cell, dropout = figure.axes
    figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in depth.get_xticks())
    assert [label.get_text() for label in units.get_xticklabels()] == ["8", "16", "32", "64"]
    assert [label.get_text() for label in cell.get_xticklabels()] == ["gru", "lstm"]
    assert points(cell, "ran to its end") == [[0, 0.7], [0, 0.72]]
    assert (units.get_xscale(), dropout.get_xscale()) == ("log", "linear")
