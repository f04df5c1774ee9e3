from pathlib import Path
from typing import Any

import numpy as np

from pipeline.reporting.figures import binned_figure, confusion_figure, curve_figure, save, training_figure


def test_confusion_counts_and_row_shares() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    predicted = np.array([False, False, True, True, False])
    (axes,) = confusion_figure(labels, predicted, ["negative", "positive"], "Confusion, tiny").axes
    shown = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown == {
        (0, 0): "2\n66.7%",
        (1, 0): "1\n33.3%",
        (0, 1): "1\n50.0%",
        (1, 1): "1\n50.0%",
    }
    assert axes.get_title() == "Confusion, tiny"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "actual")


def test_curves_draw_the_columns_asked_for() -> None:
    rows = [{"recall": 1.0, "precision": 0.5}, {"recall": 0.0, "precision": 1.0}]
    (axes,) = curve_figure({"ours": rows}, "recall", "precision", "Curve").axes
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[1.0, 0.5], [0.0, 1.0]]
    assert line.get_label() == "ours"


def test_the_training_figure_marks_the_kept_epoch() -> None:
    history = [
        {
            "epoch": epoch,
            "training_accuracy": 0.5,
            "validation_accuracy": 0.4,
            "training_loss": 1.0,
            "validation_loss": 1.1,
        }
        for epoch in (1, 2, 3)
    ]
    for axes in training_figure(history, 2, "Best trial").axes:
        kept = next(line for line in axes.lines if line.get_label() == "kept epoch")
        assert list(kept.get_xdata()) == [2, 2]


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    rows = [{"recall": 1.0, "precision": 0.5}]
    for name in ("a.png", "b.png"):
        save(curve_figure({"ours": rows}, "recall", "precision", "Curve"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_binned_shares_have_their_intervals_and_counts() -> None:
    rows = [
        {"length": 3.0, "accuracy": 0.5, "low": 0.25, "high": 0.75, "reviews": 8},
        {"length": 9.0, "accuracy": 1.0, "low": 0.5, "high": 1.0 - 1e-16, "reviews": 4},
    ]
    shares, counts = binned_figure({"ours": rows}, "length", "accuracy", "Slices").axes
    drawn: Any
    columns: Any
    (drawn,) = shares.containers
    _, _, (bars,) = drawn.lines
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [[0.25, 0.75], [0.5, 1.0]]
    (columns,) = counts.collections
    assert [segment.tolist() for segment in columns.get_segments()] == [[[3, 0], [3, 8]], [[9, 0], [9, 4]]]
