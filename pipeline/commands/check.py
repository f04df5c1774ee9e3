"""`check`: what there is to see in a file of reviews before anything is trained on it."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from pipeline.commands import echo_error, of_tables
from pipeline.params import Params, Value, load_params
from pipeline.reviews import findings
from pipeline.reviews.dataset import Dataset
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
@click.option("--labels", is_flag=True, help="Look for rows whose label seems wrong, too.")
@click.option(
    "--issues",
    type=click.Path(path_type=Path),
    help="Where these rows go, worst first: .csv, .json (tasks of Label Studio) or .jsonl (doccano).",
    default="reports/label_issues.csv",
    show_default=True,
)
def check(
    path: str,
    text_column: str | None,
    label_column: str | None,
    split_column: str | None,
    written: dict[str, Value],
    output: Path,
    labels: bool,
    issues: Path,
) -> None:
    """Look at FILE (or a folder) as the download stage would read it, and at what to do about it."""
    data: dict[str, Value] = {"source": "file", "path": path, **written}
    columns = {"text_column": text_column, "label_column": label_column, "split_column": split_column}
    data |= {
        name: int(value) if value.isdecimal() else value
        for name, value in columns.items()
        if value is not None
    }
    params = load_params().replace({f"data.{name}": value for name, value in data.items()})
    dataset = file.load(params.data, params.seed, echo_error)
    pad = params.pad.of_reviews(dataset.splits[TRAIN].lengths + 1)
    checked = findings.check(dataset, pad.vocab_size, pad.row_length)
    write_json(output, checked)
    for name, form in dataset.reading["formats"].items():
        click.echo(f"{name}: {form}")
    for line in findings.lines_of(checked):
        click.echo(line)
    echo_error(f"-> {output}")
    if labels:
        _check_labels(dataset, params, issues)


def _check_labels(dataset: Dataset, params: Params, issues: Path) -> None:
    """All rows, whatever their split: those of the file are all labelled by hand."""
    from pipeline.evaluation.baselines import out_of_fold  # noqa: PLC0415 - scikit-learn
    from pipeline.evaluation.explanation import find_label_issues  # noqa: PLC0415
    from pipeline.labelling import Task, write_tasks  # noqa: PLC0415
    from pipeline.reviews.ragged import Ragged  # noqa: PLC0415

    splits = dataset.splits.values()
    reviews = Ragged.join(splits)
    given = np.concatenate([part.labels for part in splits]).astype(np.int64)
    found = find_label_issues(given, out_of_fold(reviews, given, seed=params.seed))
    places = [place for split in dataset.splits for place in dataset.places[split]]
    wanted = {places[issue.row] for issue in found}
    rows = {place: row for place, row in file.rows_of(params.data) if place in wanted}
    tasks = [
        Task(
            rows[places[row]][str(params.data.text_column)],
            dataset.labels[likely],
            probability,
            {"place": places[row], "given_label": dataset.labels[label]},
        )
        for row, label, likely, probability in found
    ]
    click.echo(f"labels that look wrong: {len(tasks):,} of {len(given):,}")
    for task in tasks[: findings.EXAMPLES]:
        shown = task.text if len(task.text) <= 60 else f"{task.text[:57]}..."
        click.echo(
            f"    {task.more['place']}: {task.more['given_label']}, more likely {task.label} "
            f"({task.probability:.2f}): {' '.join(shown.split())}"
        )
    write_tasks(issues, tasks, "naive Bayes n-grams, out of fold")
    echo_error(f"-> {issues}")
