"""Reads a table of reviews that are to be held against a version's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.probabilities import from_outputs
from pipeline.reviews.labels import fold, key_of, spellings_of
from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.records import Reader, Row, text_problem
from pipeline.runtime.errors import UserError
from pipeline.serving.answering import ID
from pipeline.serving.classifier import TextClassifier, batches
from pipeline.serving.profile import LENGTH, PROBABILITY, UNKNOWN, Observer
from pipeline.serving.tables import BATCH, LABEL, OTHER_LABEL

SEED = 0  # of samples and of a classifier's halves: the same table has the same verdict
_NUMBERS = (LENGTH, UNKNOWN, PROBABILITY)
_VERSION = "version"  # a column of the request log


class Columns(NamedTuple):
    """The columns of a table that are looked at.

    Attributes:
        text: the texts; a table without them must have length, unknown_share and probability.
        label: the true labels, where they are known; rows without one aren't judged.
        time: when a row was asked about.
        key: what a row's label in a table of its own is found by; None if labels stand in the table itself.
        form: how tables are written, as far as it is known.
    """

    text: str = "text"
    label: str | None = None
    time: str | None = None
    key: str | None = None
    form: Format = Format(on_command_line=True)


def read_labels(table: Path, columns: Columns) -> dict[str, Any]:
    """The true labels that came later, by ``key_of`` what names a row.

    Where a name stands twice, the last label that isn't empty counts.

    Raises:
        UserError: if the table can't be read or lacks a column.
    """
    key, label = str(columns.key), str(columns.label)
    reader = Reader([key, label], columns.form, "--labels", "--key or --label-column", lambda *_: None)
    return {key_of(row[key]): row[label] for _, row in reader.read_all(table) if _has(row, (key, label))}


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
        named: the keys of ``labels`` that a row has.
        passed_over: rows without a text or numbers, of another version, and records that can't be read.
        repeated: lines of a request log with the id and the answer of an earlier one: a client asked again.
    """

    classifier: TextClassifier
    version: str
    columns: Columns
    labels: Mapping[str, Any] | None = None
    right: list[bool] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    passed_over: int = 0
    repeated: int = 0

    def __post_init__(self) -> None:
        self.observer = Observer(self.classifier.layout["vocab_size"], SEED)
        self._names = spellings_of(self.classifier.labels)
        self._answered: set[tuple[object, ...]] = set()

    def take(self, table: Path) -> None:
        """Takes the rows of a file, or of a folder's files.

        Raises:
            UserError: if it can't be read or lacks a column, or a label is none of the version's.
        """

        def pass_over(*_: object) -> None:
            self.passed_over += 1

        text, label, time, key, form = self.columns
        names = [name for name in (text, label if self.labels is None else key, time) if name]
        options = "--text-column, --label-column, --time-column or --key"
        reader = Reader(names, form, "TABLE", options, pass_over, instead=_NUMBERS)
        rows = (row for _, row in reader.read_all(table))
        for batch in batches(filter(self._is_wanted, rows), BATCH):
            self._take_batch(batch)

    def _is_wanted(self, row: Row) -> bool:
        version = str(row.get(_VERSION) or "")
        if version.startswith("models:/") and version != self.version:
            self.passed_over += 1
            return False
        if not version or not _has(row, (ID,)):
            return True
        # The same text has the same numbers; clients that number each request's texts anew reuse ids.
        answer = (key_of(row[ID]), *(str(row.get(name)) for name in (*_NUMBERS, LABEL, self.columns.text)))
        is_new = answer not in self._answered
        self._answered.add(answer)
        self.repeated += not is_new
        return is_new

    def _take_batch(self, batch: list[Row]) -> None:
        text, form = self.columns.text, self.columns.form
        texts = [row for row in batch if text_problem(row.get(text), form) is None]
        known = texts or [row for row in batch if _has(row, _NUMBERS)]
        self.passed_over += len(batch) - len(known)
        if not known:
            return
        has_numbers = all(_has(row, (UNKNOWN, PROBABILITY)) for row in known)
        numbers = _numbers_of(known, _NUMBERS[bool(texts) :]) if has_numbers else {}
        encode = self.classifier.vocabulary.encode
        encoded = [np.array(encode(row[text]), np.int32) for row in texts]
        numbers |= {LENGTH: np.array([len(ids) for ids in encoded])} if texts else {}
        decided: Sequence[str | None] = [None] * len(known)
        if not has_numbers:
            scores = self.classifier.score([row[text] for row in texts])
            numbers |= {UNKNOWN: scores.unknown_shares, PROBABILITY: scores.probabilities}
            decided = self.classifier.decide(scores.by_label)
        elif len(self.classifier.labels) == 2:  # else the likeliest's probability doesn't tell which that is
            decided = self.classifier.decide(from_outputs(numbers[PROBABILITY][:, None]))
        self.observer.add(numbers, encoded)
        if self.columns.label:
            self._judge(known, decided)

    def _judge(self, rows: list[Row], of_probabilities: Sequence[str | None]) -> None:
        """The label that was given is the table's, where it has it, else follows from the probability."""
        # The table's column `label` may hold true labels, and not those that were given.
        label_is_true = self.labels is None and self.columns.label == LABEL
        for row, decided in zip(rows, of_probabilities, strict=True):
            true = self._true_label(row)
            if true is None:
                continue
            given = row.get(OTHER_LABEL) or (None if label_is_true else row.get(LABEL)) or decided
            if given is None:
                raise UserError(
                    f"a row has a probability, but no column {LABEL!r} or {OTHER_LABEL!r} says of which label"
                )
            self.right.append(true == self._names.get(fold(given), given))
            if self.columns.time:
                self.times.append(row.get(self.columns.time))

    def _true_label(self, row: Row) -> str | None:
        """None where it isn't known."""
        if self.labels is None:
            true = row.get(str(self.columns.label))
        else:
            key = key_of(row.get(str(self.columns.key)))
            true = self.labels.get(key)
            if key in self.labels:
                self.named.add(key)
        name = fold(true)
        if name in self._names:
            return self._names[name]
        is_several = isinstance(true, list) and bool(true)
        if (name is None and not is_several) or self.columns.form.doubt(true, "a label"):
            return None
        known = ", ".join(self.classifier.labels)
        raise UserError(
            f"--label-column {self.columns.label}: {true!r} is none of the version's labels, {known}"
        )


def _has(row: Row, names: Sequence[str]) -> bool:
    return all(row.get(name) not in (None, "") for name in names)


def _numbers_of(rows: Sequence[Row], names: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        return {name: np.array([float(row[name]) for row in rows]) for name in names}
    except (TypeError, ValueError) as error:
        raise UserError(f"the columns {', '.join(names)} must hold numbers: {error}") from None
