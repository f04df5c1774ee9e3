"""What a terminal of 80 columns is shown: lines that fit, and one that moves while nothing is finished."""

from __future__ import annotations

import sys
import textwrap
import time

WIDTH = 79
SECONDS = 30.0  # between lines where nothing can be written over


class LiveLine:
    """Shows where long work is: on a terminal in place, in a file or a log as a line twice a minute."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._shown = False

    def show(self, text: str) -> None:
        """Replaces the line, or writes one if the last is long ago."""
        if sys.stdout.isatty():
            print(f"\x1b[2K{text[:WIDTH]}", end="\r", flush=True)
            self._shown = True
        elif time.monotonic() - self._said >= SECONDS:
            self.say(text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        self._said = time.monotonic()
        print(text)

    def clear(self) -> None:
        """Takes the line away, so that another writer begins on an empty one."""
        if self._shown:
            print("\x1b[2K", end="\r", flush=True)
            self._shown = False


def wrapped(text: str) -> str:
    """``text`` in lines that fit, the further ones indented; a long word, such as a path, stays whole."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def bar(share: float, width: int = 20) -> str:
    """A share from 0 to 1 as a bar and a percentage.

    >>> bar(0.5, 10)
    '[#####.....]  50%'
    """
    filled = int(share * width)
    return f"[{'#' * filled}{'.' * (width - filled)}] {share:4.0%}"
