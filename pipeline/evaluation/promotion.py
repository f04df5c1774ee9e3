"""Whether a model should take the champion's place: both judged on reviews that no choice ever saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.binning import wilson_interval
from pipeline.evaluation.paired import least_gain, mcnemar
from pipeline.evaluation.probabilities import right


@dataclass(frozen=True)
class Predictions:
    """What a model said of the reviews held back from it: arrays (num_reviews,) of one length; of more than
    two labels, ``probabilities`` are (num_reviews, num_labels).

    ``rows`` are the reviews' places in their raw split, so that two models padded and split differently can
    be compared on the reviews that were held back from both.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def beat_the_commoner_label(self) -> bool:
        """Whether the low end of the accuracy's interval is above the share of the label that most have."""
        count, commoner = len(self.labels), np.unique(self.labels, return_counts=True)[1].max()
        low, _ = wilson_interval(int(self._right().sum()), count)
        return bool(low > commoner / count)

    def right_on(self, rows: np.ndarray) -> np.ndarray:
        """Whether each of ``rows`` was labelled right: bool (len(rows),)."""
        order = np.argsort(self.rows)
        return self._right()[order[np.searchsorted(self.rows, rows, sorter=order)]]

    def _right(self) -> np.ndarray:
        return right(self.labels, self.probabilities)


@dataclass(frozen=True)
class Rule:
    """What a challenger must show.

    Attributes:
        margin: the accuracy that it must gain on the champion, from 0 on.
        level: the chance, were the true gain no more than that, to be crowned all the same.
    """

    margin: float
    level: float


@dataclass(frozen=True)
class Comparison:
    """Challenger and champion on the reviews that were held back from both.

    Attributes:
        rule: what the challenger must show.
        reviews: how many there are.
        accuracy: the challenger's on them.
        champion_accuracy: the champion's.
        only_challenger: reviews that the challenger alone labels right.
        only_champion: reviews that the champion alone labels right.
        p_value: of the exact one-sided test of McNemar, that the challenger is no better.
        least_gain: of :func:`pipeline.evaluation.paired.least_gain`, at the rule's level.
    """

    rule: Rule
    reviews: int
    accuracy: float
    champion_accuracy: float
    only_challenger: int
    only_champion: int
    p_value: float
    least_gain: float

    @property
    def challenger_is_better(self) -> bool:
        """Whether the challenger is surely better than the champion by more than the margin; a tie is not."""
        return self.least_gain > self.rule.margin

    def __str__(self) -> str:
        return (
            f"it labels {self.accuracy:.1%} of {self.reviews:,} held-back reviews right, the champion "
            f"{self.champion_accuracy:.1%} ({self.only_challenger:,} only it does, {self.only_champion:,} "
            f"only the champion; McNemar's exact one-sided test, p = {self.p_value:.2g}). At worst "
            f"({100 * (1 - self.rule.level):.4g} % confidence) it is {abs(100 * self.least_gain):.1f} points "
            f"{'better' if self.least_gain >= 0 else 'worse'} than the champion, and it must be more than "
            f"{100 * self.rule.margin:g} better"
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


def compare(challenger: Predictions, champion: Predictions, rule: Rule) -> Comparison | None:
    """Compares two models review by review; None if no review was held back from both."""
    shared = np.intersect1d(challenger.rows, champion.rows)
    if len(shared) == 0:
        return None
    mine, theirs = challenger.right_on(shared), champion.right_on(shared)
    paired = mcnemar(mine, theirs, "greater")
    return Comparison(
        rule,
        len(shared),
        float(mine.mean()),
        float(theirs.mean()),
        paired.only_first,
        paired.only_second,
        paired.p_value,
        least_gain(paired.only_first, paired.only_second, len(shared), rule.level),
    )
