"""How the error falls with the number of labels: a power law, and what twice the labels would give.

Cortes et al., "Learning Curves: Asymptotic Values and Rate of Convergence" (NeurIPS 1993); Hestness et al.,
"Deep Learning Scaling is Predictable, Empirically" (2017).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import curve_fit

from pipeline.evaluation.baselines import NAIVE_BAYES, few_enough, fit_baselines
from pipeline.evaluation.calibration import Interval
from pipeline.reviews.ragged import Ragged
from pipeline.reviews.splitting import draw_stratified
from pipeline.runtime.errors import UserError

PARTS = (16, 8, 4, 2, 1)  # of the labels a sixteenth, an eighth, ... all
FEWEST = 4  # reviews of a label: two to train on, two to stop by
DRAWS = 300  # of the measured errors, for an interval


class PowerLaw(NamedTuple):
    """The error with n labels is ``scale * (n / largest) ** -exponent + floor``."""

    scale: float
    exponent: float
    floor: float
    largest: float

    def error(self, sizes: np.ndarray) -> np.ndarray:
        """The error with so many labels."""
        return np.asarray(self.scale * (sizes / self.largest) ** -self.exponent + self.floor)

    @property
    def gain(self) -> float:
        """By how much the error falls from the largest number of labels to twice as many."""
        return self.scale * (1 - 2**-self.exponent)


def parts_of(labels: np.ndarray) -> list[int]:
    """Those of ``PARTS`` that leave ``FEWEST`` reviews of each label or more."""
    fewest = int(np.unique(labels, return_counts=True)[1].min())
    return [part for part in PARTS if fewest >= FEWEST * part]


def gain_of_twice(
    train: Ragged, labels: np.ndarray, judged: Ragged, judged_labels: np.ndarray, longest: int, seed: int
) -> float | None:
    """How much accuracy the naive Bayes baseline would gain from twice the labels, by its power law.

    Of each part but the whole two to four draws, judged on other reviews than those that it learns from. None
    where a label has too few reviews for three parts, those of a part share no word, or all are too many for
    a bag.

    Arguments are those of :func:`pipeline.evaluation.baselines.fit_baselines`, and the reviews to judge by.
    """
    parts = parts_of(labels)
    if len(parts) < 3 or len(few_enough(train, seed)) < len(labels):
        return None

    def wrong(part: int, draw: int) -> float:
        drawn = draw_stratified(labels, 1 / part, seed + draw) if part > 1 else np.arange(len(labels))
        bag = fit_baselines(train.select(drawn), labels[drawn], longest, seed, [NAIVE_BAYES])[NAIVE_BAYES]
        return float(np.mean(bag.predict_proba(judged).argmax(1) != judged_labels))

    try:
        errors = [np.mean([wrong(part, draw) for draw in range(min(part, 4))]) for part in parts]
    except UserError:  # a few reviews share no word
        return None
    return fit_power_law(len(labels) / np.array(parts), np.array(errors)).gain


def fit_power_law(sizes: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """The power law of the least squares; an error that doesn't fall has a gain of 0.

    >>> sizes = np.array([100.0, 200, 400, 800])
    >>> law = fit_power_law(sizes, 2 * sizes**-0.5 + 0.1)
    >>> [round(float(value), 3) for value in law]
    [0.071, 0.5, 0.1, 800.0]

    Of three numbers of labels or more, ascending, and their shares of wrong answers, each (num_sizes,).
    """
    largest, last = float(sizes[-1]), max(float(errors[-1]), 1e-9)

    def law(share: np.ndarray, scale: float, exponent: float, floor: float) -> np.ndarray:
        return scale * share**-exponent + floor

    bounds = ([0, 0, 0], [1, 2, max(float(errors.min()), 1e-6)])
    start = (last / 2, 0.5, bounds[1][2] / 2)
    fitted, _ = curve_fit(law, sizes / largest, errors, start, bounds=bounds, max_nfev=10_000)
    scale, exponent, floor = map(float, fitted)
    return PowerLaw(scale, exponent, floor, largest)


def gain_interval(sizes: np.ndarray, errors: np.ndarray, seed: int) -> Interval:
    """The 95 % interval of the gain: laws of errors drawn anew with the spread that the repeats have.

    ``errors`` are those of two repeats or more, (num_repeats, num_sizes).
    """
    means = errors.mean(0)
    spread = np.sqrt(errors.var(0, ddof=1).mean() / len(errors))
    drawn = np.random.default_rng(seed).normal(means, spread, (DRAWS, len(sizes))).clip(0, 1)
    low, high = np.quantile([fit_power_law(sizes, each).gain for each in drawn], [0.025, 0.975])
    return float(low), float(high)
