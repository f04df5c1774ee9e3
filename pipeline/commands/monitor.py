"""`monitor`: are the reviews that a version is asked about still like those that it was made with?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.commands import echo_error, of_texts, of_version
from pipeline.interface import load_champion
from pipeline.monitoring.comparison import compare
from pipeline.monitoring.drift import SHIFTED
from pipeline.monitoring.page import lines, page
from pipeline.monitoring.table import Columns
from pipeline.reviews.sources.dialects import Format
from pipeline.runtime.files import write_text
from pipeline.serving.answering import ID
from pipeline.serving.profile import Profile
from pipeline.serving.tables import LABEL

STATUS = 3  # neither an error's nor a wrong option's


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@of_version
@of_texts
@click.option("--label-column", help="The column of the true labels, as far as they are known.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="A table of true labels that came later: --label-column, here `label` if it isn't given, and --key.",
)
@click.option("--key", help="The column by which a row's label is found in --labels.  [default: id]")
@click.option("--time-column", help="The column that says when: accuracy is shown over time.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    default="reports/monitor.html",
    show_default=True,
    help="Where the page goes.",
)
def monitor(
    table: Path,
    name: str | None,
    text_column: str,
    form: Format,
    label_column: str | None,
    labels: Path | None,
    key: str | None,
    time_column: str | None,
    report: Path,
) -> None:
    """Compare the reviews of TABLE, scored or not, with those that the champion was made with.

    TABLE is a .csv, .tsv, .jsonl, .json or .parquet file, or a folder of them. Status 3: they are not
    alike, or the accuracy has fallen.
    """
    if key and not labels:
        raise click.UsageError("--key is for a table of labels: give --labels too")
    if labels:
        label_column, key = label_column or LABEL, key or ID
    if time_column and not label_column:
        raise click.UsageError("--time-column is for accuracy over time: give --label-column or --labels too")
    champion = load_champion(name, echo_error)
    profile = Profile.load(champion.folder)
    columns = Columns(text_column, label_column, time_column, key, form)
    comparison = compare(champion.texts, champion.address, profile, table, columns, labels)
    write_text(report, page(comparison, champion.address, table))
    for line in lines(comparison):
        click.echo(line)
    echo_error(f"-> {report}")
    sys.exit(STATUS if comparison.verdict == SHIFTED else 0)
