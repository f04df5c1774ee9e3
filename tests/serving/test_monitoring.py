"""New reviews against a version's own: what is read of a table, what is said, the exit status."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.commands import monitor as command
from pipeline.interface import RegisteredClassifier
from pipeline.monitoring.comparison import DriftReport, accuracies, compare, moments_of
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


@cache
def profile() -> Profile:
    """Of `TEXTS`, as the evaluate stage makes it."""
    reviews = Ragged(*flatten([CLASSIFIER.vocabulary.encode(text) for text in TEXTS]))
    scores = CLASSIFIER.score(TEXTS)
    rows = np.array([[1, 4, 5], [0, 1, 5], [4, 4, 5], [1, 2, 5]] * 50)
    return profile_of(reviews, reviews, rows, scores.by_label, vocab_size=6, accuracy=0.9, seed=0)


def table(folder: Path, rows: list[dict[str, Any]], kind: str = "jsonl") -> Path:
    write(folder / f"table.{kind}", rows)
    return folder / f"table.{kind}"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def compared(
    given: Path | list[dict[str, Any]],
    later: Path | None = None,
    classifier: TextClassifier = CLASSIFIER,
    **columns: Any,
) -> DriftReport:
    """What comes out for rows, or for a table."""
    path = given if isinstance(given, Path) else table(Path(), given)
    return compare(classifier, VERSION, profile(), path, Columns(**columns), later)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A served version's."""
    monkeypatch.setenv("PIPELINE_REQUEST_LOG", "log.jsonl")
    return Path("log.jsonl")


def ask(texts: list[str], ids: list[Any] | None = None, version: str = VERSION) -> None:
    Answerer(CLASSIFIER, version, "").answer(texts, ids, {})


def accuracy(found: DriftReport) -> tuple[int, float]:
    """That of all rows, after how many they are."""
    return found.accuracies[0].reviews, found.accuracies[0].accuracy


def test_a_profile_is_in_numbers_and_comes_back_from_its_file() -> None:
    profile().save(Path("profile.npz"))
    loaded = Profile.load(Path())
    assert loaded.numbers["length"][:4].tolist() == [2, 1, 3, 2]
    assert loaded.numbers["unknown_share"][:4].tolist() == [0, 0, 0, 0.5]
    assert loaded.numbers["probability"][:4].tolist() == [0.5, 0.25, 0.75, 0.25]
    assert loaded.word_counts.tolist() == [0, 0, 50, 0, 150, 200]  # [OOV], good, bad
    assert (loaded.accuracy, len(loaded.rows)) == (0.9, 200)
    features = loaded.features(with_words=True)[2].toarray()[0]
    assert features[:3].tolist() == [np.log1p(3), 0, 0.75]
    assert np.flatnonzero(features[3:]).tolist() == [4, 5]


def test_the_same_reviews_are_like_themselves_and_others_are_not() -> None:
    same = compared([{"text": text} for text in TEXTS])
    assert same.verdict == "stable"
    assert [shift.psi for shift in same.shifts] == [0, 0, 0]
    assert same.words == []
    moved = compared([{"text": "zzz zzz zzz good"}] * 60 + [{"text": None}] * 3)
    assert moved.verdict == "shifted"
    assert moved.told_apart is not None
    assert moved.told_apart.accuracy == 1.0
    assert {text for text, _ in moved.words} == {"[OOV]", "bad"}
    assert list(moved.left_out.values()) == [3]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_scored_table_is_taken_as_it_is_and_gives_the_same(
    kind: str,
) -> None:
    given, scored = table(Path(), [{"text": text} for text in TEXTS[:60]], kind), Path(f"scored.{kind}")
    score_file(CLASSIFIER, given, scored, Options("text"))
    deaf = replace(CLASSIFIER, network=lambda rows: rows / 0)
    old, new = compared(scored, classifier=deaf), compared(given)
    assert [shift.ks for shift in old.shifts] == [shift.ks for shift in new.shifts]


def test_a_log_of_numbers_alone_is_compared_without_words() -> None:
    found = compared([{"length": 9, "unknown_share": 0.5, "probability": 0.9}] * 30)
    assert [shift.found for shift in found.shifts] == [9, 0.5, 0.9]
    assert (found.verdict, found.words) == ("shifted", [])


