"""The page with the three cells: what is drawn and said is what the fits gave."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.params import Params
from pipeline.runtime.files import write_arrays, write_json
from pipeline.runtime.paths import CELLS_REPORT, PADDED_DATASET, padded_split
from pipeline.tuning.study import Study
from studies import cells
from studies.depth import fits as fits_module
from studies.depth.fits import Fit, FitToTheEnd
from studies_constructed import DATASET, fits_of_cells, record

# The gradient at the bottom layer's first half, by cell; the loss's end has 1.
FAR = {"simple_rnn": 1e-4, "lstm": 1e-2, "gru": 0.1}
FITTED = fits_of_cells(FAR)


def test_each_panel_has_the_gradients_of_its_cell() -> None:
    layers, kinds = cells.gradients_figure(FITTED), cells.helps_figure(FITTED)
    for figure, labels in ((layers, ["layer 1", "layer 2"]), (kinds, ["plain", "clipped", "residual"])):
        assert [axes.get_title() for axes in figure.axes] == ["simple RNN", "LSTM", "GRU", "", "", ""]
        assert [axes.get_xlabel() for axes in figure.axes] == 3 * [""] + 3 * ["time step"]
        for axes, far in zip(figure.axes, 2 * list(FAR.values()), strict=True):
            assert [line.get_label() for line in axes.lines] == labels
            np.testing.assert_array_equal(axes.lines[0].get_ydata(), [far] * 10 + [1.0] * 10)


@pytest.mark.usefixtures("store_here")
def test_its_fits_are_those_of_a_study_on_some_reviews_of_each_split(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(PADDED_DATASET, DATASET | {"padded_digest": "sha256:ab", "labels": ["negative", "positive"]})
    for split in ("train", "validation", "test"):
        write_arrays(padded_split(split), token_ids=np.zeros((9, 4), np.int32), labels=np.arange(9) % 2)
    asked: dict[str, Any] = {}

    def measure_all(study: Study, fits: list[Fit], data: dict, _observer: Any, command: str) -> dict:
        asked.update(name=study.name, command=command, fits=fits, data=data, epochs=study.params.depth.epochs)
        return {fit: record(fit) for fit in fits}

    monkeypatch.setattr(fits_module, "measure_all", measure_all)
    cells.run(params, depth=2, num_reviews=5, epochs=4)
    assert asked["name"].startswith("compare-cells-toy-")
    assert (asked["command"], asked["epochs"]) == ("compare-cells", 4)
    assert all(isinstance(fit, FitToTheEnd) for fit in asked["fits"])
    assert len(set(asked["fits"])) == 9 and {fit.depth for fit in asked["fits"]} == {2}
    assert {len(array) for array in asked["data"].values()} == {5}
    assert "One fit of each network on 5 training reviews" in unescape(CELLS_REPORT.read_text())


def test_the_page_says_how_little_was_fitted_and_lists_every_network(here: Path) -> None:
    page = unescape(cells.render_page(DATASET, FITTED, {"train": 800}, depth=2))
    assert "A simple RNN, an LSTM and a GRU of 2 layers each" in page
    assert "One fit of each network on 800 training reviews of toy" in page
    assert page.count("data:image/png;base64,") == 3
    assert page.count("<tr>") == 1 + len(FAR) * len(cells.KINDS) + 1
    assert re.search(r"majority class</td>.*?>0.6000</td>", page, re.DOTALL)
    assert page.count(">4.0</td>") == len(cells.KINDS)  # 1e-4 from 1: four powers of ten, the simple RNN's


def test_the_last_epoch_is_kept_so_that_scores_are_of_the_curves_end(params: Params) -> None:
    fit = FitToTheEnd("gru", 2, "none", "plain", 0)
    assert fit.configure(params).train.patience is None
    assert Fit(*fit).configure(params).train.patience is not None
