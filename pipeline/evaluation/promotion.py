"""Whether a model should take the champion's place: both judged on the same reviews."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.paired import mcnemar
from pipeline.evaluation.threshold import THRESHOLD


@dataclass(frozen=True)
class Predictions:
    """What a model said of the validation reviews: arrays (num_reviews,) of one length.

    ``rows`` are the reviews' places in the raw training split, so that two models padded and split
    differently can be compared on the reviews that neither was trained on.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def accuracy(self) -> float:
        """The share of the reviews labelled right."""
        return float(np.mean(self._right()))

    def right_on(self, rows: np.ndarray) -> np.ndarray:
        """Whether each of ``rows`` was labelled right: bool (len(rows),)."""
        order = np.argsort(self.rows)
        return self._right()[order[np.searchsorted(self.rows, rows, sorter=order)]]

    def _right(self) -> np.ndarray:
        return np.asarray((self.probabilities >= THRESHOLD) == (self.labels == 1))


@dataclass(frozen=True)
class Comparison:
    """Challenger and champion on the reviews that both were validated on.

    Attributes:
        reviews: how many there are.
        accuracy: the challenger's on them.
        champion_accuracy: the champion's.
        only_challenger: reviews that the challenger alone labels right.
        only_champion: reviews that the champion alone labels right.
        p_value: of :func:`pipeline.evaluation.paired.mcnemar`.
    """

    reviews: int
    accuracy: float
    champion_accuracy: float
    only_challenger: int
    only_champion: int
    p_value: float

    @property
    def challenger_is_better(self) -> bool:
        """Whether the challenger labels more of the reviews right."""
        return self.only_challenger > self.only_champion

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.4f} to {self.champion_accuracy:.4f} on {self.reviews:,} shared validation "
            f"reviews, McNemar exact p = {self.p_value:.3g}"
        )


@dataclass(frozen=True)
class Registration:
    """A registered version and the alias it was given, with the reason in words.

    ``comparison`` is the one with the champion of that moment, where they could be compared.
    """

    name: str
    version: int
    alias: str
    reason: str
    comparison: Comparison | None = None

    @property
    def uri(self) -> str:
        """`models:/NAME/VERSION`."""
        return f"models:/{self.name}/{self.version}"


def compare(challenger: Predictions, champion: Predictions) -> Comparison | None:
    """Compares two models review by review; None if they share no validation review."""
    shared = np.intersect1d(challenger.rows, champion.rows)
    if len(shared) == 0:
        return None
    mine, theirs = challenger.right_on(shared), champion.right_on(shared)
    paired = mcnemar(mine, theirs)
    return Comparison(
        len(shared),
        float(mine.mean()),
        float(theirs.mean()),
        paired.only_first,
        paired.only_second,
        paired.p_value,
    )
