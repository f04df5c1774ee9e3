"""Reviews of different lengths as rows of one length, with the ids that Keras gives.

The result equals ``keras.datasets.imdb.load_data(num_words=vocab_size)`` followed by
``keras.utils.pad_sequences(maxlen=max_length, padding=padding, truncating=truncating)``.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from pipeline.reviews.ragged import Offsets, Tokens, flat_ranges, flatten, slices
from pipeline.reviews.vocabulary import OOV_ID, PAD_ID, START_ID, Vocabulary

Side = Literal["pre", "post"]
LAYOUT = ("vocab_size", "max_length", "padding", "truncating")  # what rows are made by


def pad_tokens(
    tokens: np.ndarray, offsets: Offsets, *, vocab_size: int, max_length: int, padding: Side, truncating: Side
) -> Tokens:
    """START_ID before each sequence, ids from ``vocab_size`` on made OOV_ID, then padded and truncated.

    >>> pad_tokens(np.array([4, 9, 5], np.int32), np.array([0, 1, 3]),
    ...            vocab_size=8, max_length=3, padding="pre", truncating="pre")
    array([[0, 1, 4],
           [1, 2, 5]], dtype=int32)

    Args:
        tokens: int32 (total_tokens,), of all sequences.
        offsets: int64 (num_sequences + 1,): sequence i is ``tokens[offsets[i]:offsets[i + 1]]``.
        vocab_size: how many ids there are, PAD_ID, START_ID and OOV_ID among them.
        max_length: the length of a row, START_ID included.
        padding: where PAD_ID fills a row up, before or after the review.
        truncating: which end of a long review is cut off; "pre" cuts START_ID off first.

    Returns:
        int32 (num_sequences, max_length).
    """
    lengths = np.diff(offsets)
    # A review is START_ID and its tokens. A long one that is cut at its beginning has lost START_ID.
    starts = (lengths < max_length) | (truncating == "post")
    kept = np.minimum(lengths, max_length - starts)
    first = offsets[1:] - kept if truncating == "pre" else offsets[:-1]
    column = max_length - kept if padding == "pre" else starts.astype(np.int64)

    token_ids = np.full((len(lengths), max_length), PAD_ID, np.int32)
    row = np.arange(len(lengths))
    token_ids[row[starts], column[starts] - 1] = START_ID
    for some in slices(len(lengths)):
        words = tokens[flat_ranges(first[some], kept[some])]
        places = flat_ranges((row * max_length + column)[some], kept[some])
        token_ids.reshape(-1)[places] = np.where(words < vocab_size, words, OOV_ID)
    return token_ids


def pad_texts(
    texts: Iterable[str],
    vocabulary: Vocabulary,
    *,
    vocab_size: int,
    max_length: int,
    padding: Side,
    truncating: Side,
) -> Tokens:
    """Rows for raw text, int32 (num_texts, max_length), as :func:`pad_tokens` makes them for reviews.

    Of a long text, only the words that can get into its row are looked up.
    """
    read = slice(-max_length, None) if truncating == "pre" else slice(max_length)
    tokens, offsets = flatten(vocabulary.ids(vocabulary.split(text)[read]) for text in texts)
    sides = {"padding": padding, "truncating": truncating}
    return pad_tokens(tokens, offsets, vocab_size=vocab_size, max_length=max_length, **sides)


def unknown_share(token_ids: np.ndarray) -> np.ndarray:
    """The share of unknown words in padded rows: float64 (num_reviews,); 1 where there is no word."""
    words = ((token_ids != PAD_ID) & (token_ids != START_ID)).sum(1)
    return np.where(words > 0, (token_ids == OOV_ID).sum(1) / np.maximum(words, 1), 1.0)