def test_accuracy_is_of_the_given_labels_and_only_of_rows_that_have_a_true_one() -> None:
    row = {"text": "good", "unknown_share": 0.0, "probability": 0.5}
    rows = [row | {"label": "yes", "predicted_label": "no", "day": "2026-03-01"}] * 2
    rows += [row | {"label": "yes", "predicted_label": "yes", "day": "2026-03-02T10:00:00Z"}] * 8
    rows += [row | {"label": "no", "predicted_label": "undecided", "day": "2026-03-05"}]
    everything, *days = compared([*rows, row, row | {"label": ""}], label="label", time="day").accuracies
    assert (everything.reviews, everything.accuracy) == (11, 8 / 11)
    assert everything.interval == pytest.approx((0.4344, 0.9025), abs=1e-4)  # Wilson's, by his formula
    assert [(day.since, day.reviews, day.accuracy) for day in days] == [
        ("2026-03-01", 2, 0.0),
        ("2026-03-02", 8, 1.0),
        ("2026-03-05", 1, 0.0),
    ]


@pytest.mark.parametrize(
    ("times", "periods"),
    [
        (
            ["2026-01-01 10:15", "2026-01-01 10:45", "2026-01-01 11:00"],
            ["2026-01-01 10:00", "2026-01-01 11:00"],
        ),
        (["2024-01-31", "2026-01-01"], ["2024-01-01", "2026-01-01"]),
    ],
)
def test_periods_grow_with_the_time_that_is_covered(times: list[str], periods: list[str]) -> None:
    assert [each.since for each in accuracies([True] * len(times), times)] == ["all", *periods]


