"""The figures of a run, as PNG for people: in MLflow, in reports/figures and on the page of `dvc plots show`.

Every title names the data set, so that a picture can't be taken for one of other data.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from pipeline.evaluation.assessment import Assessment, Curves
from pipeline.evaluation.metrics import BINS as RELIABILITY_BINS
from pipeline.evaluation.probabilities import decide
from pipeline.reviews.tokenizing import WORDS
from pipeline.runtime.files import Row, write_csv, written_whole
from pipeline.runtime.paths import FIGURES_DIR, PLOTS_DIR

# Which fonts of this machine draw a text: matplotlib's own lacks most scripts beyond Europe's.

_REGULAR = 400
_EVERY_BOX = "LastResort"  # matplotlib's font of boxes with a script's name


@cache
def families_for(characters: frozenset[str]) -> tuple[str, ...]:
    """Matplotlib's own font, then those of this machine that draw what it lacks: the most useful first."""
    own = str(rcParams["font.sans-serif"][0])
    chosen, missing = [own], _missing(findfont(FontProperties(family=own)), characters)
    others = {each.name: each.fname for each in fontManager.ttflist if _is_plain(each)} if missing else {}
    while missing:
        left = {name: _missing(file, missing) for name, file in sorted(others.items())}
        best = min(left, key=lambda name: len(left[name]), default="")
        if not best or len(left[best]) == len(missing):
            break
        chosen.append(best)
        missing = left[best]
    return tuple(chosen)


def can_be_drawn(text: str) -> bool:
    """Whether each character of ``text`` has a glyph in one font of :func:`families_for`."""
    missing = frozenset(text)
    for family in families_for(missing):
        missing = _missing(findfont(FontProperties(family=family)), missing)
    return not missing


def names_in_figures(names: Sequence[str]) -> list[str]:
    """The labels' names as figures have them: if one can't be drawn all are numbered, ``class 1``."""
    if all(map(can_be_drawn, names)):
        return list(names)
    return [f"class {number}" for number in range(1, len(names) + 1)]


def _missing(file: str, characters: frozenset[str]) -> frozenset[str]:
    glyphs = _glyphs(file)
    return frozenset(each for each in characters if not each.isspace() and ord(each) not in glyphs)


@cache
def _glyphs(file: str) -> frozenset[int]:
    return frozenset(get_font(file).get_charmap())


def _is_plain(entry: object) -> bool:
    """Whether a font is upright and of usual weight, and draws more than boxes."""
    name, style, weight = (getattr(entry, key) for key in ("fname", "style", "weight"))
    return style == "normal" and weight == _REGULAR and _EVERY_BOX not in name


Rows = Sequence[Row]
SIZE = (5.2, 4.2)  # inches
MODEL_COLOR, BASELINE_COLOR, GRID_COLOR = "#1f5fa8", "#c7611b", "#d8d8d8"
COLORS = (MODEL_COLOR, BASELINE_COLOR, "#3f8f4f", "#8a5aa8")  # of a model and its rivals, in their order

_ROOMY = 6  # labels whose confusion matrix has room for shares in its cells
_WIDE_NAMES = 50  # characters of all labels that have room beside each other


def save(figure: Figure, path: Path) -> None:
    """Writes the figure as PNG; the same figure always gives the same bytes.

    A character that matplotlib's own font lacks is taken from a font of this machine, if there is one.
    """
    texts = [*figure.findobj(Text)]
    for axes in figure.axes:  # whose ticks have their texts only when they are asked for
        texts += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    characters = frozenset("".join(text.get_text() for text in texts))
    fonts = rc_context({"font.sans-serif": list(families_for(characters))})
    with fonts, warnings.catch_warnings(), written_whole(path) as temporary:
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(temporary, dpi=144, bbox_inches="tight", metadata={"Software": None})


