"""Rows of one length. That they are Keras' own is held by tests/stages/test_pad.py."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.reviews.padding import Side, pad_texts, pad_tokens
from pipeline.reviews.ragged import flatten
from pipeline.reviews.vocabulary import Vocabulary

# Of 0, 2, 3 and 4 words; with START_ID the third is as long as a row, the fourth longer.
SEQUENCES = [[], [4, 9], [5, 6, 7], [4, 5, 6, 9]]


@pytest.mark.parametrize(
    ("padding", "truncating", "expected"),
    [
        ("pre", "pre", [[0, 0, 0, 1], [0, 1, 4, 2], [1, 5, 6, 7], [4, 5, 6, 2]]),
        ("pre", "post", [[0, 0, 0, 1], [0, 1, 4, 2], [1, 5, 6, 7], [1, 4, 5, 6]]),
        ("post", "pre", [[1, 0, 0, 0], [1, 4, 2, 0], [1, 5, 6, 7], [4, 5, 6, 2]]),
        ("post", "post", [[1, 0, 0, 0], [1, 4, 2, 0], [1, 5, 6, 7], [1, 4, 5, 6]]),
    ],
)
def test_rows_by_hand(padding: Side, truncating: Side, expected: list[list[int]]) -> None:
    tokens, offsets = flatten(SEQUENCES)
    token_ids = pad_tokens(
        tokens, offsets, vocab_size=8, max_length=4, padding=padding, truncating=truncating
    )
    assert token_ids.dtype == np.int32
    assert token_ids.tolist() == expected


@pytest.mark.parametrize(("truncating", "expected"), [("pre", [[1], [2]]), ("post", [[1], [1]])])
def test_a_row_of_one(truncating: Side, expected: list[list[int]]) -> None:
    tokens, offsets = flatten([[], [4, 9]])
    rows = pad_tokens(tokens, offsets, vocab_size=8, max_length=1, padding="pre", truncating=truncating)
    assert rows.tolist() == expected


def test_the_vocabulary_ends_before_vocab_size() -> None:
    tokens, offsets = flatten([[6, 7, 8]])
    rows = pad_tokens(tokens, offsets, vocab_size=7, max_length=4, padding="pre", truncating="pre")
    assert rows.tolist() == [[1, 6, 2, 2]]


def test_text_becomes_the_row_of_its_tokens() -> None:
    vocabulary = Vocabulary(("the", "film", "was", "good"))
    rows = pad_texts(
        ["The film? Dull.", ""], vocabulary, vocab_size=5, max_length=5, padding="pre", truncating="pre"
    )
    assert rows.tolist() == [[0, 1, 4, 2, 2], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_a_text_of_any_length_becomes_the_row_of_all_its_tokens(padding: Side, truncating: Side) -> None:
    vocabulary = Vocabulary(tuple("abcdefgh"))
    texts = [" ".join("abcdefgh"[:length]) for length in range(9)]
    tokens, offsets = flatten(map(vocabulary.encode, texts))
    for max_length in (1, 4, 20):
        expected = pad_tokens(
            tokens, offsets, vocab_size=10, max_length=max_length, padding=padding, truncating=truncating
        )
        rows = pad_texts(
            texts, vocabulary, vocab_size=10, max_length=max_length, padding=padding, truncating=truncating
        )
        assert rows.tolist() == expected.tolist()
