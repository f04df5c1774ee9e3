"""What the evaluate stage prints at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.promotion import Registration
from pipeline.reporting import TITLES, span
from pipeline.runtime.paths import REPORT


def print_summary(
    dataset: Mapping[str, Any], assessment: Assessment, registration: Registration | None
) -> None:
    """The metrics of every classifier, what became of the model, and what can be done next."""
    console = Console(width=120)
    metrics, baseline = assessment.metrics, assessment.baseline
    table = Table(
        title=f"{dataset['sizes']['test']:,} test reviews of {dataset['name']}", title_justify="left"
    )
    for column in ("classifier", "accuracy", "95 % interval", *list(TITLES)[1:]):
        table.add_column(column, justify="left" if column == "classifier" else "right")
    for each in assessment.classifiers:
        accuracy, *others = (f"{metrics[f'{each.prefix}test_{name}']:.4f}" for name in TITLES)
        interval = span(assessment.intervals[f"{each.prefix}test_accuracy"])
        table.add_row(each.name, accuracy, interval, *others)
    console.print(table)
    paired = assessment.paired[baseline.name]
    console.print(
        f"right on a review where {baseline.name}, the better baseline on validation, is wrong: "
        f"{paired.only_first:,}; the reverse: {paired.only_second:,}; McNemar exact p = {paired.p_value:.3g}",
        highlight=False,
    )
    if registration:
        console.print(
            f"registered {registration.name} version {registration.version} "
            f"as [bold]{registration.alias}[/bold]: {registration.reason}"
        )
    console.print(
        f"report: {REPORT}\n"
        "next:\n"
        "  make ui                          # runs, trials and registry in MLflow\n"
        "  make serve                       # the champion on http://127.0.0.1:5001\n"
        "  source .venv/bin/activate        # then, for example:\n"
        "  dvc plots show                   # the curves as a page\n"
        "  python -m pipeline predict --explain 'A superb cast in a dull film.'\n"
        "  dvc exp run -S model.depth=3     # another experiment; compare: dvc exp show",
        highlight=False,
    )