def curve_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, diagonal: bool = False) -> Figure:
    """One line for each named curve; ``x`` and ``y`` are the columns drawn.

    ``diagonal`` adds the line that guessing would give (ROC).
    """
    figure, axes = _axes(title, x, y)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=GRID_COLOR, linestyle="--", linewidth=1)
    colors = COLORS if len(curves) <= len(COLORS) else colormaps["turbo"](np.linspace(0, 1, len(curves)))
    for (name, rows), color in zip(curves.items(), colors, strict=False):
        axes.plot([row[x] for row in rows], [row[y] for row in rows], label=name, color=color, linewidth=1.4)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower right" if diagonal else "lower left", fontsize="small")
    return figure


def binned_figure(curves: Mapping[str, Rows], x: str, y: str, title: str, label: str) -> Figure:
    """Shares by bin with their intervals, one line for each named curve, a little apart from each other.

    The rows have the columns ``x``, which is called ``label``, ``y``, low, high, from and to.
    """
    figure, axes = _axes(title, label, f"{y} (95 % interval)")
    _error_lines(axes, curves, x, y)
    axes.legend(frameon=False, loc="best", fontsize="small")
    return figure


def reliability_figure(curves: Mapping[str, Rows], title: str, share: str) -> Figure:
    """The reliability diagram of each curve above how many reviews each bin of the first one holds.

    The rows have the columns probability, positive_share, low, high, from, to and reviews. On the dashed line
    both are equal: a calibrated classifier. ``share`` is what positive_share is called.
    """
    figure = Figure(figsize=(SIZE[0], 1.25 * SIZE[1]), layout="constrained")
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shares.set_title(title)
    _style(shares, "", f"{share} (95 % interval)")
    shares.plot([0, 1], [0, 1], color=GRID_COLOR, linestyle="--", linewidth=1)
    _error_lines(shares, curves, "probability", "positive_share")
    shares.set_xlim(0, 1)
    shares.set_ylim(0, 1)
    shares.legend(frameon=False, loc="upper left", fontsize="small")
    name, rows = next(iter(curves.items()))
    _style(counts, "probability", "reviews")
    places = [np.floor(min(row["from"], 0.999) * RELIABILITY_BINS) / RELIABILITY_BINS for row in rows]
    counts.bar(
        places, [row["reviews"] for row in rows], 0.9 / RELIABILITY_BINS, align="edge", color=MODEL_COLOR
    )
    counts.set_title(f"reviews by probability, {name}", fontsize="small", loc="left")
    return figure


def _error_lines(axes: Axes, curves: Mapping[str, Rows], x: str, y: str) -> None:
    for place, ((name, rows), color) in enumerate(zip(curves.items(), COLORS, strict=False)):
        values = {key: np.array([row[key] for row in rows]) for key in (x, y, "low", "high")}
        # Wilson's interval of a share of 0 or 1 ends there, but for rounding.
        reach = np.maximum([values[y] - values["low"], values["high"] - values[y]], 0)
        width = 1.8 if place == 0 else 1.0
        style: dict[str, Any] = {
            "color": color,
            "marker": "o",
            "markersize": 4,
            "capsize": 2,
            "linewidth": width,
        }
        axes.errorbar(values[x], values[y], yerr=reach, label=name, zorder=9 - place, **style)


