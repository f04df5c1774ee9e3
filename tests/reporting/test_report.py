from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html import unescape

import pytest

import judged
from pipeline.evaluation.rivals import PREFIXES
from pipeline.reporting import TITLES
from pipeline.reporting.report import write_report
from pipeline.runtime.paths import FIGURES_DIR, PLOTS_DIR


@pytest.fixture(scope="module", autouse=True)
def html(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, with its pictures in the current folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("report"))
        yield judged.report()


def rows_of(html: str) -> list[list[str]]:
    """The cells of every table's row."""
    return [
        [unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    ]


def test_the_page_says_what_was_found(html: str) -> None:
    found, errors = judged.judged()
    rows, metrics = rows_of(html), found.metrics
    low, high = found.intervals["test_roc_auc"]
    (auc,) = (row for row in rows if row[:1] == ["ROC AUC"])
    assert auc[1:3] == [f"{metrics['test_roc_auc']:.4f}", f"{low:.4f} to {high:.4f}"]
    (chosen,) = (row for row in rows if row[:1] == ["0.4600"])
    assert chosen[2] == f"{metrics['test_accuracy_at_threshold']:.4f}"
    for name, paired in found.paired.items():
        (tested,) = (row for row in rows if row[:2] == [name, "240 test"])
        assert tested[4:6] == [str(paired.only_first), str(paired.only_second)]
    for each in found.classifiers:
        shown = [f"{metrics[f'{each.prefix}test_{metric}']:.4f}" for metric in TITLES]
        assert [each.name, *shown] in rows
    (champion,) = (row for row in rows if row[:1] == ["the champion then"])
    assert champion[1:] == ["150 held back", "0.7000", "0.7400", "9", "15", "0.31 (one-sided)"]
    assert ["train in test", "3"] in rows
    probabilities = [f"{error['probability']:.4f}" for error in errors]
    assert [row[0] for row in rows if row and "word" in row[-1]] == probabilities


@pytest.mark.parametrize(("truncating", "shown"), [("pre", "… c d e f"), ("post", "a b c …")])
def test_an_error_is_shown_as_far_as_the_model_reads_it(truncating: str, shown: str) -> None:
    """Cut at the end, a row of four holds the start's mark and three words."""
    dataset = judged.DATASET | {"truncating": truncating, "max_length": 4}
    errors = [
        {"actual": "negative", "predicted": "positive", "probability": 0.9, "row": 1, "text": text}
        for text in ("a b c d e f", "a b c")
    ]
    html = write_report(dataset, judged.TRAINED, judged.judged()[0], errors, None)
    assert [row[1] for row in rows_of(html) if row[:1] == ["0.9000"]] == [shown, "a b c"]


def test_the_same_run_is_the_same_page(html: str) -> None:
    judged.judged.cache_clear()
    assert judged.report() == html


def test_a_model_without_errors_or_registration_has_a_page_too() -> None:
    found, _ = judged.judged()
    html = write_report(judged.DATASET, judged.TRAINED, found, [], None)
    assert "unregistered model" in html
    assert "No positive review was called negative." in html
    assert "the champion then" not in html


def test_each_curve_is_a_file_for_each_classifier_and_a_picture() -> None:
    found, _ = judged.judged()
    for name, curves in found.curves.items():
        assert (FIGURES_DIR / f"{name}.png").is_file()
        assert len(curves) == 4  # the majority class has none
        for prefix, classifier in (
            ("", "stacked RNN"),
            *((PREFIXES[rival], rival) for rival in found.paired),
        ):
            with (PLOTS_DIR / f"{prefix}{name}.csv").open() as file:
                written = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
            assert written == [dict(row) for row in curves[classifier]]
