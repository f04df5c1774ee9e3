"""`check`: what there is to see in a file of reviews before anything is trained on it."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands import of_tables
from pipeline.params import Value, load_params
from pipeline.reviews import findings
from pipeline.reviews.sources import file
from pipeline.reviews.splitting import TRAIN
from pipeline.runtime.files import write_json


@click.command()
@click.argument("path", metavar="FILE")
@click.option("--text-column", help="By default data.text_column; a number where there is no header line.")
@click.option("--label-column", help="By default data.label_column.")
@click.option("--split-column", help="By default data.split_column.")
@of_tables
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Where the findings go as JSON.",
    default="reports/check.json",
)
def check(
    path: str,
    text_column: str | None,
    label_column: str | None,
    split_column: str | None,
    written: dict[str, Value],
    output: Path,
) -> None:
    """Look at FILE (or a folder) as the download stage would read it, and at what to do about it."""
    columns = {"text_column": text_column, "label_column": label_column, "split_column": split_column}
    values: dict[str, Value] = {"data.source": "file", "data.path": path}
    values |= {f"data.{name}": value for name, value in written.items()}
    values |= {
        f"data.{name}": int(value) if value.isdecimal() else value
        for name, value in columns.items()
        if value is not None
    }
    params = load_params().replace(values)
    dataset = file.load(params.data, params.seed, lambda line: click.echo(line, err=True))
    pad = params.pad.of_reviews(dataset.splits[TRAIN].lengths + 1)
    checked = findings.check(dataset, pad.vocab_size, pad.row_length)
    write_json(output, checked)
    for name, form in dataset.reading["formats"].items():
        click.echo(f"{name}: {form}")
    for line in findings.lines_of(checked):
        click.echo(line)
    click.echo(f"-> {output}", err=True)
