"""What cross-validation found, as a page and as tables on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table as TerminalTable

from pipeline.reporting import count_text, metric_names, p_text, span
from pipeline.reporting.page import Table, TableCell, cell_text, render
from pipeline.runtime.files import write_json, write_text
from pipeline.runtime.live import WIDTH
from pipeline.runtime.paths import CROSS_VALIDATION, CROSS_VALIDATION_REPORT

_COLUMNS = 4  # that 80 characters hold; the page has all
SECTIONS = {"scores": "Scores", "lead": "Better or worse?", "folds": "Every fold"}


def show(found: dict[str, Any]) -> None:
    """Writes reports/cross_validation, and prints the first two tables."""
    write_json(CROSS_VALIDATION, found)
    write_text(CROSS_VALIDATION_REPORT, render_page(found))
    console = Console(width=WIDTH, highlight=False)
    for table in make_tables(found)[:2]:
        said = TerminalTable(title=table.caption, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for place, column in enumerate(table.columns[:_COLUMNS]):
            said.add_column(column, justify="left" if place == 0 else "right", no_wrap=place > 0)
        for row in table.rows:
            said.add_row(*map(cell_text, row[:_COLUMNS]))
        console.print(said)
    click.echo(f"the page is {CROSS_VALIDATION_REPORT}", err=True)


def render_page(found: dict[str, Any]) -> str:
    """The whole page, self-contained HTML, of what ``study.cross_validate`` found."""
    network, *rivals = found["classifiers"].items()
    accuracy = network[1]["accuracy"]
    others = ", ".join(f"{name} {metrics['accuracy']['mean']:.1%}" for name, metrics in rivals)
    sentence = (
        f"On {count_text(found['reviews'], 'review')} the configured network labels {accuracy['mean']:.1%} "
        f"right (95 % interval {accuracy['low']:.1%} to {accuracy['high']:.1%}); {others}."
    )
    title = f"Cross-validation, {found['dataset']}"
    content = {"sections": SECTIONS, "sentence": sentence, "found": found, "tables": make_tables(found)}
    return render("page.html", Path(__file__).parent, title=title, **content)


def make_tables(found: dict[str, Any]) -> list[Table]:
    """Means of each classifier's scores, the network's lead on each, and the accuracy of every fold."""
    names = metric_names(len(found["labels"]))
    others = [name for name in names if name != "accuracy"]
    scores: list[list[TableCell]] = []
    for name, metrics in found["classifiers"].items():
        mean, low, high = metrics["accuracy"].values()
        scores.append([name, mean, span((low, high)), *(metrics[other]["mean"] for other in others)])
    lead = []
    for name, each in found["lead"].items():
        mean, low, high = (100 * each[key] for key in ("mean", "low", "high"))
        lead.append([name, f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}", p_text(each["p_value"])])
    titles = ["classifier", "accuracy ↑", "95 % interval", *(names[other].arrow for other in others)]
    ahead = "What the network's accuracy is ahead by, in points, fold by fold."
    folds = [list(row.values()) for row in found["scores"]]
    return [
        Table(titles, scores, "Means over all folds."),
        Table(["against", "points of accuracy", "95 % interval", "corrected t-test"], lead, ahead),
        Table(["repeat", "fold", *found["classifiers"]], folds, "Accuracy on the reviews of each fold"),
    ]
