"""`predict --input`: a file, or a table of many, scored with progress and a rate."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Self

import click
from mlflow.entities.model_registry import ModelVersion
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline.registry.loading import fetch_classifier, load_classifier
from pipeline.runtime.errors import UserError
from pipeline.serving.parts import (
    REJECTED,
    Done,
    Options,
    Part,
    alone_in,
    find_parts,
    is_table,
    score_parts,
)
from pipeline.serving.tables import rejects_of, score_file


def score_table(
    version: ModelVersion, source: Path, target: Path, kind: str | None, options: Options
) -> None:
    """Scores a file, or a folder or pattern of files; says how many rows, how fast, and where the others are.

    Args:
        version: what scores.
        source: the file, folder or pattern.
        target: a file, or a folder.
        kind: csv, jsonl or parquet, where a table's parts are to be written as another kind than they are.
        options: how it is scored.

    Raises:
        UserError: if a file can't be read; of a table when all other parts are scored.
    """
    if is_table(source):
        _score_parts(version, find_parts(source, target, f".{kind}" if kind else None), options)
    elif kind:
        raise click.UsageError("--format is for a folder or pattern; a file's is the ending of --output")
    else:
        _score_file(version, source, target, options)


def _score_file(version: ModelVersion, source: Path, target: Path, options: Options) -> None:
    classifier = load_classifier(version)
    with Bar(0) as bar:
        counts = score_file(
            classifier,
            source,
            target,
            text_column=options.text_column,
            threshold=options.threshold,
            on_batch=bar.count,
        )
    if sum(counts) == 0:
        raise UserError(f"{source} holds no text: give a file with some")
    click.echo(f"{bar.summary()} -> {target}{_where(counts.rejected, rejects_of(target))}", err=True)


def _score_parts(version: ModelVersion, parts: list[Part], options: Options) -> None:
    """Each part's line is printed as it ends, and the sum at the end."""
    folder, ended, kept, rejected = parts[0].folder, 0, 0, 0
    failures: list[str] = []
    sizes = {part.name: part.source.stat().st_size for part in parts}
    with alone_in(folder), tempfile.TemporaryDirectory() as temporary, Bar(sum(sizes.values())) as bar:
        classifier = fetch_classifier(version, Path(temporary))
        for part, outcome in score_parts(classifier, parts, options, bar.count):
            ended += 1
            if isinstance(outcome, Done):
                kept += outcome.kept
                rejected += outcome.counts.rejected
            else:
                failures.append(str(outcome))
            bar.end_part(f"{ended} of {len(parts)}: {_line(part, outcome)}", sizes[part.name])
    done = f"{ended - len(failures)} of {len(parts)} parts" + (
        f", {kept} of them by an earlier run" if kept else ""
    )
    click.echo(f"{done}; {bar.summary()} -> {folder}{_where(rejected, folder / REJECTED)}", err=True)
    if failures:
        raise UserError(f"{len(failures)} of {len(parts)} parts can't be scored:\n" + "\n".join(failures))


def _line(part: Part, outcome: Done | UserError) -> str:
    if isinstance(outcome, UserError):
        return str(outcome)
    done = "scored already" if outcome.kept else f"{outcome.counts.scored:,} rows"
    return f"{part.name}: {done}{_where(outcome.counts.rejected, part.rejects)}"


def _where(rejected: int, path: Path) -> str:
    return f"; {rejected:,} rejected, see {path}" if rejected else ""


class Bar:
    """Rows so far and their rate, and where the size of all parts is known, the time that is left.

    Args:
        size: bytes of all parts; 0 if the work isn't in parts.
    """

    def __init__(self, size: int) -> None:
        console = Console(stderr=True, soft_wrap=True)
        columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task("", total=size or None)
        self._rows = 0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds = time.monotonic() - self._started
        self._progress.stop()

    def count(self, rows: int) -> None:
        """Told of rows as they are scored."""
        self._rows += rows
        self._seconds = time.monotonic() - self._started
        self._progress.update(self._task, description=self.summary())

    def end_part(self, line: str, size: int) -> None:
        """Prints a part's line above the bar."""
        self._progress.advance(self._task, size)
        self._progress.console.print(escape(line), highlight=False)

    def summary(self) -> str:
        """``12,000 rows, 6,500 a second``."""
        return f"{self._rows:,} rows, {self._rows / max(self._seconds, 1e-9):,.0f} a second"
