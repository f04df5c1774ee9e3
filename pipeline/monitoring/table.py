"""Reads a table of reviews that are to be held against a version's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.probabilities import from_outputs
from pipeline.reviews.sources.dialects import kind_of
from pipeline.reviews.sources.records import read_records
from pipeline.reviews.sources.tables import files_of
from pipeline.runtime.errors import UserError
from pipeline.serving.classifier import TextClassifier, batches
from pipeline.serving.profile import LENGTH, PROBABILITY, UNKNOWN, Observer
from pipeline.serving.tables import BATCH, LABEL, OTHER_LABEL, Row

SEED = 0  # of samples and of a classifier's halves: the same table has the same verdict
_NUMBERS = (LENGTH, UNKNOWN, PROBABILITY)
_VERSION = "version"  # a column of the request log
_OPTIONS = "--text-column, --label-column, --time-column or --key"


class Columns(NamedTuple):
    """The columns of a table that are looked at.

    Attributes:
        text: the texts; a table without them must have length, unknown_share and probability.
        label: the true labels, where they are known; rows without one aren't judged.
        time: when a row was asked about.
        key: what a row's label in a table of its own is found by; None if labels stand in the table itself.
    """

    text: str = "text"
    label: str | None = None
    time: str | None = None
    key: str | None = None


def labels_by_key(table: Path, key: str, label: str) -> dict[str, Any]:
    """The true labels that came later, by what names a row.

    Args:
        table: a file that :func:`read_records` reads, or a folder of them.
        key: its column of names.
        label: its column of labels; where a name stands twice, the last one that isn't empty counts.

    Raises:
        UserError: if the table can't be read or lacks a column.
    """
    found: dict[str, Any] = {}
    for file in files_of(table, "--labels"):
        records = read_records(
            file,
            [key, label],
            file_option="--labels",
            column_options="--key and --label-column",
            refuse=lambda *_: None,
        )
        found |= {str(row[key]): row[label] for _, row in records if _has(row, (key, label))}
    return found


@dataclass
class TableReader:
    """Takes the rows of a table in batches.

    Attributes:
        classifier: the version's; it scores what has no probability yet.
        version: its name: rows that a log says another version answered are passed over.
        columns: those that are looked at.
        labels: the true ones by ``columns.key``; None if they stand in the table.
        right: of each row with a true label, whether the given one was right.
        times: of the same rows, if a column of times is named.
        passed_over: rows without a text and without its numbers, of another version, and records that can't
            be read.
    """

    classifier: TextClassifier
    version: str
    columns: Columns
    labels: Mapping[str, Any] | None = None
    right: list[bool] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    passed_over: int = 0

    def __post_init__(self) -> None:
        self.observer = Observer(self.classifier.layout["vocab_size"], SEED)

    def take(self, file: Path) -> None:
        """Takes a file's rows.

        Raises:
            UserError: if it can't be read or lacks a column, or a label is none of the version's.
        """
        text, label, time, key = self.columns
        named = (text, time, label if self.labels is None else key)
        # A CSV is recognised by its columns. A line of JSON may lack a label that isn't known yet.
        names = [name for name in named if name] if kind_of(file) in (".csv", ".tsv") else []
        records = read_records(file, names, file_option="TABLE", column_options=_OPTIONS, refuse=self._refuse)
        for batch in batches((row for _, row in records), BATCH):
            self._take_batch(file, batch)

    def _take_batch(self, file: Path, batch: list[Row]) -> None:
        answered = [row for row in batch if not self._of_another_version(row)]
        texts = [row for row in answered if isinstance(row.get(self.columns.text), str)]
        known = texts or [row for row in answered if _has(row, _NUMBERS)]
        if answered and not known and self.columns.text not in batch[0]:
            raise UserError(
                f"{file} has neither a column {self.columns.text!r} (--text-column) nor the columns "
                f"{', '.join(_NUMBERS)}, only {', '.join(map(repr, batch[0]))}"
            )
        self.passed_over += len(batch) - len(known)
        if texts:
            self._judge(texts, self._take_texts(texts))
        elif known:
            numbers = _numbers_of(known, _NUMBERS)
            self.observer.add(numbers)
            self._judge(known, self._decided(numbers[PROBABILITY]))

    def _of_another_version(self, row: Row) -> bool:
        version = str(row.get(_VERSION) or "")
        return version.startswith("models:/") and version != self.version

    def _take_texts(self, rows: list[Row]) -> Sequence[str | None]:
        """Returns the labels that follow from the probabilities."""
        texts = [row[self.columns.text] for row in rows]
        encoded = [np.array(self.classifier.vocabulary.encode(text), np.int32) for text in texts]
        if all(_has(row, (UNKNOWN, PROBABILITY)) for row in rows):
            numbers = _numbers_of(rows, (UNKNOWN, PROBABILITY))
            decided = self._decided(numbers[PROBABILITY])
        else:
            scores = self.classifier.score(texts)
            numbers = {UNKNOWN: scores.unknown_shares, PROBABILITY: scores.probabilities}
            decided = self.classifier.decided(scores.by_label)
        self.observer.add({LENGTH: np.array([len(ids) for ids in encoded]), **numbers}, encoded)
        return decided

    def _decided(self, probabilities: np.ndarray) -> Sequence[str | None]:
        """The labels; of more than two the likeliest's probability doesn't tell which label that is."""
        if len(self.classifier.labels) > 2:
            return [None] * len(probabilities)
        return self.classifier.decided(from_outputs(probabilities[:, None]))

    def _judge(self, rows: list[Row], of_probabilities: Sequence[str | None]) -> None:
        """The label that was given is the table's, where it has it, else follows from the probability."""
        if not self.columns.label:
            return
        for row, decided in zip(rows, of_probabilities, strict=True):
            true = self._true_label(row)
            if true is None:
                continue
            given = row.get(OTHER_LABEL) or (None if self._label_is_true else row.get(LABEL)) or decided
            if given is None:
                raise UserError(
                    f"a row has a probability, but no column {LABEL!r} or {OTHER_LABEL!r} says of which label"
                )
            self.right.append(true == given)
            if self.columns.time:
                self.times.append(row.get(self.columns.time))

    @property
    def _label_is_true(self) -> bool:
        """Whether the table's column `label` holds true labels, and not those that were given."""
        return self.labels is None and self.columns.label == LABEL

    def _true_label(self, row: Row) -> str | None:
        """None where it isn't known."""
        if self.labels is None:
            true = row.get(str(self.columns.label))
        else:
            true = self.labels.get(str(row.get(str(self.columns.key))))
        if true in (None, "") or true != true:  # noqa: PLR0124 - only NaN differs from itself
            return None
        if str(true) not in self.classifier.labels:
            known = ", ".join(self.classifier.labels)
            raise UserError(
                f"--label-column {self.columns.label}: {true!r} is none of the version's labels, {known}"
            )
        return str(true)

    def _refuse(self, _place: str, _problem: str, _record: Any) -> None:
        self.passed_over += 1


def _has(row: Row, names: Sequence[str]) -> bool:
    return all(row.get(name) not in (None, "") for name in names)


def _numbers_of(rows: Sequence[Row], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Raises UserError for what is no number."""
    try:
        return {name: np.array([float(row[name]) for row in rows]) for name in names}
    except (TypeError, ValueError) as error:
        raise UserError(f"the columns {', '.join(names)} must hold numbers: {error}") from None
