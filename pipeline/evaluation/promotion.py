"""Whether a model should take the champion's place: both judged on reviews that no choice ever saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pipeline.evaluation.intervals import answer_intervals
from pipeline.evaluation.metrics import ACCURACY, LOG_LOSS, best_guess, measure_of, score_of, sums_of
from pipeline.evaluation.paired import bootstrap_gain, gain_interval, mcnemar, randomization_p_value
from pipeline.evaluation.probabilities import THRESHOLD, right


@dataclass(frozen=True)
class Predictions:
    """What a model said of the reviews held back from it.

    Attributes:
        rows: their places in their raw split, (num_reviews,), so that two models padded and split differently
            can be compared on the reviews that were held back from both.
        labels: (num_reviews,).
        probabilities: (num_reviews, num_labels).
        threshold: where the served model draws the line.
        unknown_share: how much of what it reads of a review is unknown to it, on average.
    """

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    threshold: float = THRESHOLD
    unknown_share: float = 0.0

    def better_than_a_guess(self, objective: str) -> bool:
        """Whether even the low end of its score's interval is above what one label for all would score.

        Args:
            objective: ``tune.objective``; of a log loss, whose threshold is accuracy's, accuracy is asked.
        """
        measure, num_labels = measure_of(objective), self.probabilities.shape[1]
        low, _ = answer_intervals(self.labels, self.probabilities, self.threshold)[measure]
        return low > best_guess(measure, self.labels, num_labels)

    def on(self, rows: np.ndarray) -> Predictions:
        """Those of ``rows``, in their order."""
        order = np.argsort(self.rows)
        places = order[np.searchsorted(self.rows, rows, sorter=order)]
        return replace(self, rows=rows, labels=self.labels[places], probabilities=self.probabilities[places])

    @property
    def right(self) -> np.ndarray:
        """Whether each review was labelled right: bool (num_reviews,)."""
        return right(self.labels, self.probabilities, self.threshold)


@dataclass(frozen=True)
class Rule:
    """What a challenger must show.

    Attributes:
        margin: how much it must gain on the champion, from 0 on.
        level: the chance, were the true gain no more than that, to be crowned all the same.
        objective: ``tune.objective``, by which they are compared.
    """

    margin: float
    level: float
    objective: str = ACCURACY


@dataclass(frozen=True)
class Comparison:
    """Challenger and champion on the reviews that were held back from both.

    Attributes:
        rule: what the challenger must show.
        reviews: how many there are.
        score: the challenger's on them, by the rule's objective; more is better.
        champion_score: the champion's.
        only_challenger: reviews that the challenger alone labels right.
        only_champion: reviews that the champion alone labels right.
        p_value: one-sided, that the challenger is no better: of McNemar's exact test by accuracy, else of
            :func:`pipeline.evaluation.paired.randomization_p_value`.
        least_gain: at the rule's level, by accuracy of :func:`pipeline.evaluation.paired.gain_interval`, else
            of :func:`pipeline.evaluation.paired.bootstrap_gain`.
    """

    rule: Rule
    reviews: int
    score: float
    champion_score: float
    only_challenger: int
    only_champion: int
    p_value: float
    least_gain: float

    @property
    def challenger_is_better(self) -> bool:
        """Whether the challenger is surely better than the champion by more than the margin; a tie is not."""
        return self.p_value < self.rule.level and self.least_gain > self.rule.margin

    def __str__(self) -> str:
        sure = f"{100 * (1 - self.rule.level):.4g} %"
        test = f"one-sided test, p = {self.p_value:.2g}"
        better = "better" if self.least_gain >= 0 else "worse"
        if self.rule.objective == ACCURACY:
            return (
                f"it labels {self.score:.1%} of {self.reviews:,} held-back reviews right, the champion "
                f"{self.champion_score:.1%} ({self.only_challenger:,} only it does, {self.only_champion:,} "
                f"only the champion; McNemar's exact {test}). At worst ({sure} confidence) it is "
                f"{abs(100 * self.least_gain):.1f} points {better} than the champion, and it must be more "
                f"than {100 * self.rule.margin:g} better"
            )
        sign = -1 if self.rule.objective == LOG_LOSS else 1
        name = self.rule.objective.replace("_", " ").replace("f1", "F1")
        return (
            f"its {name} on {self.reviews:,} held-back reviews is {sign * self.score:.4f}, the champion's "
            f"{sign * self.champion_score:.4f} (randomization {test}). At worst ({sure} confidence) it is "
            f"{abs(self.least_gain):.4f} {better}, and it must be more than {self.rule.margin:g} better"
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
    both = challenger.on(shared), champion.on(shared)
    paired = mcnemar(both[0].right, both[1].right, "greater")
    first, second = (
        sums_of(rule.objective, each.labels, each.probabilities, each.threshold) for each in both
    )
    score = partial(score_of, rule.objective)
    if rule.objective == ACCURACY:
        p_value = paired.p_value
        gain, _ = gain_interval(paired, len(shared), rule.level, "greater")
    else:
        p_value = randomization_p_value(first, second, score)
        gain = bootstrap_gain(first, second, score, rule.level)
    mine, theirs = (float(score(sums.sum(0))) for sums in (first, second))
    return Comparison(rule, len(shared), mine, theirs, paired.only_first, paired.only_second, p_value, gain)
