from __future__ import annotations

import pytest

import judged
from pipeline.reporting.terminal import print_summary


def test_the_summary_gives_accuracy_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = judged.judged()
    print_summary(judged.DATASET, found, judged.REGISTRATION)
    shown = capsys.readouterr().out
    (accuracy,) = (line for line in shown.splitlines() if "accuracy " in line)
    low, high = found.intervals["test_accuracy"]
    assert [cell.strip() for cell in accuracy.strip("│").split("│")] == [
        "accuracy",
        f"{found.metrics['test_accuracy']:.4f}",
        f"{low:.4f} to {high:.4f}",
        f"{found.metrics['baseline_test_accuracy']:.4f}",
    ]
    assert "registered stacked-rnn-tiny version 7 as challenger" in shown
    assert "reports/report.html" in shown
