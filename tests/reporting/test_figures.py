from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from pipeline.reporting.figures import (
    confusion_figure,
    curve_figure,
    reliability_figure,
    training_figure,
)
from pipeline.runtime import plotting as fonts
from pipeline.runtime.plotting import save


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
    history = [{"epoch": epoch, "training_loss": 1.0, "validation_loss": 1.1} for epoch in (1, 2, 3)]
    (axes,) = training_figure(history, "loss", 2, "Winning trial").axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["kept epoch"].get_xdata()) == [2, 2]
    assert list(lines["validation"].get_ydata()) == [1.1, 1.1, 1.1]


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    rows = [{"recall": 1.0, "precision": 0.5}]
    for name in ("a.png", "b.png"):
        save(curve_figure({"ours": rows}, "recall", "precision", "Curve"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_binned_shares_have_their_intervals_and_bins_their_counts() -> None:
    columns = "probability", "positive_share", "low", "high", "from", "reviews"
    bins_of = (0.31, 0.5, 0.25, 0.75, 0.30, 8), (0.97, 1.0, 0.5, 1 - 1e-16, 0.95, 4)
    rows = [dict(zip(columns, each, strict=True)) for each in bins_of]
    shares, counts = reliability_figure({"ours": rows}, "Reliability", "share good").axes
    drawn: Any
    bins: Any = counts.patches
    (drawn,) = shares.containers
    _, _, (bars,) = drawn.lines
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [[0.25, 0.75], [0.5, 1.0]]
    assert [bar.get_x() for bar in bins] == pytest.approx([0.3, 0.9])
    assert [bar.get_height() for bar in bins] == [8, 4]


def test_names_that_no_font_here_draws_are_numbered() -> None:
    assert fonts.names_in_figures(["ham", "très bien", "хорошо"]) == ["ham", "très bien", "хорошо"]
    private = "\ue123\U0010fffd"  # of no script: no font has them
    assert fonts.names_in_figures([private, "ham"]) == ["class 1", "class 2"]


def test_a_font_of_this_machine_draws_what_matplotlibs_own_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is made, of a sign that no other font has."""
    made, square = FontBuilder(1000, isTTF=True), TTGlyphPen(None)
    square.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        square.lineTo(corner)
    square.closePath()
    made.setupGlyphOrder([".notdef", "sign"])
    made.setupCharacterMap({0xE124: "sign"})
    made.setupGlyf(dict.fromkeys((".notdef", "sign"), square.glyph()))
    made.setupHorizontalMetrics(dict.fromkeys((".notdef", "sign"), (600, 0)))
    made.setupHorizontalHeader()
    made.setupNameTable({"familyName": "Ours", "styleName": "Regular"})
    made.setupOS2()
    made.setupPost()
    made.save(tmp_path / "ours.ttf")
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist])
    fontManager.addfont(tmp_path / "ours.ttf")
    assert fonts.families_for(frozenset("a\ue124")) == ("DejaVu Sans", "Ours")
