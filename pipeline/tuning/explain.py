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
from pipeline.tuning.sampling import decode
from pipeline.tuning.study import ENDED, SCORE, Search

FEWEST_FOR_IMPORTANCE, TRIALS_A_PARAMETER = 20, 8  # complete trials; of fewer, importance is mostly chance


def trials_table(study: Search) -> list[dict[str, Any]]:
    """One row a trial that ended, by number: state, score, epochs, seconds, and the values it ran with.

    A pruned trial's score is that of its last epoch; a failed one's cells are empty. The validation accuracy
    is there beside another score.
    """
    scores = {study.score_name: charts.score}
    scores.setdefault(SCORE, _accuracy)
    rows = []
    for trial in study.trials(*ENDED):
        values, found = decode(trial.params), {name: of(trial) for name, of in scores.items()}
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name,
                **{name: "" if math.isnan(value) else value for name, value in found.items()},
                "epochs": len(trial.intermediate_values),
                "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else "",
                **{key: values.get(key, "") for key in study.space},
            }
        )
    return rows


def _accuracy(trial: FrozenTrial) -> float:
    """Of the epoch that was kept, or of the last one of a pruned trial; NaN of a failed one."""
    curve = trial.user_attrs.get("curve")
    if trial.state == TrialState.FAIL or not curve:
        return math.nan
    return float(curve[trial.user_attrs.get("best_epoch", len(curve)) - 1][SCORE])


def pictures(study: Search, dataset: str) -> dict[str, Figure]:
    """Figures by file stem: history always, epochs where a trial had two, slices where two trials differ,
    importance where there are trials enough to tell it."""
    ended, complete = study.trials(TrialState.COMPLETE, TrialState.PRUNED), study.trials(TrialState.COMPLETE)
    repeats = {trial.number: scores for trial in complete if (scores := study.repeats(trial.number))}
    label = study.score_name.replace("neg_", "negative ").replace("_", " ")
    figures = {"history": charts.history_figure(ended, repeats, label, f"Trials, {dataset}")}
    if any(len(trial.intermediate_values) > 1 for trial in ended):  # else it would show history's points
        figures["epochs"] = charts.epochs_figure(ended, repeats, label, f"Trials by epoch, {dataset}")
    searched = {
        key: distribution
        for key, distribution in study.space.items()
        if len({trial.params[key] for trial in ended if key in trial.params}) > 1
    }
    if searched:
        title = f"Score by parameter, {dataset}"
        figures["slices"] = charts.slices_figure(ended, repeats, searched, label, title)
    if searched and len(complete) >= max(FEWEST_FOR_IMPORTANCE, TRIALS_A_PARAMETER * len(searched)):
        evaluator = FanovaImportanceEvaluator(seed=0)
        importances = get_param_importances(study.optuna, evaluator=evaluator, params=list(searched))
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