def training_figure(history: Rows, metric: str, best_epoch: int, title: str) -> Figure:
    """Training and validation ``metric``, accuracy or loss, by epoch, the kept epoch marked."""
    figure, axes = _axes(title, "epoch", metric)
    epochs = [row["epoch"] for row in history]
    for split, color in (("training", BASELINE_COLOR), ("validation", MODEL_COLOR)):
        axes.plot(epochs, [row[f"{split}_{metric}"] for row in history], marker="o", label=split, color=color)
    axes.axvline(best_epoch, color="grey", linestyle=":", label="kept epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure


def confusion_figure(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Counts of actual against predicted labels; both arrays (num_reviews,), numbers of ``names``."""
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (labels.astype(int), predicted.astype(int)), 1)
    figure, axes = _axes(title, "predicted", "actual")
    axes.grid(False)
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        share = count / max(counts[row].sum(), 1)
        color = "white" if count > counts.max() / 2 else "black"
        text = f"{count:,}\n{share:.1%}" if len(names) <= _ROOMY else f"{count:,}"
        size = "medium" if len(names) <= _ROOMY else "x-small"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=0 if sum(map(len, names)) < _WIDE_NAMES else 90)
    axes.set_yticks(ticks, names)
    return figure


def histogram_figure(samples: Mapping[str, np.ndarray], x: str) -> Figure:
    """The shares of each sample's values, (num_reviews,), in the same bins, up to the 99th percentile."""
    figure, axes = _axes(x, x, "share")
    values = np.concatenate(list(samples.values()))
    edges = np.linspace(values.min(), max(np.quantile(values, 0.99), values.min() + 1e-9), 31).tolist()
    for (name, sample), color in zip(samples.items(), COLORS, strict=False):
        weights = np.full(len(sample), 1 / len(sample))
        axes.hist(sample, edges, weights=weights, histtype="step", color=color, linewidth=1.4, label=name)
    axes.legend(frameon=False, fontsize="small")
    return figure


def over_time_figure(rows: Rows, expected: float) -> Figure:
    """Accuracy by period with its interval, and the expected one; rows have since, accuracy, low and high."""
    figure, axes = _axes("accuracy over time", "since", "accuracy (95 % interval)")
    places = range(len(rows))
    accuracies = np.array([row["accuracy"] for row in rows])
    reach = np.maximum(
        [accuracies - [row["low"] for row in rows], [row["high"] for row in rows] - accuracies], 0
    )
    axes.errorbar(places, accuracies, yerr=reach, color=MODEL_COLOR, marker="o", markersize=4, capsize=2)
    axes.axhline(expected, color="grey", linestyle="--", linewidth=1)
    step = -(-len(rows) // 6)
    axes.set_xticks(places[::step], [str(row["since"]) for row in rows[::step]], rotation=30)
    return figure


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    _style(axes, x.replace("_", " "), y.replace("_", " "))
    return figure, axes


def _style(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=GRID_COLOR, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


# The curves of an assessment as CSV for `dvc plots` and as PNG, every title naming the data set.


def draw(dataset: Mapping[str, Any], best_epoch: int, assessment: Assessment, history: Rows) -> None:
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
        "roc": curve_figure(
            curves["roc"], "false_positive_rate", "true_positive_rate", f"ROC, {where}", diagonal=True
        ),
        "roc_by_class": curve_figure(
            {
                title: [row for row in roc_by_class if row["class"] == name]
                for name, title in zip(names, shown, strict=True)
            },
            "false_positive_rate",
            "true_positive_rate",
            f"ROC of each class against all others, {where}",
            diagonal=True,
        ),
        "precision_recall": curve_figure(
            curves["precision_recall"], "recall", "precision", f"Precision-recall, {where}"
        ),
        "confusion": confusion_figure(labels, predicted, shown, f"Confusion, {where}"),
        "reliability": reliability_figure(
            _paired(assessment, "reliability"),
            f"Reliability, {where}",
            "share labelled right" if assessment.num_labels > 2 else f"share {shown[1]}",
        ),
        "accuracy_by_length": binned_figure(
            _paired(assessment, "accuracy_by_length"),
            "length",
            "accuracy",
            f"Accuracy by length, {where}",
            f"{tokens} of the whole review",
        ),
        "accuracy_by_unknown_share": binned_figure(
            _paired(assessment, "accuracy_by_unknown_share"),
            "unknown_share",
            "accuracy",
            f"Accuracy by share of unknown {tokens}, {where}",
            f"share of unknown {tokens} among those read",
        ),
        **{
            f"training_{metric}": training_figure(
                history, metric, best_epoch, f"Winning trial: {metric}, {dataset['name']}"
            )
            for metric in ("accuracy", "loss")
        },
    }
    for stem, figure in drawn.items():
        save(figure, FIGURES_DIR / f"{stem}.png")


def _paired(assessment: Assessment, curve: str) -> Curves:
    """A curve of the network and of the baseline it is tested against; with more, bars hide each other."""
    names = assessment.classifiers[0].name, assessment.baseline.name
    return {name: assessment.curves[curve][name] for name in names}
