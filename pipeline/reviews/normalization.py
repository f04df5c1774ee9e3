"""One form for texts that differ only in how they were typed, before they are cut into words.

A vocabulary carries the name of the normalization that its words were made with, so that a served model goes
on reading as its training data was read. A rule that gives any text another form takes a new name.
"""

# ruff: noqa: RUF001, RUF002 - characters that look like others are what this is about
from __future__ import annotations

import unicodedata
from collections.abc import Callable

AS_TYPED = "none"
NFKC_1 = "nfkc-1"

_APOSTROPHES = "‘’‚‛′ʼ´"
_QUOTES = "“”„‟«»‹›″‴⁗〝〞〟"
_DASHES = "‐‑‒–—―−⸺⸻︱︲﹘﹣－⁻₋"
# What str.splitlines and word processors put between words; NFKC makes blanks of the other spaces.
_BLANKS = "\r\v\f\x1c\x1d\x1e\x1f\u1680\u200b\u2028\u2029"
# Marks of byte order, direction, and where a word may or may not break: nothing is seen of them. The joiners
# U+200C and U+200D stay, since words of Persian or Hindi are spelled with them.
_INVISIBLE = (
    "\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069"
)
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_QUOTES, '"')
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_INVISIBLE, "")
    | {"ŉ": "'n"}  # NFKC would make one of the apostrophes above of it
)


def nfkc_1(text: str) -> str:
    r"""Plain quotes, apostrophes, dashes and blanks, then Unicode's form NFKC.

    NFKC (Unicode Standard Annex 15) makes three dots of an ellipsis, a blank of a no-break space, and plain
    letters of ligatures and of those as wide as a Chinese character; it leaves typographic quotes and dashes
    as they are. C1 controls stay: in IMDb's reviews they are words, with ids of Keras'.

    >>> nfkc_1("\ufeffIt’s a “superb”\xa0film…\r\n")
    'It\'s a "superb" film... \n'
    """
    return unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY))


def _as_typed(text: str) -> str:
    return text


NORMALIZATIONS: dict[str, Callable[[str], str]] = {AS_TYPED: _as_typed, NFKC_1: nfkc_1}
