"""Would more labels help? The configured network on growing shares of the labels, beside a bag of words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from pipeline.evaluation.baselines import MODEL, NAIVE_BAYES
from pipeline.evaluation.learning_curve import FEWEST, PARTS, PowerLaw, fit_power_law, gain_interval, parts_of
from pipeline.evaluation.metrics import Metrics
from pipeline.params import Params
from pipeline.reporting import span
from pipeline.reporting.page import Picture, Table, TableCell, render
from pipeline.reviews.splitting import TEST, draw_stratified
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json, write_json, write_text
from pipeline.runtime.paths import LEARNING_CURVE_DIR, RAW_DATASET
from pipeline.runtime.plotting import draw_curves, make_axes, save
from pipeline.tracking import PipelineRun
from studies.cross_validation.fold import Fold
from studies.cross_validation.study import accuracy_of, all_reviews, fit_to, judge

JUDGED = 0.2  # of the reviews
SECTIONS = {"curve": "Accuracy by the number of labels", "figures": "Figures"}


def run(params: Params, repeats: int) -> None:
    """Fits each share ``repeats`` times, judged on a fifth of the reviews; writes reports/learning_curve.

    The test reviews stay unread: what a curve says is acted on.

    Raises:
        InterruptedError: after Ctrl-C; what is fitted is kept.
        UserError: if there are too few reviews of a label for three shares.
    """
    data, dataset = all_reviews(params, but=TEST), read_json(RAW_DATASET)
    held = draw_stratified(data["labels"], JUDGED, params.seed, dataset["labels"])
    labels = np.delete(data["labels"], held)
    parts = parts_of(labels)
    if len(parts) < 3:
        fewest = int(np.bincount(labels).min())
        raise UserError(
            f"a learning curve needs {FEWEST * PARTS[-3]} reviews or more of each label to train on, but one "
            f"has {fewest}: label more, or leave the label out by data.labels"
        )
    asked = [
        (Fold(repeat, 0, held, part), fit_to(params, len(labels) / part, data, dataset))
        for part in parts
        for repeat in range(1, repeats + 1)
    ]

    def report(judged: list[Mapping[str, Metrics]], parent: PipelineRun) -> dict[str, Any]:
        found = summarise([len(labels) / part for part in parts], judged, len(held), params.seed)
        parent.log_metrics({f"gain_of_twice_{name}": found[name] for name in ("gain", "low", "high")})
        return found

    found = judge("learning-curve", asked, {}, data, dataset, report)
    write_json(LEARNING_CURVE_DIR / "scores.json", found)
    write_text(LEARNING_CURVE_DIR / "report.html", render_page(found))
    for row in found["curves"][MODEL]:
        interval = span((row["low"], row["high"]))
        click.echo(f"{row['labels']:,} labels: accuracy {row['accuracy']:.4f} ({interval})")
    click.echo(sentence(found))
    click.echo(f"the page is {LEARNING_CURVE_DIR / 'report.html'}", err=True)


def summarise(
    sizes: list[float], judged: list[Mapping[str, Metrics]], num_judged: int, seed: int
) -> dict[str, Any]:
    """Plain JSON values: each classifier's curve, the network's power law, what twice the labels would give.

    Args:
        sizes: numbers of labels, ascending.
        judged: metrics by classifier, the repeats of the first size first.
        num_judged: reviews that all are judged on.
        seed: of the gain's interval.
    """
    accuracies = {
        name: np.array([metrics[name]["accuracy"] for metrics in judged]).reshape(len(sizes), -1)
        for name in (MODEL, NAIVE_BAYES)
    }
    curves: dict[str, list[dict[str, float]]] = {name: [] for name in accuracies}
    for name, every in accuracies.items():
        for size, scores in zip(sizes, every, strict=True):
            mean, (low, high), _ = accuracy_of(scores.tolist(), num_judged / (num_judged + size), num_judged)
            curves[name].append({"labels": round(size), "accuracy": mean, "low": low, "high": high})
    errors = 1 - accuracies[MODEL].T
    law = fit_power_law(np.array(sizes), errors.mean(0))
    low, high = gain_interval(np.array(sizes), errors, seed)
    return {"curves": curves, "law": law._asdict(), "gain": law.gain, "low": low, "high": high}


def sentence(found: Mapping[str, Any]) -> str:
    """``twice the labels (20,000) would give about 0.6 points of accuracy (0.2 to 0.9)``."""
    labels = found["curves"][MODEL][-1]["labels"]
    gain, low, high = (100 * found[name] for name in ("gain", "low", "high"))
    return (
        f"twice the labels ({2 * labels:,}) would give about {gain:.1f} points of accuracy "
        f"({low:.1f} to {high:.1f})"
    )


def render_page(found: Mapping[str, Any]) -> str:
    """The page as HTML, after its figure was drawn into reports/learning_curve."""
    figure, axes = make_axes("accuracy by the number of labels", "labels", "accuracy (95 % interval)")
    draw_curves(axes, found["curves"], "labels", "accuracy")
    law = PowerLaw(**found["law"])
    sizes = np.geomspace(found["curves"][MODEL][0]["labels"], 2 * law.largest, 50)
    axes.plot(sizes, 1 - law.error(sizes), color="grey", linestyle="--", linewidth=1, label="power law")
    axes.set_xscale("log")
    axes.legend()
    path = LEARNING_CURVE_DIR / "curve.png"
    save(figure, path)
    rows: list[list[TableCell]] = []
    for of_size in zip(*found["curves"].values(), strict=True):
        cells = [(row["accuracy"], span((row["low"], row["high"]))) for row in of_size]
        rows.append([of_size[0]["labels"], *(cell for pair in cells for cell in pair)])
    columns = [cell for name in found["curves"] for cell in (f"{name}, accuracy ↑", "95 % interval")]
    return render(
        "learning_curve.html",
        Path(__file__).parent,
        title=f"Learning curve, {found['dataset']}",
        sections=SECTIONS,
        sentence=sentence(found),
        found=found,
        picture=Picture(path, "Accuracy by the number of labels"),
        table=Table(["labels", *columns], rows, "Means over the draws, on the reviews held back for it."),
    )
