"""A wrongly labelled review as text, each word with how strongly it spoke for which label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from pipeline.reviews.tokenizing import WORDS, Tokenizer
from pipeline.runtime.files import Row

LINE_BREAK = "br"  # what is left of "<br />" where a source took the brackets away
LEAST = 0.5  # log-odds: words of a review that says less than this are not coloured as if they decided it
_STEPS = (0.1, 0.35, 0.7)  # of the strongest word's contribution; from the last one on, the deepest colour


class Word(NamedTuple):
    """One word; ``level`` is from -3, strongly against the label that is spoken of, to 3, strongly for it."""

    text: str
    contribution: float
    level: int


@dataclass(frozen=True)
class Excerpt:
    """As far as the network reads a review.

    Attributes:
        actual: its label.
        predicted: the one given.
        about: the label that probability and words speak of: the second of two, of more the one given.
        probability: of that label.
        words: in the review's order.
        between: what stands between two of them.
        cut: where the network reads no further: ``start``, ``end``, or "" where it reads everything.
    """

    actual: str
    predicted: str
    about: str
    probability: float
    words: tuple[Word, ...]
    between: str
    cut: str


def excerpt(
    error: Row, every: Sequence[str], contributions: np.ndarray, dataset: Mapping[str, Any]
) -> Excerpt:
    """One error with its words.

    Args:
        error: a row of ``confident_errors``.
        every: the review's words.
        contributions: (num_words,), of the words that the network reads: the text's last, or its first
            where ``dataset["truncating"]`` is post.
        dataset: data/padded/dataset.json.
    """
    read = len(contributions)
    from_start = dataset["truncating"] == "post"
    kept = every[:read] if from_start else every[len(every) - read :]
    cut = "" if len(kept) == len(every) else "end" if from_start else "start"
    joined = list(_without_markup(zip(kept, map(float, contributions), strict=True)))
    scale = max([LEAST, *(abs(value) for _, value in joined)])
    words = tuple(Word(text, value, _level(value / scale)) for text, value in joined)
    actual, given, names = str(error["actual"]), str(error["predicted"]), dataset["labels"]
    about = names[1] if len(names) == 2 else given
    between = Tokenizer(dataset.get("tokens", WORDS)).between
    return Excerpt(actual, given, about, float(error["probability"]), words, between, cut)


def _without_markup(words: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """Two or more ``br`` in a row are a break between paragraphs: one ``¶`` with their sum."""
    for is_break, group in groupby(words, key=lambda word: word[0] == LINE_BREAK):
        found = list(group)
        if is_break and len(found) > 1:
            yield "¶", sum(value for _, value in found)
        else:
            yield from found


def _level(share: float) -> int:
    steps = sum(abs(share) >= step for step in _STEPS)
    return steps if share > 0 else -steps
