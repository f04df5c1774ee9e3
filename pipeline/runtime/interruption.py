"""When Ctrl-C, SIGTERM and a closed terminal's SIGHUP take effect: after the current epoch, or after a call
that must not be cut short. A second one takes effect at once.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


def ending_signals() -> set[signal.Signals]:
    """Ctrl-C, SIGTERM and, unless `nohup` has it ignored, what a terminal sends that is closed."""
    hangup = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none
    is_ignored = signal.getsignal(hangup) == signal.SIG_IGN
    return {signal.SIGINT, signal.SIGTERM} | (set() if is_ignored else {hangup})


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
        with suppress(OSError):  # the terminal may be what is gone
            print("the study ends after this epoch; once more to end at once", flush=True)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turns ``ending_signals`` into a request while the block runs (in the main thread only)."""
    interruption = Interruption()
    with _handled(dict.fromkeys(ending_signals(), interruption.request)):
        yield interruption


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds ``ending_signals`` back until the block has ended (in the main thread only).

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

    handlers = {number: signal.signal(number, hold) for number in ending_signals()}
    try:
        yield
    finally:
        release()


@contextmanager
def left_to_stage(dvc: subprocess.Popen[str]) -> Iterator[None]:
    """Leaves it to the stage that DVC runs to end after a signal, while the block waits for DVC.

    Ctrl-C reaches the stage from the terminal. SIGTERM, of `kill`, a service or a container, and SIGHUP are
    passed on to it: DVC would end at once and leave it running.
    """
    import psutil  # noqa: PLC0415 - the image that serves has none

    def pass_on(_signal: int, _frame: Any) -> None:
        found = False
        with suppress(psutil.NoSuchProcess):  # whatever has just ended needs no telling
            for each in psutil.Process(dvc.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if each.cmdline()[1:3] == ["-m", "pipeline"]:
                        each.terminate()
                        found = True
        if not found:
            dvc.terminate()

    with _handled(dict.fromkeys(ending_signals(), pass_on) | {signal.SIGINT: lambda *_: None}):
        yield


@contextmanager
def _handled(handlers: Mapping[int, Callable[[int, Any], object]]) -> Iterator[None]:
    """Sets signals' handlers while the block runs (in the main thread only, which alone can)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
