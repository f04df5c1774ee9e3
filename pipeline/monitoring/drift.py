"""How far reviews have moved from those that a network was trained for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, vstack
from scipy.stats import binomtest, ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

# Of a population stability index; the usual ones (Siddiqi, Credit Risk Scorecards, 2006).
SMALL, LARGE = 0.1, 0.25
LEVEL = 0.01  # of a test; there are four or five, and each is asked often
TELLING = 0.6  # accuracy from which a classifier tells old from new reviews to a degree that matters
STABLE, MOVED, SHIFTED = "stable", "moved", "shifted"
_BINS = 10
_ERRORS = 4  # standard errors
_FEWEST = 20  # reviews of each kind, for a classifier to be trained and tested on


class Shift(NamedTuple):
    """How a number, such as a review's length, differs between two sets of reviews.

    Attributes:
        name: the number's.
        expected: its median in the reference.
        found: its median in the new reviews.
        psi: the population stability index, in bins of a tenth of the reference each.
        ks: the largest distance between the two distribution functions (Kolmogorov and Smirnov).
        p_value: of a distance as large, were both of one distribution.
    """

    name: str
    expected: float
    found: float
    psi: float
    ks: float
    p_value: float

    @property
    def verdict(self) -> str:
        """Stable unless the test is sure and the index not small: with many reviews, everything is sure."""
        if self.p_value >= LEVEL or self.psi < SMALL:
            return STABLE
        return SHIFTED if self.psi >= LARGE else MOVED


class TwoSampleTest(NamedTuple):
    """How well a classifier tells new reviews from the reference, on ``reviews`` it was not trained on.

    An ``accuracy`` of 0.5 is chance; ``p_value`` is that of one as high by chance.
    """

    accuracy: float
    p_value: float
    reviews: int

    @property
    def verdict(self) -> str:
        """As of :class:`Shift`: sure, and by how much."""
        if self.p_value >= LEVEL:
            return STABLE
        return SHIFTED if self.accuracy >= TELLING else MOVED


class MovedWord(NamedTuple):
    """A word's share of all words, and its part of the words' population stability index."""

    word: int
    expected: float
    found: float
    psi: float


def shift_of(name: str, reference: np.ndarray, found: np.ndarray) -> Shift:
    """Compares a number between two sets of reviews, each (num_reviews,), one or more."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        for values in (reference, found)
    ]
    medians = float(np.median(reference)), float(np.median(found))
    test = ks_2samp(reference, found)
    psi = float(stability_parts(*counts).sum())
    return Shift(name, *medians, psi, float(test.statistic), float(test.pvalue))


def stability_parts(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Each bin's part of the population stability index: (found - expected) ln(found / expected), of shares.

    An empty bin counts as half a review, since its logarithm would be infinite.

    >>> float(stability_parts(np.array([50, 50]), np.array([80, 20])).sum().round(4))
    0.4159

    Args:
        expected: the reference's counts, (num_bins,).
        found: the new ones.
    """
    one, other = (np.maximum(counts, 0.5) / max(counts.sum(), 1) for counts in (expected, found))
    return np.asarray((other - one) * np.log(other / one))


def moved_words(expected: np.ndarray, found: np.ndarray, count: int) -> list[MovedWord]:
    """The ``count`` words whose shares differ most, the largest part of the index first.

    Left out are differences below four standard errors, which a rare word has by chance, and parts below a
    hundredth of what is small for a whole index: a rare name that one review repeats is sure, and no matter.

    Args:
        expected: how often each word stands in the reference, (num_words,).
        found: the same of the new reviews.
        count: how many to give at most.
    """
    totals = [max(int(counts.sum()), 1) for counts in (expected, found)]
    one, other = expected / totals[0], found / totals[1]
    pooled = (expected + found) / sum(totals)
    errors = np.sqrt(pooled * (1 - pooled) * (1 / totals[0] + 1 / totals[1]))
    parts = np.where(np.abs(other - one) > _ERRORS * errors, stability_parts(expected, found), 0.0)
    return [
        MovedWord(int(word), float(one[word]), float(other[word]), float(parts[word]))
        for word in np.argsort(-parts, kind="stable")[:count]
        if parts[word] >= SMALL / 100
    ]


def two_sample_test(reference: csr_matrix, found: csr_matrix, seed: int) -> TwoSampleTest | None:
    """A classifier two-sample test (Lopez-Paz & Oquab, "Revisiting Classifier Two-Sample Tests", 2017).

    Logistic regression is trained on half of both, as many of each, to tell them apart, and tested on the
    other half: the binomial test of its accuracy against chance. None if there are too few reviews.

    Args:
        reference: a row of features a review, (num_reviews, num_features).
        found: the same of the new reviews.
        seed: of which reviews are taken, and for what.
    """
    count = min(reference.shape[0], found.shape[0])
    if count < _FEWEST:
        return None
    random = np.random.default_rng(seed)
    taken = [rows[random.permutation(rows.shape[0])[:count]] for rows in (reference, found)]
    features, is_new = vstack(taken, format="csr"), np.repeat([0, 1], count)
    train, test, train_new, test_new = train_test_split(
        features, is_new, test_size=0.5, stratify=is_new, random_state=seed
    )
    classifier = make_pipeline(MaxAbsScaler(), LogisticRegression(C=0.1, max_iter=1000))
    hits = int((classifier.fit(train, train_new).predict(test) == test_new).sum())
    p_value = binomtest(hits, len(test_new), 0.5, alternative="greater").pvalue
    return TwoSampleTest(hits / len(test_new), float(p_value), len(test_new))
