"""What a terminal of 80 columns is shown: lines that fit, and one that moves while nothing is finished."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 79
TICK = 2.0  # seconds without a word, after which those that pass are counted
SECONDS = 30.0  # between lines where nothing can be written over


class LiveLine:
    """Shows where long work is: on a terminal in place, in a file or a log as a line twice a minute."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._text, self._since = "", 0.0  # what is shown, and since when
        self._counting: tuple[threading.Event, threading.Thread] | None = None  # while something is

    def show(self, text: str) -> None:
        """Replaces the line, or writes one if the last is long ago; see ``wait``."""
        if sys.stdout.isatty():
            self.wait(text)
            _write_over(text)
        elif time.monotonic() - self._said >= SECONDS:
            self.say(text)

    def wait(self, text: str) -> None:
        """Shows ``text`` and the seconds that pass, until something else is shown; on a terminal only."""
        if not sys.stdout.isatty():
            return
        self._text, self._since = text, time.monotonic()
        if self._counting is None:
            ended = threading.Event()
            thread = threading.Thread(target=self._count_seconds, args=(ended,), daemon=True)
            self._counting = ended, thread
            _MOVING.add(self)
            thread.start()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        self._said = time.monotonic()
        _write(text)

    def clear(self) -> None:
        """Takes the line away, so that another writer begins on an empty one."""
        if self._counting:
            ended, thread = self._counting
            ended.set()
            thread.join()
            self._counting = None
            _MOVING.discard(self)
            _write_over("")

    def _count_seconds(self, ended: threading.Event) -> None:
        while not ended.wait(TICK):
            waited = time.monotonic() - self._since
            if waited >= TICK:
                seconds = f"  {waited:.0f} s"
                _write_over(f"{self._text[: WIDTH - len(seconds)]}{seconds}")


_MOVING: set[LiveLine] = set()


def clear_all() -> None:
    """Takes away what still moves, so that an error stands on a line of its own."""
    for live in list(_MOVING):
        live.clear()


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Counts the seconds behind ``text`` until the block has ended, on a terminal only; leaves nothing."""
    live = LiveLine()
    live.wait(text)
    try:
        yield
    finally:
        live.clear()


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Says ``text`` and, on a terminal, counts the seconds until the block has ended."""
    started, counted = time.monotonic(), sys.stdout.isatty()
    if not counted:
        print(text)
    try:
        with waiting(text):
            yield
    finally:
        if counted:
            print(f"{text}, {time.monotonic() - started:.0f} s")


@contextmanager
def without_lines(noise: re.Pattern[bytes]) -> Iterator[None]:
    """Holds back what is written to standard error, by native code too, then passes on what isn't noise."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not noise.search(line)))


def _write_over(text: str) -> None:
    _write(f"\x1b[2K{text[:WIDTH]}", end="\r")


def _write(text: str, end: str = "\n") -> None:
    """Where the terminal, the reader or the disk is gone, the main thread is told so.

    Another thread may be a library's that is waited for: it goes on, and the main thread's next line says it.
    """
    try:
        print(text, end=end, flush=True)
    except OSError:
        if threading.current_thread() is threading.main_thread():
            raise


def wrap(text: str) -> str:
    """``text`` in lines that fit, the further ones indented; a long word, such as a path, stays whole."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def bar(share: float, width: int = 20) -> str:
    """A share from 0 to 1 as a bar and a percentage.

    >>> bar(0.5, 10)
    '[#####.....]  50%'
    """
    filled = int(share * width)
    return f"[{'#' * filled}{'.' * (width - filled)}] {share:4.0%}"