@pytest.mark.parametrize(
    ("row", "label", "message"),
    [
        ({"review": "good"}, None, "there is no column 'text', nor the columns length, unknown_share"),
        ({"text": "good", "label": "2"}, "label", "'2' is none of the version's labels, no, yes"),
        ({"text": "good", "label": None}, "label", "no row of .* has a label there"),
        ({"text": "good", "probability": "high", "unknown_share": 0}, None, "must hold numbers: .*high"),
    ],
)
def test_a_table_that_can_not_be_compared_says_why(
    row: dict[str, Any],
    label: str | None,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        compared([row], label=label)


@pytest.mark.parametrize(("status", "said"), [(0, "are like those"), (3, "accuracy 0.0%")])
def test_the_command_writes_a_page_and_its_status_says_whether_to_look(
    status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that is drawn is of a version that reads characters, and calls them so."""
    classifier, rows = CLASSIFIER, [{"text": text, "label": "no"} for text in TEXTS]
    if status == 0:  # one page will do
        rows = [row | {"label": "yes" if "good" in row["text"] else "no"} for row in rows]
        monkeypatch.setattr(command, "page", lambda comparison, version, table: said + version)
    else:
        vocabulary = Vocabulary(("g", "o"), tokenizer=Tokenizer("characters"))
        classifier, rows = replace(CLASSIFIER, vocabulary=vocabulary), [{"text": "go", "label": "no"}] * 60
    champion = RegisteredClassifier("tiny version 1", classifier, VERSION, "", Path())
    monkeypatch.setattr(command, "load_champion", lambda *_: champion)
    profile().save(Path("profile.npz"))
    arguments = [str(table(Path(), rows)), "--label-column", "label", "--report", "page.html"]
    done = CliRunner().invoke(command.monitor, arguments, catch_exceptions=False)
    assert done.exit_code == status, done.output
    assert said in done.output
    html = Path("page.html").read_text()
    assert said in html
    assert VERSION in html
    if status:
        text = re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.DOTALL)
        assert "Characters whose shares differ most" in text and "of 10,000 characters" in text
        assert not re.search("word", text, re.IGNORECASE)


@pytest.mark.parametrize("with_texts", ["0", "1"])
def test_a_served_models_log_can_be_monitored_and_holds_texts_only_if_asked(
    with_texts: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("PIPELINE_REQUEST_LOG")  # switched off
        ask(["good"])
    monkeypatch.setenv("PIPELINE_REQUEST_LOG_TEXTS", with_texts)
    ask(["good, so good"])
    ask(["bad"])
    first, second = read(log)
    assert (first["length"], first["unknown_share"], first["label"]) == (3, pytest.approx(1 / 3), "yes")
    assert (second["probability"], second["version"]) == (0.25, VERSION)
    assert ("text" in first) == (with_texts == "1")
    assert compared(log).found.numbers["length"].tolist() == [3, 1]


def test_labels_that_come_later_find_their_rows_of_the_log(log: Path) -> None:
    later = Path("later.csv")
    for version in (VERSION, "models:/tiny/2"):
        ask(["good", "bad", "good"], [7, "b", None], version)
    write(later, [{"id": "7", "label": "yes"}, {"id": "b", "label": "yes"}, {"id": "c", "label": "no"}])
    found = compared(log, later, label="label", key="id")
    assert accuracy(found) == (2, 0.5)
    assert list(found.left_out.items()) == [
        ("rows without a text, of another version, or not to be read", 3),
        (f"labels of {later} that name no row", 1),
    ]
    write(later, [{"id": "c", "label": "no"}])
    with pytest.raises(ValueError, match=r"no row of .* is named in .*later\.csv by its --key id"):
        compared(log, later, label="label", key="id")


def test_a_table_is_read_as_training_reads_it() -> None:
    """A label that is a list of one or another spelling, folders that name it, rows without one."""
    rows = [{"text": "good", "label": ["Yes"]}, {"text": "bad", "label": "NO"}, {"text": "bad"}, {"text": ""}]
    found = compared(rows, label="label")
    assert accuracy(found) == (2, 1.0)
    assert list(found.left_out.values()) == [1]
    for label in ("no", "yes"):
        Path(f"mine/label={label}").mkdir(parents=True)
        write(Path(f"mine/label={label}/0.parquet"), [{"text": "good"}] * 2)
    assert accuracy(compared(Path("mine"), label="label")) == (4, 0.5)


def test_a_line_without_its_label_ends_no_table_of_labels() -> None:
    later = Path("later.jsonl")
    write(later, [{"id": 1, "label": "yes"}, {"id": 2}])
    rows = [{"id": 1, "text": "good"}, {"id": 2, "text": "bad"}]
    assert accuracy(compared(rows, later, label="label", key="id")) == (1, 1.0)


@pytest.mark.parametrize("names", [("0", "1"), ("no", "yes")])
def test_labels_are_compared_as_training_merges_them(names: tuple[str, str]) -> None:
    """pandas 3.1 writes 1.0 and True for 1 as soon as one label is missing."""
    rows = [{"text": "good", "label": label} for label in (1, 1.0, "1.0", True, "True", " 1 ", None, "pos")]
    found = compared(rows, classifier=replace(CLASSIFIER, labels=names), label="label")
    assert accuracy(found) == (7, 1.0)


def test_ids_that_pandas_made_numbers_of_meet_and_labels_without_a_row_are_said() -> None:
    """A column with a gap has 7.0 in the one table, and 7 or "7" in the other."""
    later = Path("later.csv")
    write(later, [{"id": key, "label": "yes"} for key in ("7.0", "8.0", "9", "007", "10")])
    rows = [{"id": key, "text": "good"} for key in (7, "8", 9.0, "007", None)]
    found = compared(rows, later, label="label", key="id")
    assert accuracy(found) == (4, 1.0)
    assert found.left_out == {f"labels of {later} that name no row": 1}


def test_a_client_that_asks_again_is_counted_once(log: Path) -> None:
    """After a 504 the first request is answered too; clients may number each request's texts anew."""
    for texts in (["good", "bad"], ["good", "bad"], ["good good", "bad"]):
        ask(texts, [1, 2])
    ask(["good", "good"])
    found = compared(log)
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


def test_a_folder_that_was_scored_with_a_bad_row_and_foreign_files_can_be_monitored() -> None:
    target = Path("scored/a.csv")
    (target.parent / ".ipynb_checkpoints").mkdir(parents=True)
    given = table(Path(), [{"text": text, "id": 1} for text in ["good"] * 4 + [""]], "csv")
    assert score_file(CLASSIFIER, given, target, Options("text")) == (4, 1)
    assert Path("scored/a.rejected.jsonl").exists()
    (target.parent / ".ipynb_checkpoints/a.csv").write_bytes(target.read_bytes())
    assert compared(target.parent).found.numbers["length"].tolist() == [1] * 4


def test_a_version_of_before_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"before versions had a profile .*dvc repro -f evaluate"):
        Profile.load(Path())
