"""What each word contributes, and the errors that a person should read first."""

import numpy as np
import pytest

from pipeline.evaluation.explanation import confident_errors, contributions
from pipeline.reviews.vocabulary import Vocabulary
from texts import reviews_of
from two_labels import both

WEIGHTS = np.zeros(10)
WEIGHTS[[5, 6, 7]] = 1.5, -0.5, 0.25  # of the words with these ids; the unknown word's is 0


def bag_of_words(token_ids: np.ndarray) -> np.ndarray:
    """A classifier whose log-odds are the sum of its words' weights."""
    return both(1 / (1 + np.exp(-WEIGHTS[token_ids].sum(1))))


def test_a_words_contribution_is_what_its_removal_takes_from_the_log_odds() -> None:
    """Of a bag of words that is the word's own weight; padding (0), start (1) and unknown (2) have none."""
    token_ids = np.array([[0, 1, 5, 2, 6], [7, 7, 5, 6, 6]])
    first, second = contributions(bag_of_words, token_ids)
    assert first == pytest.approx([1.5, 0.0, -0.5])
    assert second == pytest.approx([0.25, 0.25, 1.5, -0.5, -0.5])


def test_all_reviews_are_predicted_in_one_call_and_none_in_no_call() -> None:
    calls = []

    def count(token_ids: np.ndarray) -> np.ndarray:
        calls.append(len(token_ids))
        return bag_of_words(token_ids)

    contributions(count, np.array([[0, 5, 6], [0, 0, 7]]))
    assert calls == [3 + 2]  # a row for each word, and each review whole
    assert contributions(count, np.zeros((0, 3), int)) == []
    assert len(calls) == 1


def test_a_certain_answer_has_finite_contributions() -> None:
    (found,) = contributions(lambda token_ids: both((token_ids == 5).any(1)), np.array([[5, 6]]))
    assert found == pytest.approx([2 * np.log((1 - 1e-7) / 1e-7), 0.0], rel=1e-6)


VOCABULARY = Vocabulary(("good", "bad", "film"))
REVIEWS = reviews_of([[4], [5], [4, 6], [5, 6], [6, 2], [6]], [0, 1, 0, 1, 0, 1])
PROBABILITIES = both([0.5, 0.1, 0.9, 0.6, 0.7, 0.4])


def test_the_surest_errors_of_each_kind_come_first_and_of_equal_ones_the_earlier_review() -> None:
    rows = confident_errors(REVIEWS, PROBABILITIES, VOCABULARY, ["no", "yes"], most=2)
    assert [(row["row"], row["actual"], row["predicted"], row["text"]) for row in rows] == [
        (2, "no", "yes", "good film"),
        (4, "no", "yes", "film [OOV]"),
        (1, "yes", "no", "bad"),
        (5, "yes", "no", "film"),
    ]
    assert [round(float(row["probability"]), 4) for row in rows] == [0.9, 0.7, 0.1, 0.4]
    rows = confident_errors(REVIEWS, PROBABILITIES, VOCABULARY, ["no", "yes"])
    assert {row["row"] for row in rows} == {0, 1, 2, 4, 5}  # 0.5 is called positive; review 3 is right
    (first,) = confident_errors(REVIEWS, both(np.full(6, 0.8)), VOCABULARY, ["no", "yes"], most=1)
    assert first["row"] == 0


def test_the_surest_errors_of_each_class_name_the_class_given() -> None:
    said = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3], [0.5, 0.2, 0.3]])
    reviews = reviews_of([[4]] * 4, [0, 0, 1, 2])
    rows = confident_errors(reviews, said, Vocabulary(("good",)), ["bad", "fair", "fine"])
    assert [(row["actual"], row["predicted"], row["probability"], row["row"]) for row in rows] == [
        ("bad", "fair", 0.7, 1),
        ("fine", "bad", 0.5, 3),
    ]


@pytest.mark.parametrize(("asked", "label"), [(None, 2), (0, 0)])
def test_a_words_contribution_is_to_the_label_given_or_the_one_asked_about(
    asked: int | None, label: int
) -> None:
    def network(rows: np.ndarray) -> np.ndarray:
        """Token 7 makes label 2 likely, 8 makes label 0."""
        scores = np.stack([(rows == 8).sum(1), np.zeros(len(rows)), (rows == 7).sum(1) * 2.0], axis=1)
        return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)

    (found,) = contributions(network, np.array([[7, 8, 0]]), asked)
    shares = network(np.array([[7, 8], [2, 8], [7, 2]]))[:, label]
    whole, *without = np.log(shares / (1 - shares))
    assert found == pytest.approx(whole - without)
