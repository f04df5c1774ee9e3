"""What a person sees of a study: every line fits 80 columns, and something moves at all times."""

import io
import threading
import time
from unittest.mock import create_autospec

import pytest

from pipeline.runtime import live
from pipeline.tracking import PipelineRun
from pipeline.training.task import Epoch
from pipeline.tuning.progress import Progress, epoch_line

METRICS = {"loss": 0.53149, "validation_loss": 0.37, "validation_accuracy": 0.83625}


@pytest.fixture
def progress() -> Progress:
    """Of trials of two epochs; what it logs goes nowhere."""
    return Progress(create_autospec(PipelineRun, instance=True), "toy")


def test_an_epoch_is_one_line() -> None:
    assert epoch_line("trial 3", Epoch(1, 5, 1.0, METRICS), "0:20 left") == (
        "trial 3  epoch 1/5  accuracy 0.836  loss 0.531, validation 0.370  0:20 left"
    )


@pytest.mark.parametrize("title", ["trial 12", "lstm depth 4 residual seed 3", "x" * 50])
def test_what_matters_least_is_left_out_where_the_line_is_full(title: str) -> None:
    line = epoch_line(title, Epoch(10, 30, 1.0, METRICS), "12:20 left")
    assert len(line) < 80
    assert line.startswith(title)
    assert "epoch 10/30" in line


def test_within_an_epoch_a_bar_moves() -> None:
    assert epoch_line("trial 3", Epoch(0, 5, 1.0, {})) == "trial 3  pretraining  [####################] 100%"


def test_values_that_the_name_tells_are_not_said_twice(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.opened("depth-imdb-1", 0, 2)
    progress.started(0, "gru-2-none-plain-seed0", {"cell": "gru", "depth": 2})
    progress.started(1, "trial 1", {"model.depth": 2})
    progress.ended(1, "COMPLETE", {"seconds": 3.2, "test_accuracy": 0.91234, "best_epoch": 2}, None, {})
    assert capsys.readouterr().out.splitlines()[1:] == [
        "gru-2-none-plain-seed0 (0/2 done)",
        "trial 1 (0/2 done)  depth 2",
        "trial 1  complete after 3 s  test accuracy 0.912  best epoch 2",
    ]


def test_a_long_names_last_line_has_room_for_its_validation_accuracy(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.started(0, "simple_rnn-3-none-clipping-seed0", {})
    scores = {"validation_accuracy": 0.5231, "train_accuracy": 0.947}
    progress.ended(0, "COMPLETE", {"seconds": 10.2, **scores}, None, {})
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "simple_rnn-3-none-clipping-seed0  complete after 10 s  accuracy 0.523"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_bar_in_place(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    progress.opened("imdb-1", 0, 1)
    progress.started(0, "trial 0", {"model.depth": 2})
    progress.heard(0, Epoch(1, 2, 0.5, {}))
    progress.heard(0, Epoch(1, 2, 1.0, METRICS))
    lines = terminal.getvalue().split("\n")
    assert lines[1] == "trial 0 (0/1 done)  depth 2"
    # The bar, without a line's end; then it is taken away, and the epoch's line takes its place.
    bar, gone, line = lines[2].split("\r")
    assert bar == "\x1b[2Ktrial 0  epoch 1/2  [##########..........]  50%"
    assert gone == "\x1b[2K"
    assert line.startswith("trial 0  epoch 1/2  accuracy 0.836")
    live.clear_all()  # the seconds until the next epoch


def test_seconds_are_counted_where_nothing_else_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the block has ended, or an error ends the command."""
    terminal = _Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr(live, "TICK", 0.001)
    with live.busy("the network is packed"):
        time.sleep(0.05)
    moving, _, kept = terminal.getvalue().rpartition("\r")
    assert moving.startswith("\x1b[2Kthe network is packed  0 s\r")
    assert kept == "the network is packed, 0 s\n"
    line, threads = live.LiveLine(), threading.active_count()
    for share in range(100):
        line.show(f"trial 3  {share} %")
    assert threading.active_count() == threads + 1, "however often it changes, one thread counts"
    time.sleep(0.05)
    live.clear_all()
    said = terminal.getvalue()
    assert said.endswith("\x1b[2Ktrial 3  99 %  0 s\r\x1b[2K\r")
    time.sleep(0.01)
    assert terminal.getvalue() == said


def test_a_log_has_a_line_twice_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    line = live.LiveLine()
    for second in range(0, 70, 2):
        now[0] = float(second)
        line.show(f"at {second} s")
    assert capsys.readouterr().out.splitlines() == ["at 30 s", "at 60 s"]


def test_a_long_line_is_wrapped_and_a_path_in_it_stays_whole() -> None:
    path = "/a" * 50
    text = live.wrap(f"download: ! pairs of nearly the same text: 24. 1 of them lie in two splits, {path}")
    assert text.splitlines() == [
        "download: ! pairs of nearly the same text: 24. 1 of them lie in two splits,",
        f"  {path}",
    ]
