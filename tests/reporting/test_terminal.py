from typing import Any

import pytest

import judged
from pipeline.reporting.terminal import print_summary
from pipeline.reporting.verdict import judge


def summary(capsys: pytest.CaptureFixture[str], **other: Any) -> list[str]:
    print_summary(judged.evaluated(**other))
    return capsys.readouterr().out.splitlines()


def test_every_classifier_has_a_row_with_its_interval_and_the_end_says_who_won(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown, (found, _) = summary(capsys), judged.judged()
    for each in found.classifiers:
        (line,) = (line for line in shown if line.startswith(f" {each.name}  "))
        low, high = found.intervals[f"{each.prefix}test_accuracy"]
        accuracy, auc = (found.metrics[f"{each.prefix}test_{name}"] for name in ("accuracy", "roc_auc"))
        expected = f"{accuracy:.4f} {low:.4f} to {high:.4f} {auc:.4f}"
        assert line.removeprefix(f" {each.name}").split() == expected.split()
    assert max(map(len, shown)) <= 80
    text = " ".join(" ".join(shown).split())
    assert "The winner is trial 2: GRU, 3 layers of 16 units, 5,009 parameters; dropout 0.2" in text
    assert "naive Bayes n-grams" in judge(judged.evaluated()).sentence
    assert judge(judged.evaluated()).sentence in text
    assert "Calibration error on validation: 0.0712 before calibration, 0.0234 after." in text
    assert "Registered as stacked-rnn-tiny version 7, challenger: does not beat champion version 5." in text


def test_probabilities_that_are_left_as_they_are_are_not_called_calibrated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = {"scale": 1.0, "validation_ece_before": 0.0331, "validation_ece_after": 0.0331}
    said = summary(capsys, trained=judged.TRAINED | {"calibration": kept})
    assert "on validation: 0.0331; rescaling the probabilities wouldn't help" in " ".join(
        " ".join(said).split()
    )


def test_a_network_that_was_trained_in_full_says_how_long_that_took() -> None:
    short = judged.evaluated()
    assert short.seconds == 72.4  # the winning trial's
    full = judged.evaluated(trained=judged.TRAINED | {"seconds_in_full": 605.2})
    assert full.seconds == 605.2
