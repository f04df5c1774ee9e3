from __future__ import annotations

import numpy as np

from pipeline.evaluation.explanation import confident_errors
from pipeline.reviews.vocabulary import Vocabulary
from texts import reviews_of
from two_labels import both

VOCABULARY = Vocabulary(("good", "bad", "film"))
REVIEWS = reviews_of([[4], [5], [4, 6], [5, 6], [6, 2], [6]], [0, 1, 0, 1, 0, 1])
PROBABILITIES = both([0.5, 0.1, 0.9, 0.6, 0.7, 0.4])


def test_the_surest_errors_of_each_kind_come_first() -> None:
    rows = confident_errors(REVIEWS, PROBABILITIES, VOCABULARY, ["no", "yes"], most=2)
    assert [(row["row"], row["actual"], row["predicted"], row["text"]) for row in rows] == [
        (2, "no", "yes", "good film"),
        (4, "no", "yes", "film [OOV]"),
        (1, "yes", "no", "bad"),
        (5, "yes", "no", "film"),
    ]
    assert [round(float(row["probability"]), 4) for row in rows] == [0.9, 0.7, 0.1, 0.4]


def test_what_is_right_is_not_among_them() -> None:
    rows = confident_errors(REVIEWS, PROBABILITIES, VOCABULARY, ["no", "yes"])
    assert {row["row"] for row in rows} == {0, 1, 2, 4, 5}  # 0.5 is called positive; review 3 is right


def test_of_equal_probabilities_the_earlier_review_is_taken() -> None:
    rows = confident_errors(REVIEWS, both(np.full(6, 0.8)), VOCABULARY, ["no", "yes"], most=1)
    assert [row["row"] for row in rows] == [0]
