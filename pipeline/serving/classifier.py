"""A served classifier: a folder with the network, its vocabulary and what text must go through.

It imports neither TensorFlow nor MLflow: ONNX Runtime computes the network.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.reviews.padding import pad_texts
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID, Vocabulary
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_json, write_json
from pipeline.serving.onnx_network import Network, OnnxNetwork

CLASSIFIER = "classifier"  # the folder among a registered version's artifacts
LINEAGE = "lineage.json"  # in that folder: what made the version
NETWORK, KERAS_NETWORK = "model.onnx", "stacked_rnn.keras"  # the same weights; the first is what runs
VOCABULARY, FACTS = "vocabulary.json", "classifier.json"
UNDECIDED = "undecided"  # the label of a text without one known word
_LAYOUT = ("vocab_size", "max_length", "padding", "truncating")


class Scores(NamedTuple):
    """What a classifier says of texts; each of length num_texts.

    Attributes:
        labels: a label's name, or ``UNDECIDED`` where no word is known.
        probabilities: float32, of the second label.
        unknown_shares: float64, the share of unknown words among those read; 1 if there are none.
    """

    labels: list[str]
    probabilities: np.ndarray
    unknown_shares: np.ndarray


class Contribution(NamedTuple):
    """A word that was read, and how much it speaks for the second label (see :meth:`explain`)."""

    word: str
    contribution: float


@dataclass(frozen=True)
class TextClassifier:
    """From raw text to a label, through the encoder of the training data.

    Attributes:
        network: from padded rows to probabilities.
        vocabulary: the words that have an id below ``layout["vocab_size"]``.
        layout: vocab_size, max_length, padding and truncating of the rows.
        labels: the names of label 0 and label 1.
        threshold: a probability from here on is label 1.
    """

    network: Network
    vocabulary: Vocabulary
    layout: Mapping[str, Any]
    labels: tuple[str, str]
    threshold: float

    @classmethod
    def load(cls, folder: Path) -> TextClassifier:
        """Reads what :func:`write_classifier` wrote; no code from the folder is executed.

        Raises:
            UserError: if the folder holds no ONNX network.
        """
        facts = read_json(folder / FACTS)
        if not (folder / NETWORK).exists():
            raise UserError(
                f"{folder} holds no {NETWORK}: the version was registered before versions had one; "
                "`python -m pipeline predict` makes it on the way"
            )
        return cls(
            OnnxNetwork(folder / NETWORK),
            Vocabulary.load(folder / VOCABULARY),
            {key: facts[key] for key in _LAYOUT},
            (facts["labels"][0], facts["labels"][1]),
            facts["threshold"],
        )

    def score(self, texts: Sequence[str], threshold: float | None = None) -> Scores:
        """Labels texts.

        Args:
            texts: any strings; of a long one, ``max_length`` tokens are read.
            threshold: in place of the classifier's own.

        Raises:
            ValueError: for a text that isn't a string, or a threshold outside (0, 1).
        """
        _check_texts(texts)
        token_ids = pad_texts(texts, self.vocabulary, **self.layout)
        probabilities = self.network(token_ids)
        unknown_shares = unknown_share(token_ids)
        labels = [
            UNDECIDED if unknown == 1 else label
            for label, unknown in zip(self.decided(probabilities, threshold), unknown_shares, strict=True)
        ]
        return Scores(labels, probabilities, unknown_shares)

    def decided(self, probabilities: np.ndarray, threshold: float | None = None) -> list[str]:
        """The label of each probability, also where no word is known.

        Raises:
            UserError: for a threshold outside (0, 1).
        """
        threshold = self.threshold if threshold is None else threshold
        if not 0 < threshold < 1:
            raise UserError(f"threshold must be above 0 and below 1, but got {threshold}")
        return [self.labels[int(probability >= threshold)] for probability in probabilities]

    def explain(self, text: str) -> list[Contribution]:
        """The contribution of each word that is read, in the text's order, by erasure.

        log-odds of the text minus log-odds of the text with that one word made unknown (Li, Monroe and
        Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016): above 0 the word
        speaks for the second label. An unknown word's is 0. Words beyond ``max_length`` are left out.

        Raises:
            ValueError: for a text that isn't a string.
        """
        _check_texts([text])
        row = pad_texts([text], self.vocabulary, **self.layout)
        places = np.flatnonzero(row[0] >= OOV_ID)
        rows = np.repeat(row, len(places) + 1, axis=0)
        rows[np.arange(len(places)), places] = OOV_ID  # the last row stays whole
        log_odds = _log_odds(self.network(rows))
        words = self.vocabulary.split(text)
        first = len(words) - len(places) if self.layout["truncating"] == "pre" else 0
        return [
            Contribution(word, float(log_odds[-1] - without))
            for word, without in zip(words[first : first + len(places)], log_odds[:-1], strict=True)
        ]


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
        keras_file: the same as a `.keras` file, for whoever wants to train on.
        vocabulary: the data set's; words without an id of their own in the rows are left out.
        dataset: data/padded/dataset.json.
        threshold: a probability from here on is label 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK).write_bytes(onnx)
    shutil.copyfile(keras_file, folder / KERAS_NETWORK)
    vocabulary.first(dataset["vocab_size"] - INDEX_FROM - 1).save(folder / VOCABULARY)
    kept = {key: dataset[key] for key in (*_LAYOUT, "labels", "name", "digest")}
    write_json(folder / FACTS, kept | {"threshold": threshold})


def unknown_share(token_ids: np.ndarray) -> np.ndarray:
    """The share of unknown words among those of each row of (num_texts, max_length); 1 if there are none."""
    words = (token_ids >= OOV_ID).sum(1)
    return np.where(words > 0, (token_ids == OOV_ID).sum(1) / np.maximum(words, 1), 1.0)


def _check_texts(texts: Sequence[object]) -> None:
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {row} must be a string, but is {_json_type(text)}")


def _json_type(value: object) -> str:
    """What a value is called in words that a sender of JSON knows; a table's missing value has many types."""
    name = type(value).__name__
    missing = name in ("NoneType", "NAType") or value != value  # noqa: PLR0124 - only NaN differs from itself
    return "missing" if missing else f"of type {name}"


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    clipped = probabilities.astype(np.float64).clip(1e-7, 1 - 1e-7)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
