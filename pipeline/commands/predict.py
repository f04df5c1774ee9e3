"""`predict`: labels texts given as words, on standard input, or in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console
from rich.text import Text

from pipeline.params import load_params
from pipeline.registry.embedded import find_classifier
from pipeline.registry.names import CHAMPION, registered_name
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import PADDED_DATASET
from pipeline.runtime.store_address import store_address
from pipeline.serving.batching import batches
from pipeline.serving.classifier import Contribution, TextClassifier, described

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_LINES = 256  # of standard input, scored together


@click.command()
@click.argument("texts", nargs=-1)
@click.option("--model", help="models:/NAME/VERSION or models:/NAME@ALIAS.")
@click.option("--dataset", help="The data set whose champion is taken; else the one in data/padded.")
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
@click.option("--explain", is_flag=True, help="Show what each word contributes.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a text.")
def predict(
    texts: tuple[str, ...],
    model: str | None,
    dataset: str | None,
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
    if source and target:
        from pipeline.commands.score import score_table  # noqa: PLC0415 - imports MLflow, which takes seconds
        from pipeline.serving.parts import Options  # noqa: PLC0415

        version = _asked_of_mlflow(model, dataset)
        options = Options(text_column, threshold, f"models:/{version.name}/{version.version}")
        score_table(version, source, target, options, kind, workers)
        return
    classifier = _load(model, dataset)
    for batch in batches(texts or (line.rstrip("\n") for line in sys.stdin), _LINES):
        _print(classifier, batch, threshold, explain, as_json)


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


def _load(model: str | None, dataset: str | None) -> TextClassifier:
    """The classifier that is meant: straight from the embedded store where it is there, else by MLflow."""
    uri = model
    if model is None and (dataset or PADDED_DATASET.exists()):
        uri = f"models:/{registered_name(dataset or read_json(PADDED_DATASET)['name'])}@{CHAMPION}"
    store = store_address(load_params().mlflow.tracking_uri)
    found = find_classifier(store, uri) if uri and not (model and dataset) else None
    if found:
        click.echo(f"{found.name} version {found.version}", err=True)
        return TextClassifier.load(found.folder)
    from pipeline.registry.loading import load_classifier  # noqa: PLC0415 - imports MLflow

    return load_classifier(_asked_of_mlflow(model, dataset))


def _asked_of_mlflow(model: str | None, dataset: str | None) -> ModelVersion:
    from pipeline.commands.store import chosen_version, open_store  # noqa: PLC0415 - imports MLflow

    version = chosen_version(open_store(), model, dataset)
    click.echo(f"{version.name} version {version.version}", err=True)
    return version


def _print(
    classifier: TextClassifier, texts: list[str], threshold: float | None, explain: bool, as_json: bool
) -> None:
    scores = classifier.score(texts, threshold)
    console = Console(soft_wrap=True, highlight=False)
    labels, numbers = classifier.labels, classifier.numbers(scores)
    for row_number, (text, label) in enumerate(zip(texts, scores.labels, strict=True)):
        words = classifier.explain(text) if explain else []
        if as_json:
            row: dict[str, Any] = {"text": text, "label": label}
            row |= {name: float(values[row_number]) for name, values in numbers.items()}
            row |= {"contributions": [word._asdict() for word in words]} if explain else {}
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        said, unknown = described(labels, scores.by_label[row_number]), scores.unknown_shares[row_number]
        click.echo(f"{label}\t{said}\t{unknown:.0%} unknown\t{text}")
        if explain:
            console.print(coloured(words, classifier.vocabulary.tokenizer.between))
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
