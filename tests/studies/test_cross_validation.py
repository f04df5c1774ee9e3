"""Cross-validation: which reviews are where, what the folds say together, and one small run."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import t as student

from pipeline.evaluation.baselines import CLASSIFIERS
from pipeline.evaluation.calibration import wilson_interval
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import write_arrays, write_json
from pipeline.runtime.paths import CROSS_VALIDATION, CROSS_VALIDATION_REPORT, LEARNING_CURVE_DIR
from plain import plain_text
from studies.__main__ import cli
from studies.cross_validation.fold import draw_folds, splits_of
from studies.cross_validation.study import accuracy_of, mean_of, summarise
from studies_constructed import any_probabilities
from texts import reviews_of

pytestmark = pytest.mark.usefixtures("fits_here")


def test_each_repeat_judges_every_review_once_with_each_labels_share() -> None:
    labels = np.array([0] * 12 + [1] * 8, np.int8)
    folds = draw_folds(labels, 4, 2, seed=0)
    assert [(fold.repeat, fold.number) for fold in folds] == [(r, n) for r in (1, 2) for n in (1, 2, 3, 4)]
    for repeat in (folds[:4], folds[4:]):
        assert sorted(np.concatenate([fold.test for fold in repeat])) == list(range(20))
        assert all(labels[fold.test].sum() == 2 for fold in repeat)
    assert folds[0].test.tolist() != folds[4].test.tolist()
    with pytest.raises(ValueError, match="9 folds need 9 reviews or more of each label, but one has 8"):
        draw_folds(labels, 9, 1, seed=0)


def test_a_fold_knows_neither_the_judged_reviews_nor_their_words() -> None:
    """Review 0 stands again as review 1; the word 9 is in review 2 alone."""
    sequences = [[4, 5], [4, 5], [6, 9], *([4 + row % 3, 6] for row in range(17))]
    reviews = reviews_of(sequences, [row % 2 for row in range(20)])
    fold = draw_folds(reviews.labels, 5, 1, seed=0)[0]._replace(test=np.array([0, 2]))
    splits = splits_of(reviews, fold, 0.25, seed=1)
    assert splits["test"].tokens.tolist() == [4, 5, 6, 2]
    others = [splits["train"], splits["validation"]]
    everything = [tuple(part.review(row)) for part in others for row in range(len(part))]
    assert (4, 5) not in everything
    assert len(everything) == 17
    assert 9 not in splits["train"].tokens
    assert len(splits["validation"]) == 4


def test_the_interval_is_wider_than_that_of_independent_scores() -> None:
    scores = [0.8, 0.9, 0.7, 0.8]
    found = mean_of(scores, test_share=0.25)
    error = np.sqrt((1 / 4 + 1 / 3) * np.var(scores, ddof=1))
    assert found.mean == pytest.approx(0.8)
    reach = student.ppf(0.975, 3) * error
    assert found.interval == pytest.approx((0.8 - reach, 0.8 + reach))
    assert found.p_value == pytest.approx(2 * student.sf(0.8 / error, 3))


def test_folds_without_an_error_do_not_promise_that_there_is_none() -> None:
    assert accuracy_of([1.0, 1.0, 1.0], 1 / 3, 30).interval == wilson_interval(30, 30)
    assert mean_of([0.0, 0.0], 0.5).p_value == 1


def test_an_interval_ends_where_its_scores_do() -> None:
    """Of two folds the interval reaches 12.7 standard errors: far beyond what an accuracy can be."""
    metrics = {"accuracy": (0.6, 0.9), "balanced_accuracy": (0.6, 0.9), "log_loss": (0.2, 0.9)}
    folds = draw_folds(np.array([0, 1] * 4, np.int8), 2, 1, seed=0)
    judged = [
        (fold, {name: {key: values[place] for key, values in metrics.items()} for name in CLASSIFIERS})
        for place, fold in enumerate(folds)
    ]
    judged[0][1]["majority class"]["accuracy"] = 0.0
    found = summarise(judged, 2, 1, 8)
    network, lead = found["classifiers"]["stacked RNN"], found["lead"]["majority class"]
    assert (network["balanced_accuracy"]["low"], network["balanced_accuracy"]["high"]) == (0, 1)
    assert network["log_loss"]["low"] == 0 and network["log_loss"]["high"] > 1
    assert (lead["low"], lead["high"]) == (-1, 1)


def make_project(train: int, test: int) -> None:
    """Word 10 makes a review positive; reviews in two splits, as the download stage leaves them."""
    random = np.random.default_rng(0)
    labels = np.arange(train + test) % 2
    sequences = [[*random.integers(4, 10, 5).tolist(), 10 + label] for label in labels]
    arrays: dict[str, np.ndarray] = {}
    for split, rows in (("train", range(train)), ("test", range(train, train + test))):
        part = reviews_of([sequences[row] for row in rows], [labels[row] for row in rows])
        arrays |= part.to_arrays(split)
    raw = Path("data/raw")
    write_arrays(raw / "reviews.npz", **arrays)
    write_arrays(raw / "unlabelled.npz", tokens=np.zeros(0, np.int32), offsets=np.zeros(1, np.int64))
    write_json(raw / "dataset.json", {"name": "tiny", "digest": "sha256:0", "labels": ["bad", "good"]})
    Vocabulary(()).save(raw / "vocabulary.json")
    values = plain_text(
        pad={"vocab_size": 12, "max_length": 8},
        model={"cell": "simple_rnn", "depth": 1, "units": 4, "embedding_dim": 4, "pooling": "max"},
        train={"epochs": 8, "batch_size": 8, "learning_rate": 0.05, "patience": None},
    )
    Path("params.yaml").write_text(values)


def said(*words: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.usefixtures("store_here")
def test_a_learning_curve_says_what_twice_the_labels_would_give(monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(train=50, test=10)
    monkeypatch.setattr("studies.cross_validation.fold.fit_and_predict", any_probabilities)
    words = ("learning-curve", "--repeats", "2")
    assert "twice the labels (80) would give about" in said(*words)
    found = json.loads((LEARNING_CURVE_DIR / "scores.json").read_text())
    for curve in found["curves"].values():
        assert [row["labels"] for row in curve] == [10, 20, 40]
        assert all(row["low"] <= row["accuracy"] <= row["high"] for row in curve)
    assert found["curves"]["naive Bayes n-grams"][-1]["accuracy"] == 1
    assert "twice the labels (80)" in (LEARNING_CURVE_DIR / "report.html").read_text(encoding="utf-8")
    assert "6 of 6 trials finished before" in said(*words)
    make_project(train=30, test=10)
    with pytest.raises(ValueError, match=r"needs 16 reviews or more of each label .* one has 12"):
        said("--traceback", *words)


def test_a_small_data_set_is_judged_beside_its_baselines(store_here: str) -> None:
    make_project(train=30, test=10)
    words = ("cross-validate", "--folds", "2", "--repeats", "1")
    assert said(*words).count("complete after") == 2
    found = json.loads(CROSS_VALIDATION.read_text())
    assert (found["reviews"], len(found["scores"])) == (40, 2)
    assert found["classifiers"]["naive Bayes n-grams"]["accuracy"]["mean"] == 1
    assert found["classifiers"]["majority class"]["accuracy"]["mean"] == 0.5
    mine = [row["stacked RNN"] for row in found["scores"]]
    assert found["classifiers"]["stacked RNN"]["accuracy"]["mean"] == pytest.approx(np.mean(mine))
    assert found["lead"]["majority class"]["mean"] == pytest.approx(np.mean(mine) - 0.5)
    page = CROSS_VALIDATION_REPORT.read_text(encoding="utf-8")
    assert "On 40 reviews the configured network labels" in page
    assert "Nadeau" in page
    again = said(*words)
    assert "2 of 2 trials finished before" in again
    assert "complete after" not in again
    assert json.loads(CROSS_VALIDATION.read_text()) == found, "folds are kept, and judged once"
    runs = mlflow.MlflowClient(store_here).search_runs(["1"])
    children = [run for run in runs if run.data.tags.get("trial.state") == "COMPLETE"]
    assert sorted(run.info.run_name for run in children) == ["repeat 1, fold 1", "repeat 1, fold 2"]
    assert sorted(run.data.metrics["test_accuracy"] for run in children) == pytest.approx(sorted(mine))
