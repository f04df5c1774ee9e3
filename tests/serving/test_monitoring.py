"""New reviews against a version's own: what is read of a table, what is said, the exit status."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.commands import monitor as command
from pipeline.interface import RegisteredClassifier
from pipeline.monitoring.comparison import accuracies, compare, moments_of
from pipeline.monitoring.page import page
from pipeline.monitoring.table import Columns
from pipeline.reviews.ragged import Ragged, flatten
from pipeline.reviews.tokenizing import Tokenizer
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving.answering import Answerer
from pipeline.serving.classifier import TextClassifier
from pipeline.serving.profile import Profile, profile_of
from pipeline.serving.tables import Options, score_file
from serving.test_scored_tables import CLASSIFIER, read, write

VERSION = "models:/tiny/1"
TEXTS = ["good bad", "bad", "good good bad", "so bad"] * 50


def profile() -> Profile:
    """Of `TEXTS`, as the evaluate stage makes it."""
    reviews = Ragged(*flatten([CLASSIFIER.vocabulary.encode(text) for text in TEXTS]))
    scores = CLASSIFIER.score(TEXTS)
    rows = np.array([[1, 4, 5], [0, 1, 5], [4, 4, 5], [1, 2, 5]] * 50)
    return profile_of(reviews, reviews, rows, scores.by_label, vocab_size=6, accuracy=0.9, seed=0)


@pytest.fixture(scope="module")
def reference() -> Profile:
    return profile()


def table(folder: Path, rows: list[dict[str, Any]], kind: str = "jsonl") -> Path:
    write(folder / f"table.{kind}", rows)
    return folder / f"table.{kind}"


def test_a_profile_is_in_numbers_and_comes_back_from_its_file(reference: Profile, tmp_path: Path) -> None:
    reference.save(tmp_path / "profile.npz")
    loaded = Profile.load(tmp_path)
    assert loaded.numbers["length"][:4].tolist() == [2, 1, 3, 2]
    assert loaded.numbers["unknown_share"][:4].tolist() == [0, 0, 0, 0.5]
    assert loaded.numbers["probability"][:4].tolist() == [0.5, 0.25, 0.75, 0.25]
    assert loaded.word_counts.tolist() == [0, 0, 50, 0, 150, 200]  # [OOV], good, bad
    assert (loaded.accuracy, len(loaded.rows)) == (0.9, 200)
    features = loaded.features(with_words=True)[2].toarray()[0]
    assert features[:3].tolist() == [np.log1p(3), 0, 0.75]
    assert np.flatnonzero(features[3:]).tolist() == [4, 5]


def test_the_same_reviews_are_like_themselves_and_others_are_not(reference: Profile, tmp_path: Path) -> None:
    rows = [{"text": text} for text in TEXTS]
    same = compare(CLASSIFIER, VERSION, reference, table(tmp_path, rows), Columns())
    assert same.verdict == "stable"
    assert [shift.psi for shift in same.shifts] == [0, 0, 0]
    assert same.words == []
    others = table(tmp_path, [{"text": "zzz zzz zzz good"}] * 60 + [{"text": None}] * 3)
    moved = compare(CLASSIFIER, VERSION, reference, others, Columns())
    assert moved.verdict == "shifted"
    assert moved.told_apart is not None
    assert moved.told_apart.accuracy == 1.0
    assert {text for text, _ in moved.words} == {"[OOV]", "bad"}
    assert list(moved.left_out.values()) == [3]


def test_a_page_calls_the_tokens_what_they_are(reference: Profile, tmp_path: Path) -> None:
    vocabulary = Vocabulary(("g", "o"), tokenizer=Tokenizer("characters"))
    classifier = replace(CLASSIFIER, vocabulary=vocabulary)
    moved = compare(classifier, VERSION, reference, table(tmp_path, [{"text": "go"}] * 60), Columns())
    html = page(moved, VERSION, tmp_path)
    text = re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.DOTALL)
    assert "Characters whose shares differ most" in text and "of 10,000 characters" in text
    assert not re.search("word", text, re.IGNORECASE)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_scored_table_is_taken_as_it_is_and_gives_the_same(
    kind: str, reference: Profile, tmp_path: Path
) -> None:
    rows = [{"text": text} for text in TEXTS[:60]]
    new = compare(CLASSIFIER, VERSION, reference, table(tmp_path, rows, kind), Columns())
    scored = tmp_path / f"scored.{kind}"
    score_file(CLASSIFIER, tmp_path / f"table.{kind}", scored, Options("text"))
    deaf = TextClassifier(lambda rows: rows / 0, CLASSIFIER.vocabulary, CLASSIFIER.layout, ("no", "yes"), 0.5)
    old = compare(deaf, VERSION, reference, scored, Columns())
    assert [shift.ks for shift in old.shifts] == [shift.ks for shift in new.shifts]


def test_a_log_of_numbers_alone_is_compared_without_words(reference: Profile, tmp_path: Path) -> None:
    row = {"length": 9, "unknown_share": 0.5, "probability": 0.9}
    comparison = compare(CLASSIFIER, VERSION, reference, table(tmp_path, [row] * 30), Columns())
    assert [shift.found for shift in comparison.shifts] == [9, 0.5, 0.9]
    assert (comparison.verdict, comparison.words) == ("shifted", [])


def test_accuracy_is_of_the_given_labels_and_only_of_rows_that_have_a_true_one(
    reference: Profile, tmp_path: Path
) -> None:
    row = {"text": "good", "unknown_share": 0.0, "probability": 0.5}
    rows = [row | {"label": "yes", "predicted_label": "no", "day": "2026-03-01"}] * 2
    rows += [row | {"label": "yes", "predicted_label": "yes", "day": "2026-03-02T10:00:00Z"}] * 8
    rows += [
        row | {"label": "no", "predicted_label": "undecided", "day": "2026-03-05"},
        row,
        row | {"label": ""},
    ]
    columns = Columns(label="label", time="day")
    comparison = compare(CLASSIFIER, VERSION, reference, table(tmp_path, rows), columns)
    everything, *days = comparison.accuracies
    assert (everything.reviews, everything.accuracy) == (11, 8 / 11)
    assert everything.interval == pytest.approx((0.4344, 0.9025), abs=1e-4)  # Wilson's, by his formula
    assert [(day.since, day.reviews, day.accuracy) for day in days] == [
        ("2026-03-01", 2, 0.0),
        ("2026-03-02", 8, 1.0),
        ("2026-03-05", 1, 0.0),
    ]


def test_periods_grow_with_the_time_that_is_covered() -> None:
    times = ["2026-01-01 10:15", "2026-01-01 10:45", "2026-01-01 11:00"]
    assert [each.since for each in accuracies([True] * 3, times)][1:] == [
        "2026-01-01 10:00",
        "2026-01-01 11:00",
    ]
    assert [each.since for each in accuracies([True] * 2, ["2024-01-31", "2026-01-01"])][1:] == [
        "2024-01-01",
        "2026-01-01",
    ]


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        ({"review": "good"}, Columns(), "there is no column 'text', nor the columns length, unknown_share"),
        (
            {"text": "good", "label": "2"},
            Columns(label="label"),
            "'2' is none of the version's labels, no, yes",
        ),
        ({"text": "good", "label": None}, Columns(label="label"), "no row of .* has a label there"),
        ({"text": "good", "probability": "high", "unknown_share": 0}, Columns(), "must hold numbers: .*high"),
    ],
)
def test_a_table_that_can_not_be_compared_says_why(
    row: dict[str, Any], columns: Columns, message: str, reference: Profile, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        compare(CLASSIFIER, VERSION, reference, table(tmp_path, [row]), columns)


@pytest.mark.parametrize(
    ("rows", "status", "said"),
    [
        (
            [{"text": text, "label": "no" if "good" not in text else "yes"} for text in TEXTS],
            0,
            "are like those",
        ),
        (
            [{"text": text, "label": "yes" if "good" not in text else "no"} for text in TEXTS],
            3,
            "accuracy 0.0%",
        ),
    ],
)
def test_the_command_writes_a_page_and_its_status_says_whether_to_look(
    rows: list[dict[str, Any]],
    status: int,
    said: str,
    reference: Profile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    champion = RegisteredClassifier("tiny version 1", CLASSIFIER, "models:/stacked-rnn-tiny/1", "", tmp_path)
    monkeypatch.setattr(command, "load_champion", lambda *_: champion)
    reference.save(tmp_path / "profile.npz")
    if status == 0:  # one page will do
        monkeypatch.setattr(command, "page", lambda comparison, version, table: said + version)
    page = tmp_path / "monitor.html"
    arguments = [str(table(tmp_path, rows)), "--label-column", "label", "--report", str(page)]
    done = CliRunner().invoke(command.monitor, arguments, catch_exceptions=False)
    assert done.exit_code == status, done.output
    assert said in done.output
    assert said in page.read_text()
    assert "models:/stacked-rnn-tiny/1" in page.read_text()


@pytest.mark.parametrize("with_texts", ["0", "1"])
def test_a_served_models_log_can_be_monitored_and_holds_texts_only_if_asked(
    with_texts: str, reference: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.jsonl"
    Answerer(CLASSIFIER, VERSION, "").answer(["good"], None, {})  # switched off
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", str(log))
    monkeypatch.setenv("PIPELINE_REQUEST_LOG_TEXTS", with_texts)
    for text in ("good, so good", "bad"):
        Answerer(CLASSIFIER, VERSION, "").answer([text], None, {})
    first, second = read(log)
    assert (first["length"], first["unknown_share"], first["label"]) == (3, pytest.approx(1 / 3), "yes")
    assert (second["probability"], second["version"]) == (0.25, VERSION)
    assert ("text" in first) == (with_texts == "1")
    assert compare(CLASSIFIER, VERSION, reference, log, Columns()).found.numbers["length"].tolist() == [3, 1]


def test_labels_that_come_later_find_their_rows_of_the_log(
    reference: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, later, columns = tmp_path / "log.jsonl", tmp_path / "later.csv", Columns(label="label", key="id")
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", str(log))
    for version in (VERSION, "models:/tiny/2"):
        texts = ["good", "bad", "good"]
        Answerer(CLASSIFIER, version, "").answer(texts, [7, "b", None], {})
    write(later, [{"id": "7", "label": "yes"}, {"id": "b", "label": "yes"}, {"id": "c", "label": "no"}])
    comparison = compare(CLASSIFIER, VERSION, reference, log, columns, later)
    assert [(each.reviews, each.accuracy) for each in comparison.accuracies] == [(2, 0.5)]
    assert list(comparison.left_out.items()) == [
        ("rows without a text, of another version, or not to be read", 3),
        (f"labels of {later} that name no row", 1),
    ]
    write(later, [{"id": "c", "label": "no"}])
    with pytest.raises(ValueError, match=r"no row of .* is named in .*later\.csv by its --key id"):
        compare(CLASSIFIER, VERSION, reference, log, columns, later)


def test_a_table_is_read_as_training_reads_it(reference: Profile, tmp_path: Path) -> None:
    """A label that is a list of one or another spelling, folders that name it, rows without one."""
    rows = [{"text": "good", "label": ["Yes"]}, {"text": "bad", "label": "NO"}, {"text": "bad"}, {"text": ""}]
    found = compare(CLASSIFIER, VERSION, reference, table(tmp_path, rows), Columns(label="label"))
    assert [(each.reviews, each.accuracy) for each in found.accuracies][:1] == [(2, 1.0)]
    assert list(found.left_out.values()) == [1]
    for label in ("no", "yes"):
        (tmp_path / f"mine/label={label}").mkdir(parents=True)
        write(tmp_path / f"mine/label={label}/0.parquet", [{"text": "good"}] * 2)
    found = compare(CLASSIFIER, VERSION, reference, tmp_path / "mine", Columns(label="label"))
    assert [(each.reviews, each.accuracy) for each in found.accuracies][:1] == [(4, 0.5)]


def test_a_line_without_its_label_ends_no_table_of_labels(reference: Profile, tmp_path: Path) -> None:
    rows = [{"id": 1, "text": "good"}, {"id": 2, "text": "bad"}]
    (tmp_path / "later.jsonl").write_text('{"id": 1, "label": "yes"}\n{"id": 2}\n')
    columns = Columns(label="label", key="id")
    found = compare(CLASSIFIER, VERSION, reference, table(tmp_path, rows), columns, tmp_path / "later.jsonl")
    assert [(each.reviews, each.accuracy) for each in found.accuracies] == [(1, 1.0)]


@pytest.mark.parametrize("names", [("0", "1"), ("no", "yes")])
def test_labels_are_compared_as_training_merges_them(
    names: tuple[str, str], reference: Profile, tmp_path: Path
) -> None:
    """pandas 3.1 writes 1.0 and True for 1 as soon as one label is missing."""
    classifier = replace(CLASSIFIER, labels=names)
    rows = [{"text": "good", "label": label} for label in (1, 1.0, "1.0", True, "True", " 1 ", None, "pos")]
    found = compare(classifier, VERSION, reference, table(tmp_path, rows), Columns(label="label"))
    assert [(each.reviews, each.accuracy) for each in found.accuracies] == [(7, 1.0)]


def test_ids_that_pandas_made_numbers_of_meet_and_labels_without_a_row_are_said(
    reference: Profile, tmp_path: Path
) -> None:
    """A column with a gap has 7.0 in the one table, and 7 or "7" in the other."""
    rows = [{"id": key, "text": "good"} for key in (7, "8", 9.0, "007", None)]
    write(tmp_path / "later.csv", [{"id": key, "label": "yes"} for key in ("7.0", "8.0", "9", "007", "10")])
    columns = Columns(label="label", key="id")
    found = compare(CLASSIFIER, VERSION, reference, table(tmp_path, rows), columns, tmp_path / "later.csv")
    assert [(each.reviews, each.accuracy) for each in found.accuracies] == [(4, 1.0)]
    assert found.left_out == {f"labels of {tmp_path / 'later.csv'} that name no row": 1}


def test_a_client_that_asks_again_is_counted_once(
    reference: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a 504 the first request is answered too; clients may number each request's texts anew."""
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", str(tmp_path / "log.jsonl"))
    for texts in (["good", "bad"], ["good", "bad"], ["good good", "bad"]):
        Answerer(CLASSIFIER, VERSION, "").answer(texts, [1, 2], {})
    Answerer(CLASSIFIER, VERSION, "").answer(["good", "good"], None, {})
    found = compare(CLASSIFIER, VERSION, reference, tmp_path / "log.jsonl", Columns())
    assert found.found.numbers["length"].tolist() == [1, 1, 2, 1, 1]
    assert list(found.left_out.values()) == [3]


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (["13.02.2026", "03.02.2026", ""], ["2026-02-13", "2026-02-03", "NaT"]),
        (["03/02/2026", "02/13/2026 10:00"], ["2026-03-02", "2026-02-13"]),
        (["3/2/2026", "13/2/2026"], ["2026-02-03", "2026-02-13"]),
        (["2026-02-03", "2026-02-03T23:30:00-02:00"], ["2026-02-03", "2026-02-04"]),
        ([1770940800, 1770940800.5, None], ["2026-02-13", "2026-02-13", "NaT"]),
        (["1770940800000"], ["2026-02-13"]),
        ([20260213, "20260203"], ["2026-02-13", "2026-02-03"]),
        ([datetime(2026, 2, 3, tzinfo=UTC), None], ["2026-02-03", "NaT"]),
    ],
)
def test_times_of_a_column_are_read_in_one_way(values: list[Any], days: list[str]) -> None:
    assert [str(moment)[:10] for moment in moments_of(values)] == days


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["03/02/2026", "04/02/2026"], "may begin with the day or with the month"),
        (["13/02/2026", "02/13/2026"], "are written in two orders"),
        (["2026-02-03", "soon"], "'soon' is no time"),
    ],
)
def test_times_that_can_be_read_in_two_ways_are_refused(values: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"--time-column: .*{message}"):
        moments_of(values)


def test_a_folder_that_was_scored_with_a_bad_row_and_foreign_files_can_be_monitored(
    reference: Profile, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("text,id\n" + "good,1\n" * 4 + ",2\n")
    (tmp_path / "scored/.ipynb_checkpoints").mkdir(parents=True)
    target = tmp_path / "scored/a.csv"
    assert score_file(CLASSIFIER, tmp_path / "new.csv", target, Options("text")) == (4, 1)
    assert (tmp_path / "scored/a.rejected.jsonl").exists()
    (tmp_path / "scored/.ipynb_checkpoints/a.csv").write_bytes((tmp_path / "scored/a.csv").read_bytes())
    found = compare(CLASSIFIER, VERSION, reference, tmp_path / "scored", Columns())
    assert found.found.numbers["length"].tolist() == [1] * 4


def test_a_version_of_before_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"before versions had a profile .*dvc repro -f evaluate"):
        Profile.load(tmp_path)
