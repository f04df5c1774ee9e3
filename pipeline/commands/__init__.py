"""The commands, each in a module that is imported when it is called; here is what they share."""

from __future__ import annotations

import functools
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from pipeline.registry.names import parse_uri
from pipeline.reviews.sources.dialects import BACKSLASH, DELIMITERS, DOUBLED, NONE, Format
from pipeline.runtime.errors import UserError, error_text
from pipeline.runtime.interruption import ending_signals
from pipeline.runtime.live import clear_all

echo_error = functools.partial(click.echo, err=True)
READER_GONE = 128 + signal.SIGPIPE  # what a shell says of `trace` in `trace | head`


class OneMessage(click.Group):
    """A group of commands that says in one message what the user can put right."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the command; exits 1 after one message for a UserError or an OSError.

        Where what it prints is read no further, as by `head`, it ends without a word, as Unix tools do.
        """
        _prepare_streams()
        for number in ending_signals() - {signal.SIGINT}:
            signal.signal(number, _terminate)
        try:
            return super().invoke(context)
        except SystemExit as ended:
            if isinstance(ended.__context__, BrokenPipeError):  # Rich's, of any console
                raise SystemExit(READER_GONE) from None
            raise
        except (UserError, OSError, MemoryError) as error:
            if isinstance(error, BrokenPipeError) and _reader_is_gone():
                raise SystemExit(READER_GONE) from None
            if context.params["traceback"]:
                raise
            raise click.ClickException(error_text(error)) from None
        finally:
            clear_all()


def _terminate(_signal: int, _frame: Any) -> NoReturn:
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that a run is closed instead of staying RUNNING."""
    raise KeyboardInterrupt


def _prepare_streams() -> None:
    """What is printed is often piped: whole lines, at once.

    A stream that was closed, as a daemon's may be, is /dev/null, in its own place: the next file that is
    opened would take its number, and what libraries print.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115 - for good
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)


def _reader_is_gone() -> bool:
    """Whether nobody reads standard output or error any more; what is still to be written is dropped then."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream, select.POLLERR)
    gone = [number for number, event in poll.poll(0) if event & (select.POLLERR | select.POLLHUP)]
    for number in gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)  # the interpreter flushes once more as it ends
    return bool(gone)


def of_version(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --model and --dataset; ``command`` gets ``name``, as :func:`pipeline.load_champion` takes it."""

    @click.option("--model", help="models:/NAME/VERSION or models:/NAME@ALIAS.")
    @click.option("--dataset", help="The data set whose champion is taken; else the one in data/padded.")
    @functools.wraps(command)
    def named(*, model: str | None, dataset: str | None, **others: Any) -> Any:
        if model and dataset:
            raise UserError(f"give --model or --dataset, not both, but got {model} and {dataset}")
        if model:
            parse_uri(model)
        return command(name=model or dataset, **others)

    return named


def of_tables(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds how tables are written; ``command`` gets what was said of it: ``{"quoting": "none"}``."""

    @click.option("--encoding", help="auto, utf-8, cp1252, ...: recognised, unless given.")
    @click.option("--delimiter", type=click.Choice(["auto", *DELIMITERS.values()]))
    @click.option("--quoting", type=click.Choice(["auto", DOUBLED, BACKSLASH, NONE]))
    @click.option("--missing", help="The values that mean that there is none: NA,NULL.")
    @functools.wraps(command)
    def read(**given: Any) -> Any:
        written = {name: given.pop(name) for name in ("encoding", "delimiter", "quoting", "missing")}
        written = {name: value for name, value in written.items() if value is not None}
        if "missing" in written:
            written["missing"] = tuple(filter(None, written["missing"].split(",")))
        return command(written=written, **given)

    return read


def of_texts(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --text-column and the options of ``of_tables``; ``command`` gets ``text_column`` and ``form``."""

    @click.option(
        "--text-column", default="text", show_default=True, help="The texts' column, or its number."
    )
    @of_tables
    @functools.wraps(command)
    def read(*, text_column: str, written: dict[str, Any], **others: Any) -> Any:
        form = Format(**written, has_header=not text_column.isdecimal(), on_command_line=True)
        return command(text_column=text_column, form=form, **others)

    return read
