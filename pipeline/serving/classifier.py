"""A served classifier: a folder with the network, its vocabulary and what text must go through.

It imports neither TensorFlow nor MLflow: ONNX Runtime computes the network.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.explanation import contributions
from pipeline.evaluation.probabilities import decide, main_probability
from pipeline.reviews.padding import LAYOUT, pad_texts, unknown_share
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json, write_json
from pipeline.serving.onnx_network import Network, OnnxNetwork

CLASSIFIER = "classifier"  # the folder among a registered version's artifacts
LINEAGE = "lineage.json"  # in that folder: what made the version
NETWORK, KERAS_NETWORK = "model.onnx", "stacked_rnn.keras"  # the same weights; the first is what runs
VOCABULARY, FACTS = "vocabulary.json", "classifier.json"
UNDECIDED = "undecided"  # the label of a text without one known word


class Scores(NamedTuple):
    """What a classifier says of texts; each of length num_texts.

    Attributes:
        labels: a label's name, or ``UNDECIDED`` where no word is known.
        probabilities: float32, of the second label; of more than two, of the likeliest.
        unknown_shares: float64, the share of unknown words among those read; 1 if there are none.
        by_label: float32 (num_texts, num_labels), of every label.
    """

    labels: list[str]
    probabilities: np.ndarray
    unknown_shares: np.ndarray
    by_label: np.ndarray


class Contribution(NamedTuple):
    """A word that was read, and how much it speaks for the label asked about."""

    word: str
    contribution: float


@dataclass(frozen=True)
class TextClassifier:
    """From raw text to a label, through the encoder of the training data."""

    network: Network
    vocabulary: Vocabulary  # the words that have an id below ``layout["vocab_size"]``
    layout: Mapping[str, Any]  # vocab_size, max_length, padding and truncating of the rows
    labels: tuple[str, ...]
    threshold: float  # of two labels: a probability from here on is the second

    @classmethod
    def load(cls, folder: Path) -> TextClassifier:
        """Reads what :func:`write_classifier` wrote; no code from the folder is executed."""
        facts = read_json(folder / FACTS)
        return cls(
            OnnxNetwork(folder / NETWORK),
            Vocabulary.load(folder / VOCABULARY),
            {key: facts[key] for key in LAYOUT},
            tuple(facts["labels"]),
            facts["threshold"],
        )

    def score(self, texts: Sequence[str], threshold: float | None = None) -> Scores:
        """Labels texts.

        Args:
            texts: any strings; of a long one, ``max_length`` tokens are read.
            threshold: in place of the classifier's own.

        Raises:
            ValueError: for a text that isn't a string, or a threshold outside (0, 1) or for more than two
                labels.
        """
        _check_texts(texts)
        token_ids = pad_texts(texts, self.vocabulary, **self.layout)
        by_label = self.network(token_ids).astype(np.float32)
        unknown_shares = unknown_share(token_ids)
        labels = [
            UNDECIDED if unknown == 1 else label
            for label, unknown in zip(self.decide(by_label, threshold), unknown_shares, strict=True)
        ]
        return Scores(labels, main_probability(by_label), unknown_shares, by_label)

    def decide(self, probabilities: np.ndarray, threshold: float | None = None) -> list[str]:
        """The label of each text by the network's probabilities, also where no word is known.

        Raises:
            UserError: for a threshold outside (0, 1), or for more than two labels.
        """
        if threshold is not None and len(self.labels) > 2:
            raise UserError(
                f"threshold must be left out, since there are {len(self.labels)} labels, of which the "
                f"likeliest is given, but got {threshold}"
            )
        threshold = self.threshold if threshold is None else threshold
        if not 0 < threshold < 1:
            raise UserError(f"threshold must be above 0 and below 1, but got {threshold}")
        return [self.labels[label] for label in decide(probabilities, threshold)]

    def numbers(self, scores: Scores) -> dict[str, np.ndarray]:
        """The columns of numbers that an answer has beside its label, each float64 (num_texts,).

        ``probability`` and ``unknown_share``; of more than two labels, ``probability_NAME`` of each too.
        """
        values = [scores.probabilities, scores.unknown_shares, *scores.by_label.T]
        named = zip(number_columns(self.labels), values, strict=False)  # of two labels none has a column
        return {name: column.astype(np.float64) for name, column in named}

    def explain(self, text: str, label: str | None = None) -> list[Contribution]:
        """The contribution of each word that is read, in the text's order, by erasure.

        log-odds of the text minus log-odds of the text with that one word made unknown (Li, Monroe and
        Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016): above 0 the word
        speaks for ``label``. An unknown word's is 0. Words beyond ``max_length`` are left out.

        Args:
            text: any string.
            label: a label's name; None: the second of two labels, of more the likeliest.

        Raises:
            ValueError: for a text that isn't a string, or another label.
        """
        _check_texts([text])
        if label is not None and label not in self.labels:
            raise UserError(
                f"the label to explain must be one of {', '.join(self.labels)}, but got {label!r}"
            )
        row = pad_texts([text], self.vocabulary, **self.layout)
        (values,) = contributions(self.network, row, None if label is None else self.labels.index(label))
        words = self.vocabulary.split(text)
        first = len(words) - len(values) if self.layout["truncating"] == "pre" else 0
        return [Contribution(*each) for each in zip(words[first:], map(float, values), strict=False)]


def probability_text(labels: Sequence[str], probabilities: Sequence[float] | np.ndarray) -> str:
    """A text's probabilities in words: of two labels that of the second, of more each with its name.

    >>> probability_text(("ham", "spam"), np.array([0.25, 0.75]))
    '0.7500'
    >>> probability_text("abc", np.array([0.5, 0.25, 0.25]))
    'a 0.5000, b 0.2500, c 0.2500'
    """
    if len(labels) == 2:
        return f"{probabilities[1]:.4f}"
    return ", ".join(f"{name} {value:.4f}" for name, value in zip(labels, probabilities, strict=True))


def probability_column(label: str) -> str:
    """The column of a label's probability, where there are more than two labels."""
    return f"probability_{label}"


