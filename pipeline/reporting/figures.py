"""The figures of a run, as PNG for people: in MLflow, in reports/figures and on the page of `dvc plots show`.

Every title names the data set, so that a picture can't be taken for one of other data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.baselines import MAJORITY
from pipeline.evaluation.metrics import BINS
from pipeline.evaluation.probabilities import decide
from pipeline.runtime.files import Row, write_csv
from pipeline.runtime.paths import FIGURES_DIR, PLOTS_DIR
from pipeline.runtime.plotting import (
    BLUE,
    COLORS,
    LINE,
    ORANGE,
    draw_curves,
    draw_intervals,
    make_axes,
    names_in_figures,
    save,
    style,
)

Rows = Sequence[Row]
_ROOMY = 6  # labels whose confusion matrix has room for shares in its cells
_WIDE_NAMES = 50  # characters of all labels that have room beside each other


def curve_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, diagonal: bool = False) -> Figure:
    """A line for each named curve of columns ``x`` and ``y``; ``diagonal`` adds that of guessing (ROC)."""
    figure, axes = make_axes(title, x, y)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    colors = COLORS if len(curves) <= len(COLORS) else colormaps["turbo"](np.linspace(0, 1, len(curves)))
    for (name, rows), color in zip(curves.items(), colors, strict=False):
        axes.plot([row[x] for row in rows], [row[y] for row in rows], label=name, color=color, linewidth=1.4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower right" if diagonal else "lower left", fontsize="small")
    return figure


def reliability_figure(curves: Mapping[str, Rows], title: str, share: str) -> Figure:
    """The reliability diagram of each curve above how many reviews each bin of the first one holds.

    The rows have the columns probability, positive_share, low, high, from and reviews. On the dashed line
    both are equal: a calibrated classifier. ``share`` is what positive_share is called.
    """
    figure = Figure(figsize=(5.2, 5.25), layout="constrained")
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shares.set_title(title)
    style(shares, "", f"{share} (95 % interval)")
    shares.plot([0, 1], [0, 1], color=LINE, linestyle="--", linewidth=1)
    draw_curves(shares, curves, "probability", "positive_share")
    shares.set_xlim(0, 1)
    shares.set_ylim(0, 1)
    shares.legend(frameon=False, loc="upper left", fontsize="small")
    name, rows = next(iter(curves.items()))
    style(counts, "probability", "reviews")
    places = [np.floor(min(row["from"], 0.999) * BINS) / BINS for row in rows]
    counts.bar(places, [row["reviews"] for row in rows], 0.9 / BINS, align="edge", color=BLUE)
    counts.set_title(f"reviews by probability, {name}", fontsize="small", loc="left")
    return figure


def training_figure(history: Rows, metric: str, best_epoch: int, title: str) -> Figure:
    """Training and validation ``metric``, accuracy or loss, by epoch, the kept epoch marked."""
    figure, axes = make_axes(title, "epoch", metric)
    epochs = [row["epoch"] for row in history]
    for split, color in (("training", ORANGE), ("validation", BLUE)):
        axes.plot(epochs, [row[f"{split}_{metric}"] for row in history], marker="o", label=split, color=color)
    axes.axvline(best_epoch, color="grey", linestyle=":", label="kept epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def confusion_figure(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Counts of actual against predicted labels, both (num_reviews,), numbers of ``names``."""
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (labels.astype(int), predicted.astype(int)), 1)
    figure, axes = make_axes(title, "predicted", "actual")
    axes.grid(False)
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if count > counts.max() / 2 else "black"
        text, size = f"{count:,}", "x-small"
        if len(names) <= _ROOMY:
            text, size = f"{text}\n{count / max(counts[row].sum(), 1):.1%}", "medium"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=0 if sum(map(len, names)) < _WIDE_NAMES else 90)
    axes.set_yticks(ticks, names)
    return figure


