import errno
import signal
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pipeline.runtime.interruption import interruptible, uninterrupted


def test_a_signal_takes_effect_when_the_outermost_block_has_ended(ctrl_c: Callable[[], None]) -> None:
    before = signal.getsignal(signal.SIGINT)
    steps = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            with uninterrupted():
                ctrl_c()
            steps.append("rest of the block")
        steps.append("after the block")
    assert steps == ["rest of the block"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_gets_through_at_once(ctrl_c: Callable[[], None]) -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        for step in ("first", "second"):
            ctrl_c()
            steps.append(step)
    assert steps == ["first"]


def test_an_error_of_the_block_is_not_lost_behind_the_signal(ctrl_c: Callable[[], None]) -> None:
    with pytest.raises(KeyboardInterrupt) as interrupt, uninterrupted():
        ctrl_c()
        raise ValueError("the server answers nonsense")
    assert str(interrupt.value.__context__) == "the server answers nonsense"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])  # `kill`, a terminal that is closed
def test_a_study_is_asked_to_end_after_the_block(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_text: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = signal.signal(number, signal.SIG_DFL)  # the tests may run under `nohup`
    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=write))
    with interruptible() as interruption:
        with uninterrupted():
            signal.raise_signal(number)
            assert not interruption.requested
        assert interruption.requested
    signal.signal(number, before)


def test_nohup_keeps_a_study_from_hearing_that_its_terminal_is_closed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible() as interruption, uninterrupted():
        signal.raise_signal(signal.SIGHUP)
    assert not interruption.requested
    signal.signal(signal.SIGHUP, before)


def test_another_thread_leaves_the_handlers_alone() -> None:
    seen = []

    def look() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
