"""Everything that is drawn and said reaches the page, and the tables hold the records."""

from __future__ import annotations

import csv
from html import unescape
from pathlib import Path

import pytest
from constructed import DATASET, record, records, study

from pipeline.depth import pictures, tables
from pipeline.depth.findings import judge, judged, sentence
from pipeline.depth.grid import Fit
from pipeline.depth.learning import failures
from pipeline.depth.pictures import accuracy_figure, probe_figure
from pipeline.depth.records import Record, read_records, write_record
from pipeline.depth.report import render_report
from pipeline.params import Params

BASELINE = {"validation_accuracy": 0.87, "test_accuracy": 0.86}


def deeper_is_better(fit: Fit) -> Record:
    return record(fit, accuracy=0.7 + 0.05 * fit.depth, rise=0.02)


def test_the_page_holds_every_picture_and_every_sentence(tmp_path: Path, params: Params) -> None:
    fits = records(deeper_is_better)
    findings = judge(fits, DATASET)
    drawn = pictures.write(fits, "toy", 0.87, tmp_path)
    with_study = params.model_copy(update={"depth_study": study()})
    page = unescape(render_report(with_study, DATASET, fits, findings, BASELINE, drawn)).replace(
        "\u2011", "-"
    )
    assert len(drawn) == page.count("data:image/png;base64,") == 6
    assert all(figure.path.read_bytes().startswith(b"\x89PNG") for figure in drawn)
    assert all(figure.caption in page for figure in drawn)
    tested = judged(findings)
    assert all(sentence(finding, tested) in page for finding in findings)
    assert "http://" not in page and "https://" not in page


def test_the_figures_come_before_the_claims(tmp_path: Path, params: Params) -> None:
    fits = records(deeper_is_better)
    drawn = pictures.write(fits, "toy", 0.87, tmp_path)
    with_study = params.model_copy(update={"depth_study": study()})
    page = render_report(with_study, DATASET, fits, judge(fits, DATASET), BASELINE, drawn)
    assert page.index("<img") < page.index("Stacking layers improves the prediction.")
    assert "depth 3) has a mean accuracy of 85.0%, below the bag" in page
    assert "did not learn" not in page


def test_networks_that_stayed_at_chance_are_named(tmp_path: Path, params: Params) -> None:
    """With 400 reviews of which 60 % are negative, chance reaches up to 0.6 + 1.96 * 0.02449 = 0.648."""
    fits = records(
        lambda fit: record(fit, accuracy=0.647 if (fit.cell, fit.depth) == ("lstm", 3) else 0.649),
        skips=("none",),
    )
    names = ["lstm depth 3", "lstm depth 3, clipping", "lstm depth 3, dropout"]
    assert failures(fits, DATASET) == [f"{name} (4 of 6 seeds)" for name in names]
    with_study = params.model_copy(update={"depth_study": study(skips=("none",))})
    page = render_report(with_study, DATASET, fits, judge(fits, DATASET), BASELINE, [])
    assert "3 networks did not learn:" in page
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
    axes = accuracy_figure(
        records(lambda fit: record(fit, accuracy=0.5 + 0.499 * (fit.seed > 0))), 0.87
    ).axes[0]
    assert axes.get_ylim()[0] >= 0
    assert axes.get_ylim()[1] <= 1


def test_the_summary_holds_the_means_over_the_seeds() -> None:
    fits = records(deeper_is_better)
    summary = tables.summary(fits, judge(fits, DATASET), BASELINE)
    assert summary["gru"]["depth_3"]["none"]["validation_accuracy"] == pytest.approx(0.85)
    assert summary["lstm"]["depth_1"]["residual"]["test_accuracy"] == pytest.approx(0.74)
    assert summary["claims"]["accuracy"]["verdict"] == "supports"
    assert summary["baseline"] == BASELINE


def test_the_tables_have_a_row_for_each_fit_and_layer(tmp_path: Path) -> None:
    fits = records(cells=("gru",), depths=(1, 2), skips=("none",))
    tables.write(fits, judge(fits, DATASET), tmp_path)
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
