"""What the study's figures draw, of trials made by hand."""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from pipeline.tuning.charts import choose, epochs_figure, history_figure, slices_figure

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


def test_the_winner_has_the_best_mean_over_its_seeds() -> None:
    """(0.70 + 0.75 + 0.77) / 3 is above (0.72 + 0.60 + 0.62) / 3; without seeds 0.72 is the best."""
    complete = [TRIALS[0], TRIALS[2]]
    assert choose(complete, REPEATS) is TRIALS[0]
    assert choose(complete, {}) is TRIALS[2]
    assert choose([], {}) is None


def test_the_history_shows_complete_pruned_and_best() -> None:
    (axes,) = history_figure(TRIALS, REPEATS, "validation accuracy", "Trials, toy").axes
    assert points(axes, "ran to its end") == [[0, 0.7], [2, 0.72]]
    assert points(axes, "pruned, score when stopped") == [[1, 0.5]]
    assert points(axes, "winner") == [[0, 0.7]]
    (best,) = (line for line in axes.lines if line.get_label() == "best so far")
    assert list(best.get_ydata()) == [0.7, 0.72]
    spans = [
        segment.tolist()
        for lines in axes.collections
        if hasattr(lines, "get_segments")
        for segment in lines.get_segments()
    ]
    assert spans == [[[0, 0.7], [0, 0.77]], [[2, 0.6], [2, 0.72]]]


def test_a_pruned_trials_curve_ends_in_a_cross_where_it_was_stopped() -> None:
    (axes,) = epochs_figure(TRIALS, {}, "validation accuracy", "Trials by epoch, toy").axes
    crosses = [
        line.get_xydata().tolist()
        for line in axes.lines
        if line.get_marker() == "x" and len(line.get_xdata())
    ]
    assert crosses == [[[1, 0.5]]]


def test_each_parameter_has_the_scale_that_it_was_searched_on() -> None:
    figure = slices_figure(TRIALS, {}, SPACE, "validation accuracy", "Score by parameter, toy")
    depth, units, cell, dropout = figure.axes
    figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in depth.get_xticks())
    assert [label.get_text() for label in units.get_xticklabels()] == ["8", "16", "32", "64"]
    assert [label.get_text() for label in cell.get_xticklabels()] == ["gru", "lstm"]
    assert points(cell, "ran to its end") == [[0, 0.7], [0, 0.72]]
    assert (units.get_xscale(), dropout.get_xscale()) == ("log", "linear")
