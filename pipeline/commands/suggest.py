"""`suggest`: which texts to label next, as a file that a labelling tool imports."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands import echo_error, of_texts, of_version
from pipeline.interface import load_champion
from pipeline.labelling import suggest as choose
from pipeline.labelling import write_tasks
from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.records import Reader
from pipeline.runtime.errors import UserError
from pipeline.serving.answering import ID
from pipeline.serving.tables import scorable


@click.command()
@click.argument("unlabelled", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="How many texts.")
@of_version
@of_texts
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="reports/suggested.csv",
    show_default=True,
    help="Where they go: .csv, .json (tasks of Label Studio) or .jsonl (doccano).",
)
def suggest(
    unlabelled: Path, count: int, name: str | None, text_column: str, form: Format, output: Path
) -> None:
    """Pick the texts of UNLABELLED, a file or folder, whose labels would teach the champion most.

    They are the ones that it is least sure of, spread so that they aren't one text a hundred times. Each
    has the champion's label, which Label Studio and doccano show as a first answer.
    """
    champion = load_champion(name, echo_error)
    passed_over: list[str] = []
    reader = Reader(
        [text_column], form, "UNLABELLED", "--text-column", lambda place, *_: passed_over.append(place)
    )
    texts = (
        (row[text_column], ({} if row.get(ID) in (None, "") else {ID: row[ID]}) | {"place": place})
        for place, row in scorable(reader.read_all(unlabelled), reader)
    )
    tasks = choose(champion.texts, texts, count)
    if not tasks:
        raise UserError(f"{unlabelled} holds no text: give a file with some")
    write_tasks(output, tasks, champion.address)
    unread = f"; {len(passed_over):,} rows without a text passed over" if passed_over else ""
    echo_error(f"{champion.name}: {len(tasks):,} texts to label -> {output}{unread}")
