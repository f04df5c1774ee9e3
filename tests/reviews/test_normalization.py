"""One form for texts that differ only in how they were typed."""

# ruff: noqa: RUF001 - characters that look like others are what this is about
from __future__ import annotations

import sys

import pytest

from pipeline.reviews.tokenizing import nfkc_1


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("“a” ‘b’ „c‟ «d» ‹e›", '"a" \'b\' "c" "d" "e"'),
        ("a‐b‑c–d—e―f−g", "a-b-c-d-e-f-g"),
        ("wait… what", "wait... what"),
        ("line\r\nline\rline", "line \nline line"),
        ("\ufefftext", "text"),
        ("a\xa0b\u2009c\u2028d", "a b c d"),
        ("co\xadoperate", "cooperate"),
        ("cafe\u0301", "café"),
        ("\ufb01ne Ｗｉｄｅ", "fine Wide"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("plain 'text', \"as\" it-is:\t(10/10)\n", "plain 'text', \"as\" it-is:\t(10/10)\n"),
        ("etc\x85 \x96", "etc\x85 \x96"),
    ],
)
def test_how_it_was_typed_is_gone(typed: str, plain: str) -> None:
    assert nfkc_1(typed) == plain


def test_a_normalized_text_stays_as_it_is_for_every_character() -> None:
    surrogates = range(0xD800, 0xE000)
    once = [nfkc_1(chr(code)) for code in range(sys.maxunicode + 1) if code not in surrogates]
    assert [nfkc_1(text) for text in once] == once
