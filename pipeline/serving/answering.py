"""What a version answers to a request, whoever brings it: MLflow's pyfunc or the project's own server.

`PIPELINE_REQUEST_LOG=FILE.jsonl` makes it keep a record of what it was asked: a line a text with time,
length, unknown_share, probability, label and version, which `python -m pipeline monitor FILE.jsonl` reads,
and the `id` that the request gave it, by which its true label is found later. The texts are written only if
`PIPELINE_REQUEST_LOG_TEXTS=1` asks for them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.serving.classifier import Scores, TextClassifier

TEXT, ID = "text", "id"  # columns of a request's table; the second one is of the log too
LOG, LOG_TEXTS = "PIPELINE_REQUEST_LOG", "PIPELINE_REQUEST_LOG_TEXTS"
_UNNAMED = (0, "0", None)  # what pandas and Spark call the column of a list


def read_texts(given: Any) -> tuple[list[Any], list[Any] | None]:
    """The texts of a request, and its own names for them where it has a column `id`.

    >>> read_texts([{"text": "Fine.", "id": 7}, {"text": "Dull."}])
    (['Fine.', 'Dull.'], [7, None])

    Args:
        given: a table (list of dicts, dict of columns, data frame of pandas or polars) with a column `text`
            and any others; or texts alone: one string, or a list, array or column of them.

    Returns:
        Lists of one length; what isn't a string is left as it is.

    Raises:
        ValueError: for a table without a column `text`, with two, or with columns of different lengths.
    """
    if isinstance(given, Mapping):
        return _of_columns({name: _values(column) for name, column in given.items()})
    if hasattr(given, "columns"):
        if list(given.columns).count(TEXT) > 1:
            raise ValueError(f"the column {TEXT!r} stands twice: rename one of them")
        return _of_columns({name: _values(given[name]) for name in given.columns})
    rows = _values(given)
    if not any(isinstance(row, Mapping) for row in rows):
        return rows, None
    tables = [row if isinstance(row, Mapping) else {TEXT: row} for row in rows]
    names = dict.fromkeys(name for row in tables for name in row)
    return _of_columns({name: [row.get(name) for row in tables] for name in names})


def _values(column: Any) -> list[Any]:
    """Python's own values; a value alone is a column of one."""
    for name in ("to_list", "tolist"):  # of data frames, of arrays
        if hasattr(column, name):
            column = getattr(column, name)()
    return list(column) if isinstance(column, list | tuple) else [column]


def _of_columns(columns: Mapping[Any, list[Any]]) -> tuple[list[Any], list[Any] | None]:
    if TEXT not in columns and len(columns) == 1 and next(iter(columns)) in _UNNAMED:
        return next(iter(columns.values())), None
    if TEXT not in columns:
        raise ValueError(f"there is no column {TEXT!r}, only {', '.join(map(repr, columns)) or 'none'}")
    texts, ids = columns[TEXT], columns.get(ID)
    if ids is not None and len(ids) != len(texts):
        raise ValueError(f"there are {len(texts)} values of {TEXT!r}, but {len(ids)} of {ID!r}")
    return texts, ids


@dataclass(frozen=True)
class Answerer:
    """A version's classifier and what its answers can be traced by.

    Raises:
        OSError: if the log that the environment asks for can't be written to.
    """

    classifier: TextClassifier
    version: str  # models:/NAME/VERSION; empty if it was not loaded by such an address or an alias
    run_id: str  # of the run that logged it; empty if none did

    def __post_init__(self) -> None:
        _log([])

    def answer(self, texts: Sequence[Any], ids: Sequence[Any] | None, params: Mapping[str, Any]) -> Columns:
        """The columns of the answer: label, probability, unknown_share, version and run_id, each a list.

        Of more than two labels ``probability`` is the likeliest's, and there is a ``probability_NAME`` of
        each.

        Args:
            texts: of the request.
            ids: its own names of them; they go into the log.
            params: ``threshold`` (of two labels), and ``explain``, which adds ``contributions``, a list of
                {word, contribution} for each text; of more than two labels, ``explain_label`` says for which
                label the words are to speak.

        Raises:
            ValueError: for a text that isn't a string, an unknown param or one out of range.
            OSError: if the log can't be written to.
        """
        self._check(params)
        scores = self.classifier.score(texts, params.get("threshold"))
        numbers = {name: values.tolist() for name, values in self.classifier.numbers(scores).items()}
        traced = {"version": [self.version] * len(texts), "run_id": [self.run_id] * len(texts)}
        columns = {"label": scores.labels, **numbers, **traced}
        if params.get("explain"):
            label = params.get("explain_label") or None
            explained = (self.classifier.explain(text, label) for text in texts)
            columns["contributions"] = [[word._asdict() for word in words] for words in explained]
        _log(self._rows(texts, scores, ids))
        return columns

    def _check(self, params: Mapping[str, Any]) -> None:
        kinds: dict[str, tuple[Any, str]] = {"explain": (bool, "true or false")}
        if len(self.classifier.labels) > 2:
            kinds["explain_label"] = (str, "a label's name")
        else:
            kinds["threshold"] = (int | float, "a number")
        for name, value in params.items():
            if name not in kinds:
                raise ValueError(f"params has no {name!r}, only {', '.join(sorted(kinds))}")
            kind, wanted = kinds[name]
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ValueError(f"params: {name} must be {wanted}, but got {value!r}")

    def _rows(
        self, texts: Sequence[str], scores: Scores, ids: Sequence[Any] | None
    ) -> Iterator[dict[str, Any]]:
        """What the log is told of each text."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        said = zip(texts, scores.labels, scores.probabilities, scores.unknown_shares, strict=True)
        for place, (text, label, probability, unknown) in enumerate(said):
            length = len(self.classifier.vocabulary.split(text))
            row = {"time": moment, "length": length, "unknown_share": float(unknown)}
            row |= {"probability": float(probability), "label": label, "version": self.version}
            row |= {} if ids is None else {ID: ids[place]}
            yield row | ({"text": text} if os.environ.get(LOG_TEXTS) == "1" else {})


Columns = dict[str, list[Any]]


def _log(rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows to the log, if there is one: in a single write, so that processes don't mix theirs."""
    if path := os.environ.get(LOG):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, "".join(json.dumps(row, default=str) + "\n" for row in rows).encode())
        finally:
            os.close(handle)
