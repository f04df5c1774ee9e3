"""Everything that is drawn and said reaches the page, and the tables hold the records."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.params import Params
from pipeline.reporting.page import Picture
from studies.depth import pictures, tables
from studies.depth.claims import count_judged, failures, guess_scores, judge, sentence
from studies.depth.fits import AS_JSON, Fit, Record, Records
from studies.depth.pictures import accuracy_figure, probe_figure
from studies.depth.report import render_report
from studies_constructed import DATASET, record, records, study

BASELINE = {"validation_accuracy": 0.87, "test_accuracy": 0.86}
SAME_SCORES = {"train_accuracy": 0.6, "validation_accuracy": 0.6, "test_accuracy": 0.6}


def deeper_is_better(fit: Fit) -> Record:
    """By 0.05 a layer, a little more or less with every other seed."""
    return record(
        fit, accuracy=0.7 + 0.05 * fit.depth + 0.001 * (fit.depth - 1) * (-1) ** fit.seed, rise=0.02
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """The pictures of the fits that ``deeper_is_better`` makes."""
    return pictures.write(records(deeper_is_better), "toy", 0.87, tmp_path_factory.mktemp("drawn"))


def page_of(fits: Records, params: Params, drawn: Sequence[Picture] = (), **of_study: Any) -> str:
    """As a reader sees it, without what keeps a line from breaking there."""
    with_study = params.model_copy(update={"depth": study(**of_study)})
    page = unescape(render_report(with_study, DATASET, fits, judge(fits, DATASET), BASELINE, drawn))
    return page.replace("\u2011", "-").replace("\u00a0", " ")


def test_the_page_holds_every_picture_and_every_sentence(drawn: list[Picture], params: Params) -> None:
    fits = records(deeper_is_better)
    page, findings = page_of(fits, params, drawn), judge(fits, DATASET)
    assert len(drawn) == page.count("data:image/png;base64,") == 6
    assert all(figure.path.read_bytes().startswith(b"\x89PNG") for figure in drawn)
    assert all(figure.reading in page for figure in drawn)
    assert all(sentence(finding, count_judged(findings)) in page for finding in findings)
    assert "http://" not in page and "https://" not in page
    assert re.search(r"majority class</td>.*?>0.5500</td>.*?>0.6000</td>.*?>0.4800</td>", page, re.DOTALL)
    assert page.index("<img") < page.index("Stacking layers improves the prediction."), "figures come first"
    assert "depth 3) has a mean accuracy of 85.0%, below the bag" in page
    verdicts = Counter(finding.verdict for finding in findings)
    assert f"the data support {verdicts['supports']}, contradict {verdicts['contradicts']} and leave" in page
    assert "did not learn" not in page


def test_a_study_without_verdicts_has_its_page(params: Params) -> None:
    """Two seeds and nothing learned: no interval, no p, and no number that is none."""
    fits = {fit: replace(found, scores=SAME_SCORES) for fit, found in records(seeds=2).items()}
    page = page_of(fits, params, seeds=2)
    assert "None of 15 claims about depth can be judged from these fits." in page
    assert "no networks learned that could be compared" in page
    assert ">0.6000<" in page
    assert "nan" not in page
    assert tables.summary(fits, judge(fits, DATASET), BASELINE, {})["claims"] == {}


def test_networks_that_stayed_at_chance_are_named(params: Params) -> None:
    """With 400 reviews of which 60 % are negative, chance reaches up to 0.6 + 1.96 * 0.02449 = 0.648."""

    def make(fit: Fit) -> Record:
        return record(fit, accuracy=0.647 if (fit.cell, fit.depth) == ("lstm", 3) else 0.65)

    fits = records(make, skips=("none",))
    names = ["LSTM of depth 3, clipping", "LSTM of depth 3, dropout", "LSTM of depth 3"]
    assert failures(fits, DATASET) == [f"{name} (6 of 6 seeds)" for name in names]
    page = page_of(fits, params, skips=("none",))
    assert "3 networks did not learn:" in page
    assert "LSTM of depth 3, dropout (6 of 6 seeds)" in page
    assert "Left out, since they did not learn: LSTM of depth 3." in page
    assert "(60.0%)" in page


def test_the_accuracy_figure_draws_means_and_seeds() -> None:
    figure = accuracy_figure(records(deeper_is_better), 0.87)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["skip: none", "skip: residual"]
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx([0.75, 0.80, 0.85])
    dots = figure.axes[0].collections[0].get_offsets()
    assert dots[:3, 1].tolist() == pytest.approx([0.749, 0.750, 0.751])


def test_the_probe_figure_begins_with_the_embeddings() -> None:
    axes = probe_figure(records(deeper_is_better), 0.87).axes[2]
    line = axes.lines[0]
    assert axes.get_title() == "depth 3"
    assert list(line.get_ydata()) == pytest.approx([0.6, 0.7, 0.72, 0.74])


def test_an_axis_of_accuracies_ends_at_1() -> None:
    fits = records(lambda fit: record(fit, accuracy=0.5 + 0.499 * (fit.seed > 0)))
    low, high = accuracy_figure(fits, 0.87).axes[0].get_ylim()
    assert 0 <= low < high <= 1


def test_the_summary_holds_the_means_over_the_seeds() -> None:
    fits = records(deeper_is_better)
    summary = tables.summary(fits, judge(fits, DATASET), BASELINE, guess_scores(DATASET))
    assert summary["gru"]["depth_3"]["none"]["validation_accuracy"] == pytest.approx(0.85)
    assert summary["lstm"]["depth_1"]["residual"]["test_accuracy"] == pytest.approx(0.74)
    assert summary["claims"]["accuracy"]["verdict"] == "supports"
    assert summary["baseline"] == BASELINE
    # The training reviews' commonest label, negative, on each split.
    assert summary["majority"] == {"train_accuracy": 0.55, "validation_accuracy": 0.6, "test_accuracy": 0.48}


def test_the_tables_have_a_row_for_each_fit_and_layer(tmp_path: Path) -> None:
    fits = records(cells=("gru",), depths=(1, 2), skips=("none",))
    tables.write(fits, judge(fits, DATASET), tmp_path)
    tables_of = {path.stem: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    rows = {name: len(table) for name, table in tables_of.items() if name in ("fits", "probes", "gradients")}
    assert rows == {"fits": 36, "probes": 18 * 2 + 18 * 3, "gradients": 3 * 2 * (1 + 2) * 20}
    assert tables_of["fits"]["accuracy_gap"][0] == pytest.approx(0.1 - 0.002)
    claims = tables_of["claims"].query("claim == 'dropout'")
    assert claims["stratum"].tolist() == ["all", "gru"]
    assert claims["difference"].tolist() == [0.0, 0.0]
    assert claims["low"].isna().iloc[0] and claims["verdict"].iloc[0] == "cannot judge"


def test_a_record_is_read_as_it_was_written() -> None:
    written = record(next(iter(records())))
    read = AS_JSON.validate_json(AS_JSON.dump_json(written))
    assert read == written
    assert isinstance(read.fit, Fit)
