"""Reviews that no choice sees, for the comparison of models that were trained and chosen differently."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from pipeline.reviews.ragged import Labels, Rows, flat_ranges, offsets_of

HELD_BACK = "held_back"
Arrays = Mapping[str, np.ndarray]


def hold_back(keys: Iterable[bytes], labels: Labels, fraction: float) -> Rows:
    """Rows to be held back: of each label the reviews whose tokens have the smallest hashes.

    So every run on the same data holds back the same reviews, whatever its seed, and reviews of the same
    tokens are held back together.

    Args:
        keys: of :meth:`pipeline.reviews.ragged.Reviews.keys`.
        labels: whole numbers (num_reviews,).
        fraction: of each label's reviews, rounded; but two of each label are left.

    Returns:
        int64 (num_held_back,), ascending.
    """
    digests = [hashlib.blake2b(key, digest_size=7).digest() for key in keys]
    hashes = np.array([int.from_bytes(digest, "big") for digest in digests], np.int64)
    chosen: list[int] = []
    for label in np.unique(labels):
        ascending = np.sort(hashes[labels == label])
        count = min(round(fraction * len(ascending)), len(ascending) - 2)
        chosen.extend(ascending[: max(count, 0)])
    return np.flatnonzero(np.isin(hashes, chosen))


def chosen_by(validation: Arrays) -> dict[str, np.ndarray]:
    """The validation reviews that epochs, trials, thresholds and calibrations are chosen by.

    Args:
        validation: the arrays of data/padded/validation.npz, ``held_back`` among them.
    """
    return _part(validation, ~validation[HELD_BACK])


def held_back(validation: Arrays) -> dict[str, np.ndarray]:
    """The other validation reviews, which only a finished model is compared on."""
    return _part(validation, validation[HELD_BACK])


def _part(validation: Arrays, keep: np.ndarray) -> dict[str, np.ndarray]:
    rows = np.flatnonzero(keep)
    part = {name: values[rows] for name, values in validation.items() if name not in ("tokens", "offsets")}
    if "offsets" in validation:
        starts, lengths = validation["offsets"][:-1][rows], np.diff(validation["offsets"])[rows]
        part["tokens"] = validation["tokens"][flat_ranges(starts, lengths)]
        part["offsets"] = offsets_of(lengths)
    return part
