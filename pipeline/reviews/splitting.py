"""Which reviews are trained on, validated on and tested on, with no review on two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.reviews.ragged import Labels, Ragged, Reviews, Rows
from pipeline.runtime.errors import UserError

SPLITS = TRAIN, VALIDATION, TEST = "train", "validation", "test"
UNLABELLED = "unlabelled"  # reviews that no split holds
HELD_BACK = "held_back"  # reviews that no choice sees, to compare models that were chosen differently on
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class DrawnSplit:
    """Reviews of one split.

    Attributes:
        reviews: the reviews.
        source: the raw split that they come from.
        rows: int64 (num_reviews,), their rows in it, ascending.
        held_back: bool (num_reviews,), which of them no choice may see; none but of validation.
    """

    reviews: Reviews
    source: str
    rows: Rows
    held_back: npt.NDArray[np.bool_]


def draw_stratified(labels: Labels, fraction: float, seed: int, names: Sequence[str] = ()) -> Rows:
    """Rows, ascending, of a random part in which each label has the share that it has in ``labels``.

    Args:
        labels: int8 (num_reviews,).
        fraction: of each label's reviews, rounded, but at least one drawn and one left.
        seed: of numpy's default generator.
        names: of the labels, for the message.

    Raises:
        UserError: if a label has fewer than two reviews.
    """
    generator = np.random.default_rng(seed)
    drawn = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            name = names[label] if names else label
            raise UserError(
                f"the class {name!r} has 1 row to split, but needs 2 or more, or 4 for train, validation and "
                f"test: add some, correct its name, or leave it out by data.labels, with {{{name}: null}} "
                "beside the other classes"
            )
        count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        drawn.append(generator.choice(rows, count, replace=False))
    return np.sort(np.concatenate(drawn))


def split_reviews(
    raw: Mapping[str, Reviews],
    validation_fraction: float,
    held_back_fraction: float,
    seed: int,
    label_names: Sequence[str],
) -> tuple[dict[str, DrawnSplit], dict[str, int]]:
    """Train, validation and test splits, cleared of reviews that stand in two of them.

    Where the source has no validation split, one is drawn from its training reviews. A review that has the
    tokens of a test review leaves training and validation; one that has those of a validation review leaves
    training: what a model is judged on stays whole. ``held_back_fraction`` of the validation reviews are held
    back; the seed has no say in which.

    Returns:
        The splits, and how many reviews left a split because of another, as in ``{"train_in_test": 2}``.

    Raises:
        UserError: if nothing of a label is left to train or validate on.
    """
    keys = {name: np.array(reviews.keys(), dtype=object) for name, reviews in raw.items()}
    train, train_in_test = _without(np.arange(len(raw[TRAIN])), keys[TRAIN], keys[TEST])
    if VALIDATION in raw:
        source, every_row = VALIDATION, np.arange(len(raw[VALIDATION]))
        validation, validation_in_test = _without(every_row, keys[VALIDATION], keys[TEST])
        labels = raw[VALIDATION].labels[validation]
        held = validation[hold_back(keys[VALIDATION][validation], labels, held_back_fraction)]
    else:
        source, validation_in_test, held_fraction = TRAIN, 0, validation_fraction * held_back_fraction
        held = train[hold_back(keys[TRAIN][train], raw[TRAIN].labels[train], held_fraction)]
        others = np.setdiff1d(train, held, assume_unique=True)
        drawn_fraction = (validation_fraction - held_fraction) / (1 - held_fraction)
        drawn = others[draw_stratified(raw[TRAIN].labels[others], drawn_fraction, seed, label_names)]
        train = np.setdiff1d(others, drawn, assume_unique=True)
        validation = np.union1d(held, drawn)
    train, train_in_validation = _without(train, keys[TRAIN], keys[source][validation])
    splits = {}
    test = np.arange(len(raw[TEST]))
    for name, origin, rows in ((TRAIN, TRAIN, train), (VALIDATION, source, validation), (TEST, TEST, test)):
        is_held = np.isin(rows, held) & (name == VALIDATION)
        splits[name] = DrawnSplit(raw[origin].select(rows), origin, rows, is_held)
        require_every_label(splits[name].reviews.labels[~is_held], name, label_names)
    return splits, {
        "train_in_test": train_in_test,
        "train_in_validation": train_in_validation,
        "validation_in_test": validation_in_test,
    }


def drop_judged(unlabelled: Ragged, splits: Mapping[str, DrawnSplit]) -> tuple[Rows, dict[str, int]]:
    """Rows of ``unlabelled``, ascending, whose tokens are those of no validation or test review.

    Also how many stand among the test reviews and, of the rest, among the validation reviews, as in
    ``{"unlabelled_in_test": 3, "unlabelled_in_validation": 0}``.
    """
    keys = np.array(unlabelled.keys(), dtype=object)
    rows, dropped = np.arange(len(unlabelled)), {}
    for name in (TEST, VALIDATION):
        rows, dropped[f"unlabelled_in_{name}"] = _without(rows, keys, splits[name].reviews.keys())
    return rows, dropped


def require_every_label(labels: Labels, split: str, names: Sequence[str]) -> None:
    """Raises UserError unless ``split`` has a review of each label; ``names`` are the labels'."""
    for label, name in enumerate(names):
        if not (labels == label).any():
            raise UserError(
                f"the {split} split holds no review labelled {name} among its {len(labels)}: add some, split "
                "the reviews otherwise, or leave the class out by data.labels, with null for it"
            )


def _without(rows: Rows, keys: np.ndarray, taken: Iterable[bytes]) -> tuple[Rows, int]:
    """``rows`` whose key is not among ``taken``, and how many were left out."""
    others = set(taken)
    kept = np.array([key not in others for key in keys[rows]], dtype=bool)
    return rows[kept], int(len(rows) - kept.sum())


def hold_back(keys: Iterable[bytes], labels: Labels, fraction: float) -> Rows:
    """Rows, ascending, to be held back: of each label the reviews whose tokens have the smallest hashes.

    So every run on the same data holds back the same reviews, whatever its seed, and reviews of the same
    tokens are held back together.

    Args:
        keys: of :meth:`pipeline.reviews.ragged.Reviews.keys`.
        labels: whole numbers (num_reviews,).
        fraction: of each label's reviews, rounded; but two of each label are left.
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
    """The validation reviews, of validation.npz, that epochs, trials and thresholds are chosen by."""
    return _part(validation, ~validation[HELD_BACK])


def held_back(validation: Arrays) -> dict[str, np.ndarray]:
    """The other validation reviews, which only a finished model is compared on."""
    return _part(validation, validation[HELD_BACK])


def _part(validation: Arrays, keep: np.ndarray) -> dict[str, np.ndarray]:
    part = {name: values[keep] for name, values in validation.items() if name not in ("tokens", "offsets")}
    if "tokens" not in validation:  # the whole reviews weren't read
        return part
    reviews = Ragged(validation["tokens"], validation["offsets"]).select(np.flatnonzero(keep))
    return part | {"tokens": reviews.tokens, "offsets": reviews.offsets}
