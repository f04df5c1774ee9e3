"""Lines of long work where nobody reads them any more."""

import sys
import threading
from io import StringIO

import pytest

from pipeline.runtime import live
from pipeline.runtime.live import LiveLine


class Gone(StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_where_the_terminal_is_gone_only_the_main_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """gensim reads its reviews in a thread that it waits for: an error there would hold it for ever."""
    monkeypatch.setattr(live, "SECONDS", 0.0)
    monkeypatch.setattr(sys, "stdout", Gone())
    line, ended = LiveLine(), []

    def work() -> None:
        line.show("half")
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert ended == [True]
    with pytest.raises(BrokenPipeError):
        line.show("all")
