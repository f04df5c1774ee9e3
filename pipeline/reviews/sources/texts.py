"""Texts of a column, encoded as they are read, so that a large file's need not all be in memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.reviews.encoding import Encoder
from pipeline.reviews.ragged import Rows

READ = object()  # in the place of a text that was encoded as it was read
# HTML: tags, and the commonest entities.
_MARKUP = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,20}(?:[\s/][^<>]{0,80})?>|&(?:amp|lt|gt|quot|nbsp|#\d{2,5});")


class Ids:
    """Takes texts one after the other; ``tokens`` and ``lengths`` are theirs, of a known vocabulary."""

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        self._encode = encode
        self.tokens, self.lengths = array("i"), array("q")

    def add(self, text: str) -> None:
        """Takes the next text."""
        token_ids = self._encode(text)
        self.tokens.extend(array("i", token_ids))
        self.lengths.append(len(token_ids))


class Texts:
    """Encodes the texts of a column as they are read, and keeps none that can be used.

    Args:
        encoder: is given each text, and "" for what is none.
    """

    def __init__(self, encoder: Encoder | Ids) -> None:
        self._encoder = encoder
        self._rows, self._markup = 0, dict[int, str]()

    def take(self, value: Any) -> Any:
        """``READ``; a value that is no text that can be used, as it is."""
        self._rows += 1
        if text_problem(value) is not None:
            self._encoder.add("")
            return value
        self._encoder.add(value)
        if ("<" in value or "&" in value) and (found := _MARKUP.search(value)):
            self._markup[self._rows - 1] = found[0]
        return READ

    def markup_in(self, rows: Rows) -> dict[int, str]:
        """What looks like HTML in the texts of ``rows``, by their place among these."""
        if not self._markup:
            return {}
        found = np.fromiter(self._markup, np.int64)
        places = np.flatnonzero(np.isin(rows, found))
        return {place: self._markup[int(rows[place])] for place in places.tolist()}


class Once:
    """Of equal values of one type the first, so that a million labels are a few objects."""

    def __init__(self) -> None:
        self._seen: dict[Any, Any] = {}

    def take(self, value: Any) -> Any:
        """The first of the values equal to this one, where they are texts."""
        return self._seen.setdefault(value, value) if isinstance(value, str) else value


def text_problem(value: object) -> str | None:
    """Why a value can't be used as a text; None if it can."""
    if not isinstance(value, str) or not value.strip():
        return "is not a review's text: fill it in, or take the review out"
    if not value.isascii() and not _is_whole(value):
        return "holds half of a character (a lone surrogate): mend the text"
    return None


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
