"""Texts for people to label, next or again, as files that labelling tools import."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from pipeline.evaluation.ngrams import find_ngrams
from pipeline.reviews.ragged import Ragged, flatten
from pipeline.reviews.sources.records import as_json, plain
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import write_csv, write_text
from pipeline.serving.classifier import TextClassifier, batches
from pipeline.serving.tables import BATCH, LABEL, OTHER_LABEL

TEXT = "text"
_CONSIDERED = 20  # times as many texts as are wanted: the most uncertain ones, of which some are taken


class Task(NamedTuple):
    """A text to be labelled.

    Attributes:
        text: what a person reads.
        label: what a model gives it: the answer that a labelling tool shows first.
        probability: of that label.
        more: other columns, such as the text's place in its file.
    """

    text: str
    label: str
    probability: float
    more: dict[str, Any]


def write_tasks(path: Path, tasks: Sequence[Task], version: str) -> None:
    """Writes texts as a labelling tool imports them.

    Args:
        path: .json, tasks of Label Studio with a prediction each, for a Choices tag ``label`` of a Text tag
            ``text``; .jsonl, examples of doccano with a label each; .csv, for both and for spreadsheets.
        tasks: in the order in which they are to be labelled.
        version: what gave the labels.

    Raises:
        UserError: for a file of another kind.
    """
    rows: list[dict[str, Any]]
    blank = dict.fromkeys((name for task in tasks for name in task.more), "")
    if path.suffix == ".json":
        choice = {"from_name": LABEL, "to_name": TEXT, "type": "choices"}
        rows = [
            {
                "data": {TEXT: task.text} | task.more,
                "predictions": [
                    {
                        "model_version": version,
                        "score": round(task.probability, 4),
                        "result": [choice | {"value": {"choices": [task.label]}}],
                    }
                ],
            }
            for task in tasks
        ]
        write_text(path, json.dumps(rows, ensure_ascii=False, indent=1, default=plain))
    elif path.suffix == ".jsonl":  # doccano imports none of a file whose rows have other keys than others
        rows = [{TEXT: task.text, LABEL: [task.label]} | blank | task.more for task in tasks]
        write_text(path, "".join(as_json(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        rows = [
            {TEXT: task.text, **task.more, OTHER_LABEL: task.label, "probability": round(task.probability, 4)}
            for task in tasks
        ]
        write_csv(path, rows, [TEXT, *blank, OTHER_LABEL, "probability"])
    else:
        raise UserError(
            f"--output must be a .csv, .json (Label Studio) or .jsonl (doccano) file, but is {path}"
        )


def suggest(
    classifier: TextClassifier, texts: Iterable[tuple[str, dict[str, Any]]], count: int
) -> list[Task]:
    """The texts whose labels would teach most, those first that teach more.

    The most uncertain ones by margin sampling (Scheffer, Decomain & Wrobel, "Active Hidden Markov Models for
    Information Extraction", 2001: the lead of the likeliest label), taken one after the other so that each
    has few n-grams of those before it: uncertainty times one less the greatest cosine similarity.

    Args:
        classifier: who is to be taught.
        texts: each with what its task is to hold besides; any number of them.
        count: how many to give at most.
    """

    def score_all() -> Iterator[tuple[float, Task]]:
        for batch in batches(texts, BATCH):
            by_label = classifier.score([text for text, _ in batch]).by_label
            ascending, labels = np.sort(by_label, 1), classifier.decide(by_label)
            for (text, more), label, row, two in zip(batch, labels, by_label, ascending[:, -2:], strict=True):
                probability = float(row[classifier.labels.index(label)])
                yield 1 - float(two[1] - two[0]), Task(text, label, probability, more)

    considered = heapq.nlargest(_CONSIDERED * count, score_all(), key=lambda each: each[0])
    if not considered:
        return []
    token_ids = flatten(classifier.vocabulary.encode(task.text) for _, task in considered)
    uncertainty = np.array([uncertain for uncertain, _ in considered])
    return [considered[row][1] for row in spread(uncertainty, _directions(Ragged(*token_ids)), count)]


def spread(weights: np.ndarray, directions: csr_matrix, count: int) -> list[int]:
    """Rows of large weight that are unlike each other, taken greedily.

    >>> spread(np.array([0.9, 0.8, 0.5]), csr_matrix([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 2)
    [0, 2]

    Args:
        weights: above 0, (num_rows,).
        directions: rows of length 1, (num_rows, num_features).
        count: how many to give at most.
    """
    chosen: list[int] = []
    likeness = np.zeros(len(weights))
    for _ in range(min(count, len(weights))):
        gains = weights * (1 - likeness)
        gains[chosen] = -np.inf
        chosen.append(int(gains.argmax()))
        likeness = np.maximum(likeness, (directions @ directions[chosen[-1]].T).toarray().ravel())
    return chosen


def _directions(reviews: Ragged) -> csr_matrix:
    """Words and pairs of words, weighed by their rarity, as rows of length 1; a text without any has 0."""
    if not len(reviews.tokens):
        return csr_matrix((len(reviews), 1))
    present = find_ngrams(reviews, longest=2, min_reviews=1)[1].sign()
    rarity = np.log(1 + len(reviews) / np.asarray(present.sum(0)).ravel())
    weighed = present.multiply(rarity).tocsr()
    lengths = np.sqrt(np.asarray(weighed.multiply(weighed).sum(1)).ravel())
    return weighed.multiply(1 / np.maximum(lengths, 1e-12)[:, None]).tocsr()