def number_columns(labels: Sequence[str]) -> list[str]:
    """The names of an answer's numbers: see :meth:`TextClassifier.numbers`."""
    return ["probability", "unknown_share", *(probability_column(name) for name in labels if len(labels) > 2)]


def write_classifier(
    folder: Path,
    onnx: bytes,
    keras_file: Path,
    vocabulary: Vocabulary,
    dataset: Mapping[str, Any],
    *,
    threshold: float,
) -> None:
    """Writes the folder that :meth:`TextClassifier.load` reads.

    Args:
        folder: where to; made if missing.
        onnx: the network, as `pipeline.serving.onnx_export` gives it.
        keras_file: the same, for whoever wants to train on.
        vocabulary: the data set's; words without an id of their own in the rows are left out.
        dataset: data/padded/dataset.json.
        threshold: the classifier's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK).write_bytes(onnx)
    shutil.copyfile(keras_file, folder / KERAS_NETWORK)
    vocabulary.first(dataset["vocab_size"] - INDEX_FROM - 1).save(folder / VOCABULARY)
    kept = {key: dataset[key] for key in (*LAYOUT, "labels", "name", "digest", "source")}
    write_json(folder / FACTS, kept | {"threshold": threshold})


def _check_texts(texts: Sequence[object]) -> None:
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {place} must be a string, but is {json_type(text)}")


def json_type(value: object) -> str:
    """What a value is called in words that a sender of JSON knows; a table's missing value has many types."""
    if isinstance(value, list | tuple | np.ndarray):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    name = type(value).__name__
    if name in ("NoneType", "NAType", "NaTType") or value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return "missing"
    if isinstance(value, bool | np.bool_):
        return "true or false"
    return "a number" if isinstance(value, int | float | np.number) else f"of type {name}"


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Any number of texts or rows in lists of ``size``, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
