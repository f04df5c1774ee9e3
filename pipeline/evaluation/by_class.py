"""What a classifier does with each class: precision, recall and F1, each with its interval."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.binning import Interval, wilson_interval
from pipeline.runtime.files import Row


def share_interval(hits: int, count: int) -> Interval:
    """Wilson's interval; from 0 to 1 where nothing was counted."""
    return wilson_interval(hits, count) if count else (0.0, 1.0)


def f1_interval(hits: int, either: int) -> Interval:
    """The interval of 2 p / (1 + p), which grows with the share p of ``hits`` among ``either``.

    Takahashi et al., "Confidence interval for micro-averaged F1 and macro-averaged F1 scores" (2022).

    Args:
        hits: reviews that are of the class and were given to it.
        either: reviews that are, or were.
    """
    low, high = (2 * bound / (1 + bound) for bound in share_interval(hits, either))
    return low, high


def class_table(labels: np.ndarray, given: np.ndarray, num_labels: int) -> list[Row]:
    """A row a label.

    >>> row = class_table(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), 2)[0]
    >>> row["reviews"], row["given"], row["precision"], row["recall"], round(row["f1"], 4)
    (1, 2, 0.5, 1.0, 0.6667)

    Args:
        labels: whole numbers from 0, (num_reviews,).
        given: what a classifier said, likewise.
        num_labels: how many labels there are.

    Returns:
        label; reviews that have it, and that were given it; precision, recall and f1 (0 where nothing was
        counted), and the ends of their 95 % intervals: precision_low, precision_high, ...
    """
    rows: list[Row] = []
    for label in range(num_labels):
        is_label, is_given = labels == label, given == label
        actual, answered = int(is_label.sum()), int(is_given.sum())
        hits = int((is_label & is_given).sum())
        row: dict[str, int | float] = {"label": label, "reviews": actual, "given": answered}
        for name, value, (low, high) in (
            ("precision", hits / max(answered, 1), share_interval(hits, answered)),
            ("recall", hits / max(actual, 1), share_interval(hits, actual)),
            ("f1", 2 * hits / max(actual + answered, 1), f1_interval(hits, actual + answered - hits)),
        ):
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return rows
