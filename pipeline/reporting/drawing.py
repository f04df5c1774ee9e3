"""The curves of an assessment as CSV for `dvc plots` and as PNG, every title naming the data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.assessment import Assessment, Curves
from pipeline.evaluation.probabilities import decide
from pipeline.reporting import figures
from pipeline.reporting.fonts import names_in_figures
from pipeline.reviews.tokenizing import WORDS
from pipeline.runtime.files import write_csv
from pipeline.runtime.paths import FIGURES_DIR, PLOTS_DIR


def draw(dataset: Mapping[str, Any], best_epoch: int, assessment: Assessment, history: figures.Rows) -> None:
    """Writes reports/plots, a file a curve and classifier, and reports/figures.

    Args:
        dataset: data/padded/dataset.json.
        best_epoch: whose weights were kept, from 1.
        assessment: what is drawn.
        history: the winning trial's epochs, of reports/plots/training_curve.csv.
    """
    curves = assessment.curves
    for name, points in curves.items():
        for each in assessment.drawn:
            write_csv(PLOTS_DIR / f"{each.prefix}{name}.csv", points[each.name])
    labels, names = assessment.labels, dataset["labels"]
    predicted = decide(assessment.probabilities)
    write_csv(
        PLOTS_DIR / "confusion.csv",
        [
            {"actual": names[int(label)], "predicted": names[int(guess)]}
            for label, guess in zip(labels, predicted, strict=True)
        ],
    )
    by_class, roc_by_class = (
        [{"class": names[int(row["label"])], **row} for row in rows]
        for rows in (assessment.by_class, assessment.roc_by_class)
    )
    write_csv(PLOTS_DIR / "by_class.csv", by_class)
    write_csv(PLOTS_DIR / "roc_by_class.csv", roc_by_class)
    shown = names_in_figures(names)
    where = f"{dataset['name']}, test split"
    tokens = dataset.get("tokens", WORDS)
    drawn = {
        "roc": figures.curve_figure(
            curves["roc"], "false_positive_rate", "true_positive_rate", f"ROC, {where}", diagonal=True
        ),
        "roc_by_class": figures.curve_figure(
            {
                title: [row for row in roc_by_class if row["class"] == name]
                for name, title in zip(names, shown, strict=True)
            },
            "false_positive_rate",
            "true_positive_rate",
            f"ROC of each class against all others, {where}",
            diagonal=True,
        ),
        "precision_recall": figures.curve_figure(
            curves["precision_recall"], "recall", "precision", f"Precision-recall, {where}"
        ),
        "confusion": figures.confusion_figure(labels, predicted, shown, f"Confusion, {where}"),
        "reliability": figures.reliability_figure(
            _paired(assessment, "reliability"),
            f"Reliability, {where}",
            "share labelled right" if assessment.num_labels > 2 else f"share {shown[1]}",
        ),
        "accuracy_by_length": figures.binned_figure(
            _paired(assessment, "accuracy_by_length"),
            "length",
            "accuracy",
            f"Accuracy by length, {where}",
            f"{tokens} of the whole review",
        ),
        "accuracy_by_unknown_share": figures.binned_figure(
            _paired(assessment, "accuracy_by_unknown_share"),
            "unknown_share",
            "accuracy",
            f"Accuracy by share of unknown {tokens}, {where}",
            f"share of unknown {tokens} among those read",
        ),
        **{
            f"training_{metric}": figures.training_figure(
                history, metric, best_epoch, f"Winning trial: {metric}, {dataset['name']}"
            )
            for metric in ("accuracy", "loss")
        },
    }
    for stem, figure in drawn.items():
        figures.save(figure, FIGURES_DIR / f"{stem}.png")


def _paired(assessment: Assessment, curve: str) -> Curves:
    """A curve of the network and of the baseline it is tested against; with more, bars hide each other."""
    names = assessment.classifiers[0].name, assessment.baseline.name
    return {name: assessment.curves[curve][name] for name in names}
