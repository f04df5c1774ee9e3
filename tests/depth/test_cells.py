"""The page with the three cells: what is drawn and said is what the fits gave."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from constructed import DATASET, record

from pipeline.depth import cells
from pipeline.depth.grid import Fit
from pipeline.params import load_params
from pipeline.training.fitting import Split

# The gradient at the bottom layer's first half, by cell; the loss's end has 1.
FAR = {"simple_rnn": 1e-4, "lstm": 1e-2, "gru": 0.1}


def fitted() -> dict:
    return {
        (cell, kind): record(Fit(cell, 2, kind.skip, kind.variant, 0), far=far)
        for cell, far in FAR.items()
        for kind in cells.KINDS
    }


def test_each_panel_has_the_gradients_of_its_cell() -> None:
    layers, kinds = cells.gradients_figure(fitted()), cells.helps_figure(fitted())
    for figure, labels in ((layers, ["layer 1", "layer 2"]), (kinds, ["plain", "clipped", "residual"])):
        assert [axes.get_title() for axes in figure.axes] == ["simple RNN", "LSTM", "GRU", "", "", ""]
        assert [axes.get_xlabel() for axes in figure.axes] == 3 * [""] + 3 * ["time step"]
        for axes, far in zip(figure.axes, 2 * list(FAR.values()), strict=True):
            assert [line.get_label() for line in axes.lines] == labels
            np.testing.assert_array_equal(axes.lines[0].get_ydata(), [far] * 10 + [1.0] * 10)


def test_the_page_says_how_little_was_fitted_and_lists_every_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    splits = {"train": Split(np.zeros((800, 20), np.int32), np.zeros(800))}
    page = unescape(cells.render_page(DATASET, fitted(), splits, depth=2))
    assert "A simple RNN, an LSTM and a GRU of 2 layers each" in page
    assert "One fit of each network on 800 training reviews of toy" in page
    assert page.count("data:image/png;base64,") == 3
    assert page.count("<tr>") == 1 + len(FAR) * len(cells.KINDS) + 1
    assert re.search(r"majority class</td>.*?>0.6000</td>", page, re.DOTALL)
    assert page.count(">4.0</td>") == len(cells.KINDS)  # 1e-4 from 1: four powers of ten, the simple RNN's


def test_the_last_epoch_is_kept_so_that_scores_are_of_the_curves_end() -> None:
    fit = cells._ToTheEnd("gru", 2, "none", "plain", 0)
    params = load_params(Path(__file__).parents[2] / "pipeline/params/plain.yaml")
    assert fit.configure(params).train.patience is None
    assert Fit(*fit).configure(params).train.patience is not None
