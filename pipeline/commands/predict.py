"""`predict`: labels texts given as words, on standard input, or in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.text import Text

from pipeline.api import classifiers as api
from pipeline.api.champion import load_champion
from pipeline.api.classifiers import Classifier
from pipeline.commands.options import of_version
from pipeline.serving.batching import batches
from pipeline.serving.classifier import Contribution, described, probability_column

_LINES = 256  # of standard input, scored together


@click.command()
@click.argument("texts", nargs=-1)
@of_version
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    help="A .csv, .tsv, .jsonl or .parquet file, or a folder or quoted pattern of such.",
)
@click.option(
    "--output",
    "target",
    type=click.Path(path_type=Path),
    help="Where --input's rows go, scored: a file, or a folder for a folder or pattern.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="What a folder's parts are written as.  [default: what they are]",
)
@click.option(
    "--workers",
    metavar="N|auto",
    callback=lambda _context, _option, text: _workers(text),
    help="Processes that score a folder's files side by side; auto: one a core.  [default: 1]",
)
@click.option("--text-column", default="text", show_default=True, help="The column of --input to read.")
@click.option("--threshold", type=float, help="A probability from here on is the second label.")
@click.option("--explain", is_flag=True, help="Show what each word (or other token) contributes.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a text.")
def predict(
    texts: tuple[str, ...],
    name: str | None,
    source: Path | None,
    target: Path | None,
    kind: str | None,
    workers: int | Literal["auto"] | None,
    text_column: str,
    threshold: float | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Label TEXTS, the rows of --input, or standard input line by line, with the champion.

    A folder's parts are written as they finish; the same command goes on where a run was stopped.
    """
    _check(texts, source, target, explain)
    champion = load_champion(name)
    click.echo(champion.name, err=True)
    if source and target:
        from pipeline.commands.score import score_table  # noqa: PLC0415 - imports Dask, which takes a second
        from pipeline.serving.parts import Options  # noqa: PLC0415

        options = Options(text_column, threshold, champion.address)
        score_table(champion, source, target, options, kind, workers)
        return
    for batch in batches(texts or (line.rstrip("\n") for line in sys.stdin), _LINES):
        _print(champion, batch, threshold, explain, as_json)


def _workers(text: str | None) -> int | Literal["auto"] | None:
    if text is None or text == "auto":
        return "auto" if text else None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"must be a number from 1 on, or auto, but is {text}")
    return int(text)


def _check(texts: tuple[str, ...], source: Path | None, target: Path | None, explain: bool) -> None:
    if (source is None) != (target is None):
        raise click.UsageError("--input and --output belong together: give both or neither")
    if source and (texts or explain):
        raise click.UsageError("--input goes with neither texts nor --explain")
    if not source and not texts and sys.stdin.isatty():
        raise click.UsageError('give texts ("a review"), --input and --output, or pipe lines in')


def _print(
    champion: Classifier, texts: list[str], threshold: float | None, explain: bool, as_json: bool
) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for text, said in zip(texts, champion.predict(texts, threshold), strict=True):
        words = api.explain(champion, text) if explain else []
        if as_json:
            row: dict[str, Any] = {"text": text} | said._asdict()
            of_labels = row.pop("by_label")
            if len(of_labels) > 2:
                row |= {probability_column(name): value for name, value in of_labels.items()}
            row |= {"contributions": [word._asdict() for word in words]} if explain else {}
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        probabilities = described(list(said.by_label), list(said.by_label.values()))
        click.echo(f"{said.label}\t{probabilities}\t{said.unknown_share:.0%} unknown\t{text}")
        if explain:
            console.print(coloured(words, champion.texts.vocabulary.tokenizer.between))
            console.print(Text(strongest(words), style="dim"))


def coloured(words: list[Contribution], between: str = " ") -> Text:
    """The words read, green where they speak for the label asked about, red against it, pale where weakly."""
    largest = max((abs(word.contribution) for word in words), default=0.0) or 1.0
    text = Text("  ")
    for word, contribution in words:
        pale = round(190 * (1 - abs(contribution) / largest))
        colour = f"rgb({pale},190,{pale})" if contribution > 0 else f"rgb(190,{pale},{pale})"
        text.append(word, style="dim" if contribution == 0 else colour).append(between)
    return text


def strongest(words: list[Contribution], count: int = 5) -> str:
    """The words of the largest contributions, in numbers: ``  +1.52 superb  -0.80 dull``."""
    ranked = sorted(words, key=lambda word: -abs(word.contribution))[:count]
    return "".join(f"  {word.contribution:+.2f} {word.word}" for word in ranked)
