from __future__ import annotations

import pytest

import judged
from pipeline.reporting.terminal import print_summary


def test_the_summary_gives_every_classifiers_accuracy_with_its_interval(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, _ = judged.judged()
    print_summary(judged.DATASET, found, judged.REGISTRATION)
    shown = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines()]
    for each in found.classifiers:
        (cells,) = (line for line in lines if line[0] == each.name)
        low, high = found.intervals[f"{each.prefix}test_accuracy"]
        assert cells[1:3] == [
            f"{found.metrics[f'{each.prefix}test_accuracy']:.4f}",
            f"{low:.4f} to {high:.4f}",
        ]
        assert cells[-1] == f"{found.metrics[f'{each.prefix}test_ece']:.4f}"
    assert [line[0] for line in lines if line[0] == "majority class"]
    paired = found.paired["naive Bayes n-grams"]
    assert f"better baseline on validation, is wrong: {paired.only_first:,}; the" in shown
    assert "registered stacked-rnn-tiny version 7 as challenger" in shown
    assert "reports/report.html" in shown