def histogram_figure(samples: Mapping[str, np.ndarray], x: str) -> Figure:
    """The shares of each sample's values, (num_reviews,), in the same bins, up to the 99th percentile."""
    figure, axes = make_axes(x, x, "share")
    values = np.concatenate(list(samples.values()))
    edges = np.linspace(values.min(), max(np.quantile(values, 0.99), values.min() + 1e-9), 31).tolist()
    for (name, sample), color in zip(samples.items(), COLORS, strict=False):
        weights = np.full(len(sample), 1 / len(sample))
        axes.hist(sample, edges, weights=weights, histtype="step", color=color, linewidth=1.4, label=name)
    axes.legend(frameon=False, fontsize="small")
    return figure


def over_time_figure(rows: Rows, expected: float) -> Figure:
    """Accuracy by period with its interval, and the expected one; rows have since, accuracy, low and high."""
    figure, axes = make_axes("accuracy over time", "since", "accuracy (95 % interval)")
    places = range(len(rows))
    draw_intervals(axes, places, rows, "accuracy", color=BLUE)
    axes.axhline(expected, color="grey", linestyle="--", linewidth=1)
    step = -(-len(rows) // 6)
    axes.set_xticks(places[::step], [str(row["since"]) for row in rows[::step]], rotation=30)
    return figure


def draw(dataset: Mapping[str, Any], best_epoch: int, assessment: Assessment, history: Rows) -> None:
    """Writes reports/plots, a file a curve and classifier, as CSV for `dvc plots`, and reports/figures.

    Args:
        dataset: data/padded/dataset.json.
        best_epoch: whose weights were kept, from 1.
        assessment: what is drawn.
        history: the winning trial's epochs, of reports/plots/training_curve.csv.
    """
    curves, names, predicted = assessment.curves, dataset["labels"], decide(assessment.probabilities)
    by_class, roc_by_class = (
        [{"class": names[int(row["label"])], **row} for row in rows]
        for rows in (assessment.by_class, assessment.roc_by_class)
    )
    given = [
        {"actual": names[int(label)], "predicted": names[int(guess)]}
        for label, guess in zip(assessment.labels, predicted, strict=True)
    ]
    tables = {"confusion": given, "by_class": by_class, "roc_by_class": roc_by_class} | {
        f"{each.prefix}{curve}": points[each.name]
        for curve, points in curves.items()
        for each in assessment.classifiers
        if each.name != MAJORITY
    }
    for stem, rows in tables.items():
        write_csv(PLOTS_DIR / f"{stem}.csv", rows)

    both = assessment.classifiers[0].name, assessment.baseline.name  # with more, bars hide each other
    binned = {curve: {name: points[name] for name in both} for curve, points in curves.items()}
    shown, where, tokens = names_in_figures(names), f"{dataset['name']}, test split", dataset["tokens"]
    rates = "false_positive_rate", "true_positive_rate"
    each_class = {
        title: [row for row in roc_by_class if row["class"] == name]
        for name, title in zip(names, shown, strict=True)
    }
    share = "share labelled right" if assessment.num_labels > 2 else f"share {shown[1]}"
    drawn = {
        "roc": curve_figure(curves["roc"], *rates, f"ROC, {where}", diagonal=True),
        "roc_by_class": curve_figure(
            each_class, *rates, f"ROC of each class against all others, {where}", diagonal=True
        ),
        "precision_recall": curve_figure(
            curves["precision_recall"], "recall", "precision", f"Precision-recall, {where}"
        ),
        "confusion": confusion_figure(assessment.labels, predicted, shown, f"Confusion, {where}"),
        "reliability": reliability_figure(binned["reliability"], f"Reliability, {where}", share),
    }
    for by, title, label in (
        ("length", "length", f"{tokens} of the whole review"),
        ("unknown_share", f"share of unknown {tokens}", f"share of unknown {tokens} among those read"),
    ):
        figure, axes = make_axes(f"Accuracy by {title}, {where}", label, "accuracy (95 % interval)")
        draw_curves(axes, binned[f"accuracy_by_{by}"], by, "accuracy")
        axes.legend(frameon=False, loc="best", fontsize="small")
        drawn[f"accuracy_by_{by}"] = figure
    for metric in ("accuracy", "loss"):
        title = f"Winning trial: {metric}, {dataset['name']}"
        drawn[f"training_{metric}"] = training_figure(history, metric, best_epoch, title)
    for stem, figure in drawn.items():
        save(figure, FIGURES_DIR / f"{stem}.png")
