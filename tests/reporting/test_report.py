"""The whole page: every value that was found is on it, in words and numbers that are right."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import pytest

import judged
from pipeline.evaluation.baselines import MODEL, WHOLE
from pipeline.evaluation.paired import Paired
from pipeline.registry import model_card
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.report import Excerpt, excerpt, tiles, write_report
from pipeline.reporting.verdict import caveats, judge
from pipeline.runtime.paths import FIGURES_DIR, PLOTS_DIR
from two_labels import both


@pytest.fixture(scope="module", autouse=True)
def html(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, with its pictures in the current folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("report"))
        yield judged.report()


def rows_of(html: str) -> list[list[str]]:
    """The cells of every table's row."""
    return [
        [plain(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    ]


def plain(html: str) -> str:
    """The text alone, its spaces as a browser shows them."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).replace("\u2011", "-").split())


def with_scores(
    mine: float,
    theirs: float,
    only_mine: int,
    only_theirs: int,
    p_value: float,
    low: float = 0.7,
    whole: tuple[int, int, float] = (20, 20, 1.0),
) -> Evaluated:
    """The evaluated network with these test accuracies and this paired test against the baseline."""
    found, _ = judged.judged()
    accuracies = {"": mine, found.baseline.prefix: theirs, "majority_": 0.6, "naive_bayes_whole_": 0.875}
    paired = {found.baseline.name: Paired(only_mine, only_theirs, p_value), WHOLE: Paired(*whole)}
    return judged.evaluated(
        assessment=replace(
            found,
            metrics=found.metrics | {f"{prefix}test_accuracy": each for prefix, each in accuracies.items()},
            intervals=found.intervals | {"test_accuracy": (low, 0.9)},
            paired=found.paired | paired,
        )
    )


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((0.85, 0.8, 30, 18, 0.0312), ["85.0% of 240", "5.0 points more than naive", "80.0%", "p = 0.031)"]),
        ((0.8, 0.85, 18, 30, 0.00001), ["80.0% of 240", "does better, by 5.0", "85.0%", "p < 0.0001)"]),
        (
            (0.81, 0.8, 30, 28, 0.9),
            ["81.0% of 240", "naive Bayes n-grams 80.0%", "may be chance", "p = 0.9)"],
        ),
        ((0.8, 0.8, 20, 20, 1.0), ["80.0% of 240", "as many as naive Bayes n-grams."]),
    ],
)
def test_the_verdict_says_which_is_better(scores: tuple, said: list[str]) -> None:
    verdict = judge(with_scores(*scores))
    assert verdict.sentence.startswith("The GRU network labels")
    assert [part for part in said if part not in verdict.sentence] == []
    assert verdict.learned


def test_a_network_that_is_not_ahead_is_told_what_more_labels_would_give() -> None:
    tie = replace(with_scores(0.81, 0.8, 30, 28, 0.9), gain_of_twice=0.0237)
    assert "naive Bayes n-grams would gain 2.4 points from twice the labels" in judge(tie).sentence


def test_the_verdict_does_not_hide_a_baseline_that_reads_more() -> None:
    ahead, behind, alike = (
        judge(with_scores(0.85, 0.8, 30, 18, 0.01, whole=whole)).sentence
        for whole in ((10, 40, 0.001), (40, 10, 0.001), (18, 20, 0.8))
    )
    assert ahead.endswith(" Naive Bayes n-grams of whole reviews label 87.5% right.")
    assert behind.endswith(" of whole reviews label 87.5% right, which is less (p = 0.001).")
    assert "whole" not in alike


def test_a_network_no_better_than_the_commoner_label_is_said_to_be_so() -> None:
    """About half of the reviews have the commoner label; that lies within the interval from 0.45."""
    result = with_scores(0.52, 0.8, 18, 30, 0.01, low=0.45)
    assert not judge(result).learned
    html = write_report(result)
    (verdict,) = re.findall(r'<p class="verdict warning">(.*?)</p>', html, re.DOTALL)
    assert plain(verdict).endswith("It is not better than always giving the commoner label.")
    assert re.search(r'<p class="became warning">Registered as', html)
    card = model_card.write(result)
    assert f"**{judge(result).sentence} Registered as" in card


def test_the_page_opens_with_verdict_registration_and_tiles(html: str) -> None:
    start = plain(html[html.index("<header>") : html.index('id="training"')])
    assert judge(judged.evaluated()).sentence in start
    assert "Registered as stacked-rnn-tiny version 7, challenger: does not beat champion version 5." in start
    assert "network GRU 3 layers of 16 units; 5,009 parameters; trained in 1 min 12 s" in start
    found, _ = judged.judged()
    for each in found.classifiers:
        assert f"{found.metrics[f'{each.prefix}test_accuracy']:.1%}" in start
    assert "majority class, a mere guess" in start


def own(train: int, test: int, **other: Any) -> dict[str, Any]:
    """Facts of a user's own reviews."""
    sizes = {"train": train, "validation": 1, "test": test}
    return judged.DATASET | {"name": "mine", "requested": "file", "sizes": sizes} | other


def test_a_caveat_about_the_data_comes_before_the_verdict(html: str) -> None:
    assert html.index("imdb could not be reached") < html.index('class="verdict')
    page = write_report(judged.evaluated(dataset=own(300, 1)))
    assert "could not be reached" not in page
    assert page.index("With 300 training reviews") < page.index('class="verdict')


def test_what_the_data_cannot_support_is_said_first() -> None:
    """Of the 240 made-up test reviews, 115 or so have each label; a third label has none."""
    found, _ = judged.judged()
    curves = found.curves["accuracy_by_unknown_share"]
    half, tenth = ([{**row, "unknown_share": share} for row in curves[MODEL]] for share in (0.5, 0.1))
    unread, well_read = (
        replace(found, curves=found.curves | {"accuracy_by_unknown_share": {**curves, MODEL: rows}})
        for rows in (half, tenth)
    )
    assert caveats(judged.evaluated(dataset=own(3000, 240), assessment=well_read)) == []
    (caveat,) = caveats(judged.evaluated(dataset=own(3000, 240), assessment=unread))
    assert "50% of the words that the network reads in test reviews are unknown" in caveat.text
    three = own(3000, 240, labels=["negative", "positive", "mixed"])
    (caveat,) = caveats(judged.evaluated(dataset=three, assessment=well_read))
    assert caveat.text.startswith("Of these the test reviews hold: mixed 0.")


def test_what_is_told_only_where_it_is_so(html: str) -> None:
    found, _ = judged.judged()
    columns = "row", "given", "likely", "probability", "text"
    issue = dict(zip(columns, (7, "negative", "positive", 0.975, "a superb ..."), strict=True))
    page = write_report(
        judged.evaluated(
            dataset=judged.DATASET | {"reading": {"rows_skipped": 3, "rows_left_out": 1200}},
            trials=[row | {"validation_accuracy": 0.0} for row in judged.TRIALS],
            assessment=replace(found, baseline=replace(found.baseline, fitted_to=1234)),
            label_issues=[issue] * 25,
        )
    )
    for said in (
        "the study tells nothing of the values it tried",
        "fitted to 1,234 of the",
        "3 could not be used and were skipped, and 1,200 have a label that data.labels leaves out.",
        "25 training reviews may have a wrong label",
    ):
        assert said in plain(page)
        assert said not in plain(html)
    listed = [row for row in rows_of(page) if row[1:3] == ["negative", "positive"]]
    assert listed == [["7", "negative", "positive", "0.9750", "a superb ..."]] * 20


def test_a_tile_says_how_far_a_rival_is_ahead() -> None:
    network, baseline, *_, majority = tiles(with_scores(0.8, 0.85, 18, 30, 0.01).assessment)
    assert (network.note, majority.note) == ("", "")
    assert (baseline.note, baseline.look) == ("5.0 points above the network", "ahead")
    _, baseline, *_ = tiles(with_scores(0.8, 0.85, 18, 30, 0.06).assessment)
    assert (baseline.note, baseline.look) == ("no clear difference", "")


def test_the_tables_say_what_was_found(html: str) -> None:
    found, _ = judged.judged()
    rows, metrics = rows_of(html), found.metrics
    low, high = found.intervals["test_roc_auc"]
    (auc,) = (row for row in rows if row[:1] == ["ROC AUC ↑"])
    assert auc[1:3] == [f"{metrics['test_roc_auc']:.4f}", f"{low:.4f} to {high:.4f}"]
    assert ["log loss ↓"] in [row[:1] for row in rows]
    (chosen,) = (row for row in rows if row[:1] == ["0.4600"])
    assert chosen[2] == f"{metrics['test_accuracy_at_threshold']:.4f}"
    for each in found.classifiers[1:-1]:
        (row,) = (row for row in rows if row[:1] == [each.name] and row[1] == "240 test reviews")
        paired = found.paired[each.name]
        assert row[4:6] == [str(paired.only_first), str(paired.only_second)]
    (champion,) = (row for row in rows if row[:1] == ["the champion then"])
    assert champion[1:] == ["150 held-back reviews", "0.7000", "0.7400", "9", "15", "p = 0.31, one-sided"]
    assert ["train in test", "3"] in rows
    assert ["unlabelled in test", "6"] in rows
    assert ["unlabelled", "91", "", "42.0%", "7.0%"] in rows
    assert ["of these held back for the champion's comparison", "50", "", "", ""] in rows
    assert ["GRU", "12 \N{MULTIPLICATION SIGN} 16", "1,632"] in rows
    assert ["all layers", "", "5,009"] in rows
    assert ["1", "pruned", "0.5000", "1", "1.2000", "9"] in rows
    for said in (
        "times 0.8123, minus 0.0500",
        "calibration error on those reviews from 0.0712 to 0.0234",
        "Of 3 trials, 2 ran to their end, 1 was stopped early.",
        "a bag of n-grams: python -m studies learning-curve",
    ):
        assert said in plain(html)


def test_bins_and_parameters_are_folded_away(html: str) -> None:
    folded = [plain(summary) for summary in re.findall(r"<summary>(.*?)</summary>", html, re.DOTALL)]
    assert folded == [
        "All parameters of the winning trial",
        "The bins of the stacked RNN, with Wilson's intervals",
        "Accuracy by words, with Wilson's intervals",
        "Accuracy by unknown words, with Wilson's intervals",
        "All trials",
    ]


def test_the_drawing_has_a_box_for_each_layer_of_the_stack(html: str) -> None:
    drawing = html[html.index("<svg") : html.index("</svg>")]
    boxes = re.findall(r"<rect", drawing)
    assert len(boxes) == len(judged.LAYERS) + 1  # and the token ids
    assert drawing.count("h(t-1)") == 3
    assert "12 \N{MULTIPLICATION SIGN} 16, 1,632 parameters" in drawing


def test_tokens_are_called_what_they_are() -> None:
    """No page on characters speaks of words, but the text of a review may."""
    read = judged.evaluated(dataset=judged.DATASET | {"tokens": "characters"})
    page = re.sub(r"<article.*?</article>", "", write_report(read), flags=re.DOTALL)
    for text in (plain(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)), model_card.write(read)):
        assert "unknown character" in text
        assert not re.search(r"\bwords?\b", text, re.IGNORECASE)


def test_mistakes_once_seen_stay_away(html: str) -> None:
    one_review = {"name": "reviews", "sizes": dict.fromkeys(("train", "validation", "test"), 1)}
    for page in (html, write_report(judged.evaluated(dataset=judged.DATASET | one_review))):
        text = plain(page)
        assert not re.search(r"\b1 (reviews|parameters|trials|layers)\b", text)
        assert "reviews reviews" not in text
        assert "compared with on" not in text
        assert not re.search(r"\d\.\d{5,}", text)  # every float is rounded


def excerpt_of(text: str, contributions: list[float], **dataset: object) -> Excerpt:
    """Of a negative review called positive."""
    error = {"actual": "negative", "predicted": "positive", "probability": 0.9}
    facts = {"labels": ["negative", "positive"], "tokens": "words", "truncating": "pre"} | dataset
    return excerpt(error, text.split(), np.array(contributions), facts)


@pytest.mark.parametrize(
    ("truncating", "words", "cut"), [("pre", ["c", "d", "e", "f"], "start"), ("post", ["a", "b", "c"], "end")]
)
def test_an_error_is_shown_as_far_as_the_model_reads_it(truncating: str, words: list[str], cut: str) -> None:
    """Cut at the end, a row of four holds the start's mark and three words."""
    shown = excerpt_of("a b c d e f", [0.0] * len(words), truncating=truncating)
    assert [word.text for word in shown.words] == words
    assert shown.cut == cut


@pytest.mark.parametrize(
    ("names", "about"),
    [
        (["negative", "positive"], "positive"),
        (["positive", "negative"], "negative"),
        (["good", "negative", "positive"], "positive"),
    ],
)
def test_an_excerpt_speaks_of_the_second_label_or_of_the_one_given_of_several(
    names: list[str], about: str
) -> None:
    assert excerpt_of("a", [0.0], labels=names).about == about


@pytest.mark.parametrize(
    ("contributions", "levels"),
    [
        ([2.0, -0.8, 0.2, 0.1, -1.5], [3, -2, 1, 0, -3]),  # shares 1, -0.4, 0.1, 0.05, -0.75 of the strongest
        ([0.1, 0.01], [1, 0]),  # where that is a fifth of what is needed for the full scale
    ],
)
def test_words_are_coloured_by_their_share_of_the_strongest(
    contributions: list[float], levels: list[int]
) -> None:
    words = excerpt_of(" ".join("abcde"[: len(levels)]), contributions).words
    assert [word.level for word in words] == levels


def test_what_is_left_of_a_line_break_is_one_sign() -> None:
    words = excerpt_of("good br br bad br", [1.0, 0.25, 0.5, -1.0, 0.0]).words
    found = [(word.text, word.contribution) for word in words]
    assert found == [("good", 1.0), ("¶", 0.75), ("bad", -1.0), ("br", 0.0)]


def test_a_network_that_gives_one_label_only_is_called_that() -> None:
    found, _ = judged.judged()
    network, *rivals = found.classifiers
    same = replace(found, classifiers=(replace(network, test=both(np.full(240, 0.2))), *rivals))
    said = judge(judged.evaluated(assessment=same)).sentence
    assert "It gives every one of them the same label, negative." in said
    assert "the same label" not in judge(judged.evaluated()).sentence
    # With a threshold of its own, 0.125, it gives all of them the other one.
    served = replace(same, measure="f1", metrics=found.metrics | {"threshold": 0.125})
    assert "the same label, positive." in judge(judged.evaluated(assessment=served)).sentence


def test_a_served_threshold_of_its_own_is_told() -> None:
    found, _ = judged.judged()
    metrics = found.metrics | {"threshold": 0.125, "test_f1_at_threshold": 0.75, "naive_bayes_test_f1": 0.5}
    said = judge(judged.evaluated(assessment=replace(found, measure="f1", metrics=metrics))).sentence
    assert "gives the second label from 0.125 on, the best threshold for F1 on validation" in said
    assert "its F1 is 0.7500 then, naive Bayes n-grams 0.5000 at 0.5." in said
    by_accuracy = replace(found, metrics=metrics)
    assert "Served" not in judge(judged.evaluated(assessment=by_accuracy)).sentence


def test_the_same_run_is_the_same_page(html: str) -> None:
    judged.judged.cache_clear()
    assert write_report(judged.evaluated()) == html


def test_a_model_without_errors_registration_or_trials_has_a_page_too() -> None:
    none = {"errors": [], "error_words": [], "contributions": [], "trials": []}
    html = write_report(judged.evaluated(**none, registration=None))
    text = plain(html)
    assert "unregistered model" in text
    assert "No positive review was called negative" in text
    assert "the champion then" not in text
    assert "trained in" not in text


def test_each_curve_is_a_file_for_each_classifier_and_a_picture() -> None:
    found, _ = judged.judged()
    for name, curves in found.curves.items():
        assert (FIGURES_DIR / f"{name}.png").is_file()
        for each in found.classifiers[:-1]:
            with (PLOTS_DIR / f"{each.prefix}{name}.csv").open() as file:
                written = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
            assert written == [dict(row) for row in curves[each.name]]
