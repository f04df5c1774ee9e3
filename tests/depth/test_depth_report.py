"""Everything that is drawn and said reaches the page, and the tables hold the records."""

from __future__ import annotations

import csv
from html import escape
from pathlib import Path

import pytest
from constructed import record, records, study

from pipeline.depth import pictures, tables
from pipeline.depth.claims import judge, sentence
from pipeline.depth.grid import Fit
from pipeline.depth.pictures import accuracy_figure, probe_figure
from pipeline.depth.records import Record, read_records, write_record
from pipeline.depth.report import render_report
from pipeline.params import Params

BASELINE = {"validation_accuracy": 0.87, "test_accuracy": 0.86}


def deeper_is_better(fit: Fit) -> Record:
    return record(fit, accuracy=0.7 + 0.05 * fit.depth, rise=0.02)


def test_the_page_holds_every_picture_and_every_sentence(tmp_path: Path, params: Params) -> None:
    fits = records(deeper_is_better)
    findings = judge(fits)
    drawn = pictures.write(fits, "toy", 0.87, tmp_path)
    with_study = params.model_copy(update={"depth_study": study()})
    page = render_report(with_study, {"name": "toy"}, fits, findings, BASELINE, drawn)
    assert len(drawn) == page.count("data:image/png;base64,") == 6
    assert all(figure.path.read_bytes().startswith(b"\x89PNG") for figure in drawn)
    assert all(escape(figure.caption) in page for figure in drawn)
    tested = sum(finding.interval is not None for finding in findings)
    assert all(escape(sentence(finding, tested)) in page for finding in findings)
    assert "http://" not in page and "https://" not in page


def test_the_accuracy_figure_draws_means_and_intervals() -> None:
    """With seeds at -0.001, 0 and 0.001 the half width is 4.303 * 0.001 / sqrt(3)."""
    figure = accuracy_figure(records(deeper_is_better), 0.87)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["skip: none", "skip: residual"]
    line, _, (bars,) = figure.axes[0].containers[0]
    assert list(line.get_ydata()) == pytest.approx([0.75, 0.80, 0.85])
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.75 - 0.002484, 0.75 + 0.002484), abs=1e-5)


def test_the_probe_figure_begins_with_the_embeddings() -> None:
    axes = probe_figure(records(deeper_is_better), 0.87).axes[2]
    line = axes.containers[0][0]
    assert axes.get_title() == "depth 3"
    assert list(line.get_ydata()) == pytest.approx([0.6, 0.7, 0.72, 0.74])


def test_an_axis_of_accuracies_ends_at_1() -> None:
    axes = accuracy_figure(
        records(lambda fit: record(fit, accuracy=0.5 + 0.499 * (fit.seed > 0))), 0.87
    ).axes[0]
    assert axes.get_ylim()[0] >= 0
    assert axes.get_ylim()[1] <= 1


def test_the_summary_holds_the_means_over_the_seeds() -> None:
    fits = records(deeper_is_better)
    summary = tables.summary(fits, judge(fits), BASELINE)
    assert summary["gru"]["depth_3"]["none"]["validation_accuracy"] == pytest.approx(0.85)
    assert summary["lstm"]["depth_1"]["residual"]["test_accuracy"] == pytest.approx(0.74)
    assert summary["claims"]["accuracy"]["verdict"] == "supports"
    assert summary["baseline"] == BASELINE


def test_the_tables_have_a_row_for_each_fit_and_layer(tmp_path: Path) -> None:
    fits = records(cells=("gru",), depths=(1, 2), skips=("none",))
    tables.write(fits, tmp_path)
    with (tmp_path / "fits.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(fits) == 18
    assert float(rows[0]["accuracy_gap"]) == pytest.approx(0.1 - 0.002)
    with (tmp_path / "probes.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 9 * 2 + 9 * 3
    with (tmp_path / "gradients.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3 * 2 * (1 + 2) * 20


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    fits = list(records())[:2]
    write_record(tmp_path, record(fits[0]))
    assert read_records(tmp_path, fits) == {fits[0]: record(fits[0])}
