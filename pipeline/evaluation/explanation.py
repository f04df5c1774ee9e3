"""What a person should read of a classifier: the words that decide, its surest errors, doubtful labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.evaluation.probabilities import decide, log_odds, main_probability
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.vocabulary import OOV_ID, Vocabulary
from pipeline.runtime.files import Row


def contributions(
    predict: Callable[[np.ndarray], np.ndarray], token_ids: np.ndarray, label: int | None = None
) -> list[np.ndarray]:
    """What each word contributes: a label's log-odds less those with that word made unknown.

    Li, Monroe & Jurafsky, "Understanding Neural Networks through Representation Erasure" (2016): above 0 a
    word speaks for the label. An unknown word contributes 0.

    Args:
        predict: from rows of token ids to their probabilities, (num_rows, num_labels).
        token_ids: int (num_reviews, max_length), padded.
        label: whose log-odds; None: label 1 of two, of more the one that the review is given.

    Returns:
        For each review, float64 (num_words,), of the words that the network reads.
    """
    if not len(token_ids):
        return []
    erased = []  # of each review a row a word, with that made unknown, and the whole row at the end
    for row in token_ids:
        places = np.flatnonzero(row >= OOV_ID)
        rows = np.repeat(row[None], len(places) + 1, axis=0)
        rows[np.arange(len(places)), places] = OOV_ID
        erased.append(rows)
    found = []
    for said in np.split(predict(np.concatenate(erased)), np.cumsum([len(rows) for rows in erased])[:-1]):
        given = 1 if said.shape[1] == 2 else int(decide(said[-1:])[0])
        values = log_odds(said, given if label is None else label)
        found.append(np.asarray(values[-1] - values[:-1]))
    return found


COLUMNS = ("actual", "predicted", "probability", "row", "text")
MOST = 10


def confident_errors(
    reviews: Reviews,
    probabilities: np.ndarray,
    vocabulary: Vocabulary,
    names: Sequence[str],
    most: int = MOST,
) -> list[Row]:
    """The reviews of each label that another one was given to, those first that it was surest of.

    Args:
        reviews: in full, as the source gives them.
        probabilities: (num_reviews, num_labels).
        vocabulary: the words of ``reviews``; they were lower-cased and lost their punctuation.
        names: of the labels.
        most: rows of each label; of equal probabilities the earlier review is taken.

    Returns:
        ``COLUMNS`` of each; probability is that of label 1, or, of more than two, of the label given.
    """
    rows: list[Row] = []
    given, about = decide(probabilities), main_probability(probabilities)
    doubt = -probabilities[np.arange(len(given)), given]
    for actual, name in enumerate(names):
        candidates = np.flatnonzero((reviews.labels == actual) & (given != actual))
        for row in candidates[np.argsort(doubt[candidates], kind="stable")][:most]:
            text = vocabulary.decode(reviews.review(row))
            values = name, names[given[row]], float(about[row]), int(row), text
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


class LabelIssue(NamedTuple):
    """A review whose label is contradicted: its row, the label it has, a likelier one and its probability."""

    row: int
    given: int
    likely: int
    probability: float


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> list[LabelIssue]:
    """The reviews that are confidently of another label than they have, the surest first.

    A review is confidently of a label if the label's probability is as high as it is on average where the
    label is given; of several such labels it is of the likeliest. Northcutt, Jiang & Chuang, "Confident
    Learning: Estimating Uncertainty in Dataset Labels" (Journal of Artificial Intelligence Research, 2021),
    by the off-diagonal counts of the confident joint.

    >>> find_label_issues(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]))
    [LabelIssue(row=1, given=0, likely=1, probability=0.8)]

    Args:
        labels: whole numbers from 0, (num_reviews,).
        probabilities: by classifiers that were not fitted to the review, (num_reviews, num_labels).
    """
    rows, num_labels = np.arange(len(labels)), probabilities.shape[1]
    of_given = probabilities[rows, labels]
    counts = np.maximum(np.bincount(labels, minlength=num_labels), 1)
    confident = probabilities >= np.bincount(labels, of_given, num_labels) / counts
    likely = np.where(confident, probabilities, -1).argmax(1)
    lead = probabilities[rows, likely] - of_given
    found = np.flatnonzero(confident.any(1) & (likely != labels) & (lead > 0))
    return [
        LabelIssue(int(row), int(labels[row]), int(likely[row]), float(probabilities[row, likely[row]]))
        for row in found[np.argsort(-lead[found], kind="stable")]
    ]
