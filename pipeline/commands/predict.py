"""`predict`: labels texts given as words, on standard input, or in a file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from pipeline.commands import echo_error, of_texts, of_version
from pipeline.interface import Classifier, RegisteredClassifier, load_champion
from pipeline.params import load_params
from pipeline.reviews.sources.dialects import Format
from pipeline.runtime.errors import UserError
from pipeline.serving.classifier import Contribution, batches, probability_column, probability_text
from pipeline.serving.scoring import REJECTED, Done, Part, alone_in, find_parts, is_table, score_parts
from pipeline.serving.tables import Options, rejects_of, score_file

_LINES = 256  # of standard input, scored together


class OfTexts(click.Command):
    """A command whose arguments are texts, which may begin with a dash."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Says of an option that there isn't how a text is told from one."""
        try:
            return super().parse_args(context, args)
        except click.NoSuchOption as error:
            hint = 'A text that begins with a dash goes behind two: predict -- "-- a review".'
            raise click.UsageError(f"{error.format_message()} {hint}", context) from None


@click.command(cls=OfTexts)
@click.argument("texts", nargs=-1)
@of_version
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    help="A .csv, .tsv, .jsonl, .json or .parquet file, or a folder or quoted pattern of such.",
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
@of_texts
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
    form: Format,
    threshold: float | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Label TEXTS, the rows of --input, or standard input line by line, with the champion.

    A folder's parts are written as they finish; the same command goes on where a run was stopped.
    """
    if (source is None) != (target is None):
        raise click.UsageError("--input and --output belong together: give both or neither")
    if source and (texts or explain):
        raise click.UsageError("--input goes with neither texts nor --explain")
    if (kind or workers) and not (source and is_table(source)):
        raise click.UsageError(
            "--format and --workers are for a folder or pattern; a file's form is that of --output"
        )
    if not source and not texts and sys.stdin.isatty():
        raise click.UsageError('give texts ("a review"), --input and --output, or pipe lines in')
    champion = load_champion(name, echo_error)
    echo_error(champion.name)
    if source and target:
        options = Options(text_column, threshold, champion.address, form)
        if is_table(source):
            parts = find_parts(source, target, f".{kind}" if kind else None)
            _score_parts(champion, parts, options, workers or 1)
        else:
            _score_file(champion, source, target, options)
        return
    for batch in batches(texts or (line.rstrip("\n") for line in sys.stdin), _LINES):
        _print(champion, batch, threshold, explain, as_json)


def _workers(text: str | None) -> int | Literal["auto"] | None:
    if text is None or text == "auto":
        return "auto" if text else None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"must be a number from 1 on, or auto, but is {text}")
    return int(text)


def _print(
    champion: Classifier, texts: list[str], threshold: float | None, explain: bool, as_json: bool
) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for text, said in zip(texts, champion.predict(texts, threshold), strict=True):
        words = champion.texts.explain(text) if explain else []
        if as_json:
            row: dict[str, Any] = {"text": text} | said._asdict()
            of_labels = row.pop("by_label")
            if len(of_labels) > 2:
                row |= {probability_column(name): value for name, value in of_labels.items()}
            row |= {"contributions": [word._asdict() for word in words]} if explain else {}
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        probabilities = probability_text(list(said.by_label), list(said.by_label.values()))
        click.echo(f"{said.label}\t{probabilities}\t{said.unknown_share:.0%} unknown\t{text}")
        if explain:
            console.print(_colour(words, champion.texts.vocabulary.tokenizer.between))
            console.print(Text(_strongest(words), style="dim"))


def _colour(words: list[Contribution], between: str = " ") -> Text:
    """The words read, green where they speak for the label asked about, red against it, pale where weakly."""
    largest = max((abs(word.contribution) for word in words), default=0.0) or 1.0
    text = Text("  ")
    for word, contribution in words:
        pale = round(190 * (1 - abs(contribution) / largest))
        colour = f"rgb({pale},190,{pale})" if contribution > 0 else f"rgb(190,{pale},{pale})"
        text.append(word, style="dim" if contribution == 0 else colour).append(between)
    return text


def _strongest(words: list[Contribution], count: int = 5) -> str:
    """The words of the largest contributions, in numbers: ``  +1.52 superb  -0.80 dull``."""
    ranked = sorted(words, key=lambda word: -abs(word.contribution))[:count]
    return "".join(f"  {word.contribution:+.2f} {word.word}" for word in ranked)


# `predict --input`: a file, or a table of many, scored with progress and a rate.


def _score_file(champion: RegisteredClassifier, source: Path, target: Path, options: Options) -> None:
    with _Bar(0) as bar:
        counts = score_file(champion.texts, source, target, options, on_batch=bar.count)
    if sum(counts) == 0:
        raise UserError(f"{source} holds no text: give a file with some")
    echo_error(f"{bar.summary()} -> {target}{_where(counts.rejected, rejects_of(target))}")


def _score_parts(
    champion: RegisteredClassifier, parts: list[Part], options: Options, workers: int | Literal["auto"]
) -> None:
    """Each part's line is printed as it ends, and the sum at the end."""
    folder, sizes = parts[0].folder, {part.name: part.source.stat().st_size for part in parts}
    outcomes: list[Done | UserError] = []
    with alone_in(folder), _Bar(sum(sizes.values())) as bar:

        def on_end(part: Part, outcome: Done | UserError) -> None:
            outcomes.append(outcome)
            line = str(outcome)
            if isinstance(outcome, Done):
                done = "scored already" if outcome.kept else f"{outcome.counts.scored:,} rows"
                line = f"{part.name}: {done}{_where(outcome.counts.rejected, part.rejects)}"
            bar.end_part(f"{len(outcomes)} of {len(parts)}: {line}", sizes[part.name])

        score_parts(champion.folder, parts, options, load_params().cluster, workers, bar.count, on_end)
    done = [each for each in outcomes if isinstance(each, Done)]
    kept, rejected = sum(each.kept for each in done), sum(each.counts.rejected for each in done)
    by_earlier = f", {kept} of them by an earlier run" if kept else ""
    summary = f"{len(done)} of {len(parts)} parts{by_earlier}; {bar.summary()}"
    echo_error(f"{summary} -> {folder}{_where(rejected, folder / REJECTED)}")
    if failures := [str(each) for each in outcomes if isinstance(each, UserError)]:
        raise UserError("\n".join([f"{len(failures)} of {len(parts)} parts can't be scored:", *failures]))


def _where(rejected: int, path: Path) -> str:
    return f"; {rejected:,} rejected, see {path}" if rejected else ""


class _Bar(Progress):
    """Rows so far and their rate; where the bytes of all parts are known (else 0), the time that is left."""

    def __init__(self, size: int) -> None:
        columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), TimeRemainingColumn())
        super().__init__(*columns, console=Console(stderr=True, soft_wrap=True))
        self._task, self._rows, self._started = self.add_task("", total=size or None), 0, time.monotonic()

    def count(self, rows: int) -> None:
        self._rows += rows
        self.update(self._task, description=self.summary())

    def end_part(self, line: str, size: int) -> None:
        self.advance(self._task, size)
        self.console.print(escape(line), highlight=False)

    def summary(self) -> str:
        """``12,000 rows, 6,500 a second``."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self._rows:,} rows, {self._rows / seconds:,.0f} a second"
