"""What data/padded holds of a split. Not in ``padding``, which a version takes along without params."""

from __future__ import annotations

import numpy as np

from pipeline.params import PadParams
from pipeline.reviews.padding import pad_tokens
from pipeline.reviews.ragged import Reviews, Rows, Sequences


def padded_arrays(reviews: Sequences, rows: Rows, pad: PadParams) -> dict[str, np.ndarray]:
    """What one split's .npz holds; ``rows`` are the reviews' own in the raw split."""
    token_ids = pad_tokens(
        reviews.tokens,
        reviews.offsets,
        vocab_size=pad.vocab_size,
        max_length=pad.max_length,
        padding=pad.padding,
        truncating=pad.truncating,
    )
    arrays: dict[str, np.ndarray] = {
        "token_ids": token_ids,
        "lengths": (reviews.lengths + 1).astype(np.int32),
        "rows": rows,
        "tokens": reviews.cut(pad.vocab_size),
        "offsets": reviews.offsets,
    }
    return arrays | ({"labels": reviews.labels} if isinstance(reviews, Reviews) else {})
