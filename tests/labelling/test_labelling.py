"""Texts to label: which are chosen, which labels look wrong, and the files that labelling tools import."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.commands import check as check_command
from pipeline.commands import suggest as suggest_command
from pipeline.evaluation.baselines import NAIVE_BAYES, fit_baselines, out_of_fold
from pipeline.evaluation.explanation import LabelIssue, find_label_issues
from pipeline.interface import RegisteredClassifier
from pipeline.labelling import Task, suggest, write_tasks
from pipeline.reviews.ragged import Ragged, flatten
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving.classifier import TextClassifier
from reviews.own_files import table, values, write
from texts import vocabulary_of

PROJECT = Path(__file__).parents[2]


def test_confident_learning_by_hand() -> None:
    """The mean probability of label 0 where it is given is 0.6, of 1 is 0.5 and of 2 is 0.9."""
    labels = np.array([0, 0, 0, 1, 1, 2])
    probabilities = [
        [0.90, 0.05, 0.05],
        [0.85, 0.10, 0.05],
        [0.05, 0.55, 0.40],  # confidently 1
        [0.30, 0.60, 0.10],
        [0.55, 0.40, 0.05],  # 0 is likelier, but less likely than it is on average
        [0.05, 0.05, 0.90],
    ]
    assert find_label_issues(labels, np.array(probabilities)) == [LabelIssue(2, 0, 1, 0.55)]


def reviews(seed: int, count: int, rare: float = 0.0) -> tuple[list[str], np.ndarray]:
    """Texts of which each word tells its label in six of seven cases; a share of them is of a rare kind."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=count)
    of_label = np.where(random.random((count, 8)) < 6 / 7, labels[:, None], 1 - labels[:, None])
    is_rare = (random.random(count) < rare)[:, None]
    words = random.integers(40, size=(count, 8)) + 40 * of_label + 80 * is_rare
    return [" ".join(f"w{word}" for word in row) for row in words.tolist()], labels


def ragged(texts: list[str], vocabulary: Vocabulary) -> Ragged:
    return Ragged(*flatten(map(vocabulary.encode, texts)))


def test_labels_that_were_turned_round_are_found_first() -> None:
    texts, labels = reviews(0, 400)
    turned = np.random.default_rng(1).choice(400, 20, replace=False)
    given = labels.copy()
    given[turned] = 1 - given[turned]
    probabilities = out_of_fold(ragged(texts, vocabulary_of(texts)), given)
    assert probabilities.sum(1) == pytest.approx(np.ones(400))
    found = [issue.row for issue in find_label_issues(given, probabilities)]
    assert np.isin(found[:20], turned).sum() >= 12


def test_a_review_is_judged_without_its_own_label() -> None:
    """One that is like no other of its label can't be known by it."""
    reviews = Ragged(*flatten([[4, 5]] * 10 + [[6, 7]] * 10 + [[8, 8]]))
    probabilities = out_of_fold(reviews, np.array([0] * 10 + [1] * 10 + [2]))
    assert probabilities[-1, 2] == 0
    assert (probabilities[:20].argmax(1) == [0] * 10 + [1] * 10).all()


def learner(texts: list[str], labels: np.ndarray) -> TextClassifier:
    vocabulary = vocabulary_of(texts)
    bag = fit_baselines(ragged(texts, vocabulary), labels)[NAIVE_BAYES]
    layout = {"vocab_size": 200, "max_length": 20, "padding": "pre", "truncating": "pre"}
    return TextClassifier(
        lambda rows: bag.predict_proba(Ragged.from_padded(rows)), vocabulary, layout, ("neg", "pos"), 0.5
    )


def test_three_rounds_of_the_loop_teach_more_than_texts_at_random() -> None:
    texts, labels = reviews(2, 1_200, rare=0.1)
    test, test_labels = reviews(3, 600, rare=1)
    number = {text: row for row, text in enumerate(texts)}

    def accuracy(*, suggested: bool) -> float:
        known = list(range(30))
        for _ in range(3):
            rest = np.setdiff1d(np.arange(len(texts)), known)
            if suggested:
                champion = learner([texts[row] for row in known], labels[known])
                tasks = suggest(champion, ((texts[row], {"id": row}) for row in rest), 40)
                known += [number[task.text] for task in tasks]
            else:
                known += np.random.default_rng(len(known)).choice(rest, 40, replace=False).tolist()
        assert len(set(known)) == 150
        said = learner([texts[row] for row in known], labels[known]).score(test).labels
        return float(np.mean(np.array(said) == np.array(("neg", "pos"))[test_labels]))

    assert accuracy(suggested=True) > accuracy(suggested=False) + 0.05


