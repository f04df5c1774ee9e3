"""Which reviews are trained on, stop the fit, and are judged, in each fold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold

from pipeline.reviews.ragged import Labels, Reviews, Rows
from pipeline.reviews.splitting import TEST, TRAIN, VALIDATION, draw_stratified
from pipeline.reviews.vocabulary import OOV_ID
from pipeline.runtime.errors import UserError


class Fold(NamedTuple):
    """One split of all reviews.

    Attributes:
        repeat: from 1; each repeat shuffles anew.
        number: from 1, in its repeat.
        test: the rows that are judged: in each repeat every review once.
    """

    repeat: int
    number: int
    test: Rows

    @property
    def name(self) -> str:
        """``repeat 2, fold 3``."""
        return f"repeat {self.repeat}, fold {self.number}"


def draw_folds(labels: Labels, folds: int, repeats: int, seed: int) -> list[Fold]:
    """The folds of each repeat, each with about its share of every label.

    Raises:
        UserError: if a label has fewer reviews than there are folds.
    """
    fewest = int(np.bincount(labels).min())
    if fewest < folds:
        raise UserError(
            f"{folds} folds need {folds} reviews or more of each label, but one has {fewest}: ask for fewer "
            "with --folds, or leave the label out by data.labels"
        )
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    return [
        Fold(place // folds + 1, place % folds + 1, test)
        for place, (_, test) in enumerate(splitter.split(np.zeros(len(labels)), labels))
    ]


def splits_of(reviews: Reviews, fold: Fold, validation_fraction: float, seed: int) -> dict[str, Reviews]:
    """The fold's train, validation and test reviews.

    A review whose tokens a test review has too is left out of the others. A word that no training review of
    the fold holds is an unknown one.

    Args:
        reviews: all of them.
        fold: of :func:`draw_folds`.
        validation_fraction: of the reviews that are not judged; drawn with each label's share.
        seed: of that draw.
    """
    keys = np.array(reviews.keys(), dtype=object)
    judged = set(keys[fold.test])
    others = np.setdiff1d(np.arange(len(reviews)), fold.test)
    others = others[np.array([key not in judged for key in keys[others]], dtype=bool)]
    drawn = others[draw_stratified(reviews.labels[others], validation_fraction, seed)]
    rows = {TRAIN: np.setdiff1d(others, drawn), VALIDATION: drawn, TEST: fold.test}
    parts = {name: reviews.select(each) for name, each in rows.items()}
    known = np.zeros(int(reviews.tokens.max(initial=OOV_ID)) + 1, bool)
    known[parts[TRAIN].tokens] = True
    return {
        name: Reviews(np.where(known[part.tokens], part.tokens, np.int32(OOV_ID)), part.offsets, part.labels)
        for name, part in parts.items()
    }
