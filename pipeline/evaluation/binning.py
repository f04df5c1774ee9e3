"""Shares of reviews in bins, each with its interval."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from pipeline.runtime.files import Row

Interval = tuple[float, float]


def wilson_interval(hits: int, count: int) -> Interval:
    """The 95 % score interval of a share (Wilson, 1927): right for few reviews and for shares of 0 and 1.

    Args:
        hits: reviews that count.
        count: all reviews, at least 1.
    """
    interval = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def shares_by_bin(
    bins: np.ndarray, value_name: str, values: np.ndarray, share_name: str, hits: np.ndarray
) -> list[Row]:
    """The share of hits in each bin that holds a review.

    Args:
        bins: int (num_reviews,), the bin of each review.
        value_name: the column of the bin's mean value.
        values: (num_reviews,), what the reviews were binned by.
        share_name: the column of the share.
        hits: bool (num_reviews,).

    Returns:
        A row for each bin, by its number: ``value_name``, from and to (the smallest and the largest value in
        it), ``share_name``, its Wilson interval low to high, and reviews.
    """
    rows: list[Row] = []
    for number in np.unique(bins):
        inside = bins == number
        count, found = int(inside.sum()), int(hits[inside].sum())
        low, high = wilson_interval(found, count)
        rows.append(
            {
                value_name: float(values[inside].mean(dtype=np.float64)),
                "from": float(values[inside].min()),
                "to": float(values[inside].max()),
                share_name: found / count,
                "low": low,
                "high": high,
                "reviews": count,
            }
        )
    return rows
