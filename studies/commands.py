"""`depth`: what stacking layers does on the reviews of data/padded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table as Shown

from pipeline.networks.devices import prepare_keras
from pipeline.params import load_params
from pipeline.reporting import counted, metric_names, p_text, span
from pipeline.reporting.page import Table, render
from pipeline.runtime.files import write_json, write_text
from pipeline.runtime.live import WIDTH
from pipeline.runtime.paths import CROSS_VALIDATION, CROSS_VALIDATION_REPORT
from pipeline.stages import refuse_edited, require_outputs
from studies import cells
from studies.depth import study


@click.command(name="depth")
def depth() -> None:
    """Train stacks of every depth, cell and skip; judge what is said of depth: -> reports/depth."""
    params = load_params()
    require_outputs("depth", "pad")
    study.run(params)
    refuse_edited("depth", params, Path("depth/dvc.yaml"))


# `compare-cells`: SimpleRNN, LSTM and GRU side by side.


@click.command(name="compare-cells")
@click.option("--depth", type=click.IntRange(2, 8), default=3, show_default=True, help="Layers of each.")
@click.option("--reviews", type=click.IntRange(min=1), default=4000, show_default=True, help="Of each split.")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True)
def compare_cells(depth: int, reviews: int, epochs: int) -> None:
    """Train a simple RNN, an LSTM and a GRU, plain, clipped and with skips: -> reports/cells."""
    params = load_params()
    require_outputs("compare-cells", "pad")
    cells.run(params, depth, reviews, epochs)


# `cross-validate`: the configured network on many splits, for few reviews.

_COLUMNS = 4
SECTIONS = {"scores": "Scores", "lead": "Better or worse?", "folds": "Every fold"}


@click.command(name="cross-validate")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True)
def cross_validate(folds: int, repeats: int) -> None:
    """Judge the configured network on FOLDS parts of all reviews in turn, REPEATS times over.

    For reviews so few that one test split says little. Nothing is searched or registered.
    """
    params = load_params()
    require_outputs("cross-validate", "download")
    prepare_keras()
    from studies.cross_validation import study as folds_study  # noqa: PLC0415 - it imports Keras

    found = folds_study.cross_validate(params, folds, repeats)
    write_json(CROSS_VALIDATION, found)
    tables = _tables(found)
    write_text(CROSS_VALIDATION_REPORT, _page(found, tables))
    console = Console(width=WIDTH, highlight=False)
    for table in tables[:2]:
        console.print(_shown(table))
    click.echo(f"the page is {CROSS_VALIDATION_REPORT}", err=True)


def _tables(found: dict[str, Any]) -> list[Table]:
    names = metric_names(len(found["labels"]))
    others = [name for name in names if name != "accuracy"]
    scores = [
        [
            name,
            metrics["accuracy"]["mean"],
            span((metrics["accuracy"]["low"], metrics["accuracy"]["high"])),
            *(metrics[other]["mean"] for other in others),
        ]
        for name, metrics in found["classifiers"].items()
    ]
    lead = [
        [name, f"{100 * each['mean']:+.2f}", _points(each), p_text(each["p_value"])]
        for name, each in found["lead"].items()
    ]
    classifiers = list(found["classifiers"])
    every = [[row["repeat"], row["fold"], *(row[name] for name in classifiers)] for row in found["scores"]]
    return [
        Table(
            ["classifier", "accuracy ↑", "95 % interval", *(names[other].arrow for other in others)],
            scores,
            "Means over all folds.",
        ),
        Table(
            ["against", "points of accuracy", "95 % interval", "corrected t-test"],
            lead,
            "What the network's accuracy is ahead by, in points, fold by fold.",
        ),
        Table(["repeat", "fold", *classifiers], every, "Accuracy on the reviews of each fold"),
    ]


def _points(lead: dict[str, float]) -> str:
    return f"{100 * lead['low']:+.2f} to {100 * lead['high']:+.2f}"


def _page(found: dict[str, Any], tables: list[Table]) -> str:
    network, *rivals = found["classifiers"].items()
    low, high = network[1]["accuracy"]["low"], network[1]["accuracy"]["high"]
    sentence = (
        f"On {counted(found['reviews'], 'review')} the configured network labels "
        f"{network[1]['accuracy']['mean']:.1%} right (95 % interval {low:.1%} to {high:.1%}); "
        + ", ".join(f"{name} {metrics['accuracy']['mean']:.1%}" for name, metrics in rivals)
        + "."
    )
    return render(
        "cross_validation.html",
        title=f"Cross-validation, {found['dataset']}",
        sections=SECTIONS,
        sentence=sentence,
        found=found,
        tables=tables,
    )


def _shown(table: Table) -> Shown:
    """The first columns, as many as 80 characters hold; the page has all."""
    shown = Shown(title=table.caption, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(table.columns[:_COLUMNS]):
        shown.add_column(column, justify="left" if place == 0 else "right", no_wrap=place > 0)
    for row in table.rows:
        cells = (f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row[:_COLUMNS])
        shown.add_row(*cells)
    return shown
