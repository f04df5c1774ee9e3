"""Rows of one length. That they are Keras' own is held by tests/stages/test_pad.py."""

import numpy as np
import pytest

from pipeline.reviews.padding import Side, pad_texts, pad_tokens
from pipeline.reviews.ragged import flatten
from pipeline.reviews.vocabulary import Vocabulary

# Of 0, 2, 3 and 4 words; with START_ID the third is as long as a row of four, the fourth longer.
SEQUENCES = [[], [4, 9], [5, 6, 7], [4, 5, 6, 9]]


@pytest.mark.parametrize(
    ("padding", "truncating", "max_length", "expected"),
    [
        ("pre", "pre", 4, [[0, 0, 0, 1], [0, 1, 4, 2], [1, 5, 6, 7], [4, 5, 6, 2]]),
        ("pre", "post", 4, [[0, 0, 0, 1], [0, 1, 4, 2], [1, 5, 6, 7], [1, 4, 5, 6]]),
        ("post", "pre", 4, [[1, 0, 0, 0], [1, 4, 2, 0], [1, 5, 6, 7], [4, 5, 6, 2]]),
        ("post", "post", 4, [[1, 0, 0, 0], [1, 4, 2, 0], [1, 5, 6, 7], [1, 4, 5, 6]]),
        ("pre", "pre", 1, [[1], [2], [7], [2]]),
        ("pre", "post", 1, [[1], [1], [1], [1]]),
    ],
)
def test_rows_by_hand(padding: Side, truncating: Side, max_length: int, expected: list[list[int]]) -> None:
    layout = {"max_length": max_length, "padding": padding, "truncating": truncating}
    token_ids = pad_tokens(*flatten(SEQUENCES), vocab_size=8, **layout)
    assert token_ids.dtype == np.int32
    assert token_ids.tolist() == expected


def test_text_becomes_the_row_of_its_tokens() -> None:
    vocabulary = Vocabulary(("the", "film", "was", "good"))
    layout = {"vocab_size": 5, "max_length": 5, "padding": "pre", "truncating": "pre"}
    rows = pad_texts(["The film? Dull.", ""], vocabulary, **layout)
    assert rows.tolist() == [[0, 1, 4, 2, 2], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
def test_a_text_of_any_length_becomes_the_row_of_all_its_tokens(padding: Side, truncating: Side) -> None:
    vocabulary = Vocabulary(tuple("abcdefgh"))
    texts = [" ".join("abcdefgh"[:length]) for length in range(9)]
    for max_length in (1, 4, 20):
        layout = {"max_length": max_length, "padding": padding, "truncating": truncating}
        expected = pad_tokens(*flatten(map(vocabulary.encode, texts)), vocab_size=10, **layout)
        assert pad_texts(texts, vocabulary, vocab_size=10, **layout).tolist() == expected.tolist()