def test_one_text_is_not_suggested_a_hundred_times() -> None:
    champion = learner(["good film", "bad film"] * 4, np.array([1, 0] * 4))
    texts = ["film"] * 50 + ["good bad film", "bad good plot", "good"]
    tasks = suggest(champion, ((text, {"place": row}) for row, text in enumerate(texts)), 3)
    assert sorted(task.text for task in tasks) == ["bad good plot", "film", "good bad film"]
    assert suggest(champion, (), 3) == []


TASKS = [
    Task('Fine, "really"\nfine', "pos", 0.75, {"id": Decimal(7), "place": "line 2"}),
    Task("Dull", "neg", 0.5, {}),
]


def test_tasks_are_read_again_with_their_labels(tmp_path: Path) -> None:
    """Label Studio 1.23.2 takes predictions, doccano 1.8.4 a list of labels and the same keys in each row."""
    for kind in (".csv", ".json", ".jsonl"):
        write_tasks(tmp_path / f"a{kind}", TASKS, "models:/tiny/1")
    [first, _] = json.loads((tmp_path / "a.json").read_text())
    assert first["data"] == {"text": 'Fine, "really"\nfine', "id": 7, "place": "line 2"}
    [prediction] = first["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("models:/tiny/1", 0.75)
    assert prediction["result"][0]["value"] == {"choices": ["pos"]}
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(row["id"], row["place"]) for row in rows] == [(7, "line 2"), ("", "")]
    expected = [('Fine, "really"\nfine', "pos"), ("Dull", "neg")]
    assert values(tmp_path / "a.jsonl") == expected
    assert values(tmp_path / "a.csv", "text", "predicted_label") == expected
    with pytest.raises(ValueError, match=r"\.csv, \.json .* or \.jsonl"):
        write_tasks(tmp_path / "a.txt", TASKS, "")


def test_check_writes_rows_whose_label_looks_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = reviews(0, 300)
    right = np.array(("dull", "fine"))[labels]
    given, wrong = right.copy(), {"dull": "fine", "fine": "dull"}[right[40]]
    given[40] = wrong
    rows = [f"{text},{label}" for text, label in zip(texts, given, strict=True)]
    folder = write(tmp_path, "mine/a.csv", table(rows, "words,label")).parent
    monkeypatch.chdir(PROJECT)
    arguments = [str(folder), "--text-column", "words", "--labels"]
    arguments += ["--issues", str(tmp_path / "wrong.json"), "--output", str(tmp_path / "check.json")]
    done = CliRunner().invoke(check_command.check, arguments, catch_exceptions=False)
    assert "labels that look wrong: " in done.output and "of 300" in done.output
    found = {task["data"]["place"]: task for task in json.loads((tmp_path / "wrong.json").read_text())}
    task = found["a.csv, line 42"]
    assert (task["data"]["text"], task["data"]["given_label"]) == (texts[40], wrong)
    assert task["predictions"][0]["result"][0]["value"]["choices"] == [right[40]]
    assert f"{wrong}, more likely {right[40]}" in done.output


def test_suggest_reads_what_predict_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = learner(["good film", "bad film"] * 4, np.array([1, 0] * 4))
    champion = RegisteredClassifier("tiny version 1", texts, "models:/tiny/1", "", tmp_path)
    monkeypatch.setattr(suggest_command, "load_champion", lambda *_: champion)
    (tmp_path / "new.csv").write_text("id,review\n1,good film\n2,\n3,bad good\n4,film\n")
    arguments = [str(tmp_path / "new.csv"), "--text-column", "review", "--count", "2"]
    arguments += ["--output", str(tmp_path / "next.jsonl")]
    done = CliRunner().invoke(suggest_command.suggest, arguments, catch_exceptions=False)
    assert "2 texts to label" in done.output and "1 rows without a text passed over" in done.output
    rows = [json.loads(line) for line in (tmp_path / "next.jsonl").read_text().splitlines()]
    assert {(row["id"], row["place"]) for row in rows} == {("3", "line 4"), ("4", "line 5")}
