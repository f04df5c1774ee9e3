"""Why the winner won: pictures of the study and a table of its trials."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from pipeline.runtime.plotting import save
from pipeline.tuning import charts
from pipeline.tuning.sampling import decoded
from pipeline.tuning.study import SCORE, Search, repeat_key

FEWEST_FOR_IMPORTANCE, TRIALS_A_PARAMETER = 20, 8  # complete trials; of fewer, importance is mostly chance

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def trials_table(study: Search) -> list[dict[str, Any]]:
    """One row a trial that ended, by number: state, score, epochs, seconds, and the values it ran with.

    A pruned trial's score is that of its last epoch; a failed one's cells are empty. The validation accuracy
    is there beside another score.
    """
    accuracy = {SCORE: charts.score if study.score_name == SCORE else _accuracy}
    scores = {study.score_name: charts.score} | accuracy
    return [
        {
            "trial": trial.number,
            "state": trial.state.name,
            **{name: _cell(value_of(trial)) for name, value_of in scores.items()},
            "epochs": len(trial.intermediate_values),
            "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else "",
        }
        | {key: decoded(trial.params).get(key, "") for key in study.space}
        for trial in study.trials(*_ENDED)
    ]


def pictures(study: Search, dataset: str) -> dict[str, Figure]:
    """Figures by file stem: history always, epochs where a trial had two, slices where two trials differ,
    importance where there are trials enough to tell it."""
    ended, repeats = study.trials(TrialState.COMPLETE, TrialState.PRUNED), _repeats(study)
    label = study.score_name.replace("neg_", "negative ").replace("_", " ")
    figures = {
        "history": charts.history_figure(ended, repeats, label, f"Trials, {dataset}"),
        "epochs": charts.epochs_figure(ended, repeats, label, f"Trials by epoch, {dataset}"),
    }
    if all(len(trial.intermediate_values) < 2 for trial in ended):
        del figures["epochs"]  # it would show history's points, all above one another
    searched = {
        key: distribution
        for key, distribution in study.space.items()
        if len({trial.params[key] for trial in ended if key in trial.params}) > 1
    }
    if searched:
        figures["slices"] = charts.slices_figure(
            ended, repeats, searched, label, f"Score by parameter, {dataset}"
        )
    complete = study.trials(TrialState.COMPLETE)
    if searched and len(complete) >= max(FEWEST_FOR_IMPORTANCE, TRIALS_A_PARAMETER * len(searched)):
        importances = get_param_importances(
            study.optuna, evaluator=FanovaImportanceEvaluator(seed=0), params=list(searched)
        )
        figures["importance"] = charts.importance_figure(importances, len(complete), f"Importance, {dataset}")
    return figures


def write_pictures(study: Search, dataset: str, folder: Path) -> None:
    """Writes each picture as FOLDER/NAME.png, and removes one that an earlier study drew and this doesn't."""
    figures = pictures(study, dataset)
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    for old in folder.glob("[!.]*.png"):  # others are being written
        if old.stem not in figures:
            old.unlink()


def _repeats(study: Search) -> dict[int, list[float]]:
    """By a finalist's number, its scores with other seeds."""
    found = {
        trial.number: [
            float(study.attributes[repeat_key(trial.number, seed)])
            for seed in study.repeat_seeds()
            if repeat_key(trial.number, seed) in study.attributes
        ]
        for trial in study.trials(TrialState.COMPLETE)
    }
    return {number: scores for number, scores in found.items() if scores}


def _cell(value: float) -> float | str:
    return "" if math.isnan(value) else value


def _accuracy(trial: FrozenTrial) -> float:
    """Of the epoch that was kept, or of the last one of a pruned trial; NaN of a failed one."""
    curve = trial.user_attrs.get("curve")
    if trial.state == TrialState.FAIL or not curve:
        return math.nan
    return float(curve[trial.user_attrs.get("best_epoch", len(curve)) - 1][SCORE])
