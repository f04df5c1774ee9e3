"""When Ctrl-C and SIGTERM take effect: after the current epoch, or after a call that must not be cut short.

A second one takes effect at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interruption:
    """Says whether a signal came that shall end the study.

    Attributes:
        requested: asked for between epochs and between trials.
    """

    def __init__(self) -> None:
        self.requested = False

    def request(self, _signal: int, _frame: Any) -> None:
        """The signal handler."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        print("the study ends after this epoch; once more to end at once", flush=True)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turns SIGINT and SIGTERM into a request while the block runs (in the main thread only)."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    handlers = {
        number: signal.signal(number, interruption.request) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interruption
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds SIGINT and SIGTERM back until the block has ended (in the main thread only).

    A second one gets through at once: the block may wait for a server that doesn't answer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _frame: Any) -> None:
        held.append(number)
        if len(held) > 1:
            release()

    def release() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        came = held[:]
        held.clear()
        for signal_number in came:
            signal.raise_signal(signal_number)

    handlers = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        release()
