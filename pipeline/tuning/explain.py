"""Why the winner won: pictures of the study and a table of its trials."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as charts

from pipeline.tuning.search_space import decoded
from pipeline.tuning.study import SCORE, Study

_LABEL = SCORE.replace("_", " ")
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def trials_table(study: Study) -> list[dict[str, Any]]:
    """One row a trial that ended, by number: state, score, epochs, seconds, and the values it ran with.

    A pruned trial's score is that of its last epoch; a failed one's cells are empty.
    """
    return [
        {
            "trial": trial.number,
            "state": trial.state.name,
            SCORE: "" if _score(trial) is None else _score(trial),
            "epochs": len(trial.intermediate_values),
            "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else "",
        }
        | {key: decoded(trial.params).get(key, "") for key in study.space}
        for trial in study.trials(*_ENDED)
    ]


def pictures(study: Study, dataset: str) -> Mapping[str, Figure]:
    """Figures by file stem: history always; importance, coordinates and slices where two trials differ."""
    figures = {"history": _figure(charts.plot_optimization_history, study, f"Trials on {dataset}")}
    complete = study.trials(TrialState.COMPLETE)
    searched = [key for key in study.space if len({trial.params[key] for trial in complete}) > 1]
    if searched:
        figures |= {
            "importance": _figure(charts.plot_param_importances, study, f"Importance on {dataset}", searched),
            "parallel_coordinates": _figure(
                charts.plot_parallel_coordinate, study, f"Trials on {dataset}", searched
            ),
            "slices": _figure(charts.plot_slice, study, f"Slices of the search on {dataset}", searched),
        }
    return figures


def drawn_pictures(study: Study, dataset: str) -> dict[str, bytes]:
    """``pictures`` as PNG files, by name."""
    drawn = {}
    for name, figure in pictures(study, dataset).items():
        file = io.BytesIO()
        figure.savefig(file, dpi=120, bbox_inches="tight", metadata={"Software": None}, format="png")
        drawn[f"{name}.png"] = file.getvalue()
    return drawn


def _figure(chart: Callable[..., Any], study: Study, title: str, params: list[str] | None = None) -> Figure:
    chosen = {} if params is None else {"params": params}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental charts, and importances of very few trials
        drawn = chart(study.optuna, target_name=_LABEL, **chosen)
    axes = drawn.flat[0] if hasattr(drawn, "flat") else drawn
    figure: Figure = axes.figure
    for other in figure.axes:
        for side in ("left", "center"):
            other.set_title("", loc=side)
    figure.suptitle(title)
    figure.set_size_inches(max(8, 4 * len(params or [])), 4.5)
    pyplot.close(figure)  # pyplot would keep it for the life of the process
    return figure


def _score(trial: FrozenTrial) -> float | None:
    """The value of a complete trial, the last epoch's score of a pruned one."""
    if trial.state == TrialState.COMPLETE:
        return trial.value
    last = trial.last_step
    return trial.intermediate_values[last] if trial.state == TrialState.PRUNED and last is not None else None
