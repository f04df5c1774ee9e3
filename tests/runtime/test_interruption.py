from __future__ import annotations

import signal
import threading
from collections.abc import Callable

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


def test_a_study_is_asked_to_end_after_the_block() -> None:
    with interruptible() as interruption:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            assert not interruption.requested
        assert interruption.requested


def test_another_thread_leaves_the_handlers_alone() -> None:
    seen = []

    def look() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
