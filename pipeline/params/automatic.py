"""The values that ``auto`` stands for, which follow the number and the lengths of the training reviews."""

from __future__ import annotations

import math
from collections.abc import Iterable


def suited_to(num_reviews: int, max_length: int) -> dict[str, int | None]:
    """The ``auto`` values for a training split of ``num_reviews`` in rows of ``max_length`` tokens.

    A network learns by steps, so few reviews are read in smaller batches and more often: batches of 8 to 64,
    and epochs that make 1,500 steps, but 5 at least and 30 at most; 300 steps in a short trial. Few reviews
    are soon known by heart: below 12,800 a fit stops after a third of its epochs, 2 at least, without a
    better validation loss. (After two of the short epochs of 200 reviews it often had not begun to learn.)

    Two words a time step save a quarter of the time on IMDb's reviews and lose nothing to be seen; of texts
    of 18 words they lost a point and a half of accuracy.

    >>> [tuple(suited_to(*size).values()) for size in ((240, 30), (4_000, 100), (20_000, 400))]
    [(8, 30, 10, 10, 30, 1), (16, 6, 2, 2, 100, 1), (64, 5, None, 1, 400, 2)]
    """
    batch_size = next((size for size in (8, 16, 32) if num_reviews <= size * 250), 64)
    steps = max(math.ceil(num_reviews / batch_size), 1)
    epochs = min(max(math.ceil(1500 / steps), 5), 30)
    return {
        "train.batch_size": batch_size,
        "train.epochs": epochs,
        "train.patience": max(epochs // 3, 2) if num_reviews < 12_800 else None,
        "tune.epochs": min(math.ceil(300 / steps), epochs),
        "pad.max_length": max_length,
        "model.step_words": 1 if max_length <= 100 else 2,
    }


def suited_length(lengths: Iterable[int]) -> int:
    """The ``auto`` value of ``pad.max_length``: what nine in ten reviews don't exceed, at most 400.

    IMDb's reviews have 230 words in the mean; nine in ten have up to 452.

    >>> suited_length(range(1, 101)), suited_length([7]), suited_length([300, 900])
    (90, 7, 400)

    Args:
        lengths: of the training reviews in tokens, START_ID included; one or more.
    """
    ordered = sorted(lengths)
    return min(int(ordered[math.ceil(0.9 * len(ordered)) - 1]), 400)


def resolved(section: str, value: int | str) -> int:
    """``value``, which is a number by now: see ``Params.resolved``."""
    if isinstance(value, str):
        raise TypeError(f"a value of {section} is {value}: Params.resolved gives it a number")
    return value
