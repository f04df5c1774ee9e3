"""The strongest cheap classifiers: bags of words and word pairs, which a network must beat to be worth it.

They read token ids, ragged or padded, and need neither TensorFlow nor MLflow; a teacher of soft labels may
be made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from pipeline.evaluation.ngrams import Ngrams, find_ngrams
from pipeline.reviews.ragged import Ragged, Rows
from pipeline.runtime.errors import UserError

MODEL, NAIVE_BAYES, TFIDF = "stacked RNN", "naive Bayes n-grams", "TF-IDF n-grams"
WHOLE, MAJORITY = f"{NAIVE_BAYES}, whole reviews", "majority class"
NAMES = (NAIVE_BAYES, TFIDF)
CLASSIFIERS = {  # all that are shown, and what the names of their metrics begin with
    MODEL: "",
    NAIVE_BAYES: "naive_bayes_",
    TFIDF: "tfidf_",
    WHOLE: "naive_bayes_whole_",
    MAJORITY: "majority_",
}
Arrays = Mapping[str, np.ndarray]
MOST_TOKENS = 20_000_000  # of the reviews that bags are fitted to here: about 1.6 GB


@dataclass(frozen=True, eq=False)
class BagOfNgrams:
    """A classifier of scikit-learn, fitted to the counts of n-grams."""

    ngrams: Ngrams
    classifier: OneVsRestClassifier

    def predict_proba(self, reviews: Ragged) -> np.ndarray:
        """The probability of each label, in ascending order: float64 (num_reviews, num_labels)."""
        none = np.zeros((0, len(self.classifier.classes_)))
        parts = (self.classifier.predict_proba(self.ngrams.counts(part)) for part in reviews.parts())
        return np.concatenate([none, *parts])


def fit_baselines(
    reviews: Ragged, labels: np.ndarray, longest: int = 2, seed: int = 0, names: Sequence[str] = NAMES
) -> dict[str, BagOfNgrams]:
    """Logistic regression on n-grams, their counts weighed in the way that each of ``names`` says.

    ``NAIVE_BAYES`` weighs their presence by its log-count ratio (Wang & Manning, "Baselines and Bigrams:
    Simple, Good Sentiment and Topic Classification", ACL 2012, with logistic regression for their SVM).

    >>> reviews = Ragged(np.array([4, 6, 5, 6] * 2), np.arange(0, 9, 2))
    >>> fit_baselines(reviews, np.array([1, 0, 1, 0]))[TFIDF].predict_proba(reviews).argmax(1)
    array([1, 0, 1, 0])

    Args:
        reviews: any number; an n-gram counts if two or more hold it.
        labels: whole numbers (num_reviews,); of more than two, each is told from all others.
        longest: n-grams are of 1 to so many tokens.
        seed: of the order in which the solver takes the reviews.
        names: of the baselines.

    Raises:
        UserError: if there is one label only, or no token that two reviews share.
    """
    if len(np.unique(labels)) < 2:
        raise UserError(f"a baseline needs reviews of two labels or more, but got {len(labels)} of one")
    ngrams, counts = find_ngrams(reviews, longest)
    return {name: BagOfNgrams(ngrams, _classifier(name, seed).fit(counts, labels)) for name in names}


def out_of_fold(
    reviews: Ragged, labels: np.ndarray, folds: int = 5, longest: int = 2, seed: int = 0
) -> np.ndarray:
    """What the naive Bayes baseline says of each review when it is fitted to those of the other folds.

    Arguments are those of :func:`fit_baselines`, and the number of folds, each with its share of every label.
    Of more reviews than have ``MOST_TOKENS`` tokens it is fitted to some, as :func:`score_rivals` does; what
    it then says of the others is the last fold's.

    Returns:
        float64 (num_reviews, num_labels); 0 for a label that the other folds lack.
    """
    probabilities = np.zeros((len(labels), int(labels.max()) + 1))
    rows = few_enough(reviews, seed)
    fitted_to = labels[rows]
    ngrams, counts = find_ngrams(reviews.select(rows) if len(rows) < len(labels) else reviews, longest)
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    fold = np.zeros(len(rows), np.int64)
    fold[shuffled[np.argsort(fitted_to[shuffled], kind="stable")]] = np.arange(len(rows)) % folds
    for number in range(folds):
        judged = np.flatnonzero(fold == number)
        classifier = _classifier(NAIVE_BAYES, seed).fit(counts[fold != number], fitted_to[fold != number])
        said = classifier.predict_proba(counts[judged])
        probabilities[np.ix_(rows[judged], classifier.classes_)] = said
    others = np.setdiff1d(np.arange(len(labels)), rows)
    bag = BagOfNgrams(ngrams, classifier)
    for part in np.array_split(others, len(others) // 10_000 + 1):
        probabilities[np.ix_(part, classifier.classes_)] = bag.predict_proba(reviews.select(part))
    return probabilities


def few_enough(reviews: Ragged, seed: int) -> Rows:
    """Rows, ascending, that have ``MOST_TOKENS`` tokens or fewer, about, drawn at random; all if they do."""
    count = int(len(reviews) * MOST_TOKENS / max(len(reviews.tokens), 1))
    if count >= len(reviews):
        return np.arange(len(reviews))
    return np.sort(np.random.default_rng(seed).choice(len(reviews), count, replace=False))


def _classifier(name: str, seed: int) -> OneVsRestClassifier:
    if name == NAIVE_BAYES:
        return regression(LogCountRatio(), 0.1, seed)
    return regression(TfidfTransformer(sublinear_tf=True), 10.0, seed)


def regression(weights: BaseEstimator, inverse_penalty: float, seed: int) -> OneVsRestClassifier:
    """Logistic regression of each label against all others, on counts that ``weights`` transforms."""
    # Several times faster on these wide, sparse rows than the default solver, at the same optimum.
    settings = {"solver": "liblinear", "dual": True, "max_iter": 1000, "random_state": seed}
    return OneVsRestClassifier(make_pipeline(weights, LogisticRegression(C=inverse_penalty, **settings)))


class LogCountRatio(TransformerMixin, BaseEstimator):
    """Replaces counts by presence times the log-count ratio of label 1 to label 0.

    With p = 1 + in how many reviews of label 1 an n-gram stands, and q of label 0, the ratio is
    log((p / sum p) / (q / sum q)) (Wang & Manning, 2012).
    """

    def fit(self, counts: csr_matrix, labels: np.ndarray) -> Self:
        """Counts in how many reviews of each label, 0 or 1, each n-gram stands."""
        present = counts.sign()
        p, q = (1.0 + np.asarray(present[labels == label].sum(0)).ravel() for label in (1, 0))
        self.ratio_ = np.log(p / p.sum()) - np.log(q / q.sum())
        return self

    def transform(self, counts: csr_matrix) -> csr_matrix:
        """The presence of each n-gram times its ratio, of the counts' shape and dtype."""
        weighed = counts.sign()
        weighed.data *= self.ratio_.astype(counts.dtype)[weighed.indices]
        return weighed


# What a network is shown beside: the baselines and the majority class, scored on the same reviews.


@dataclass(frozen=True, eq=False)
class Scored:
    """A classifier of ``CLASSIFIERS`` and its probabilities, (num_reviews, num_labels), of two splits;
    ``fitted_to`` is the number of training reviews it was fitted to, where that isn't all."""

    name: str
    validation: np.ndarray
    test: np.ndarray
    fitted_to: int | None = None

    @property
    def prefix(self) -> str:
        """Of its metrics' names."""
        return CLASSIFIERS[self.name]


def score_rivals(
    padded: Mapping[str, Arrays], whole: Mapping[str, Ragged], longest: int, seed: int
) -> list[Scored]:
    """Fits each rival of the network to the training reviews; none is tuned.

    Of more reviews than have ``MOST_TOKENS`` tokens, so many are drawn at random as have.

    Args:
        padded: train, validation and test, each with token_ids, what the network reads, and labels.
        whole: the same reviews uncut, with every word of theirs.
        longest: n-grams are of 1 to so many tokens.
        seed: of the solver.

    Returns:
        In the order of ``CLASSIFIERS``: the two baselines that read the network's own tokens, one that reads
        whole reviews, and the classifier that knows the labels' shares only.
    """
    labels, train = padded["train"]["labels"], whole["train"]
    rows, shares, fitted_to = few_enough(train, seed), np.bincount(labels) / len(labels), None
    if len(rows) < len(labels):
        fitted_to, labels, train = len(rows), labels[rows], train.select(rows)
        padded = {**padded, "train": {"token_ids": padded["train"]["token_ids"][rows]}}
    read = {name: Ragged.from_padded(arrays["token_ids"]) for name, arrays in padded.items()}
    fitted: list[tuple[str, BagOfNgrams, Mapping[str, Ragged]]] = [
        *((name, bag, read) for name, bag in fit_baselines(read["train"], labels, longest, seed).items()),
        (WHOLE, fit_baselines(train, labels, longest, seed, [NAIVE_BAYES])[NAIVE_BAYES], whole),
    ]
    scored = [
        Scored(name, bag.predict_proba(reviews["validation"]), bag.predict_proba(reviews["test"]), fitted_to)
        for name, bag, reviews in fitted
    ]
    validation, test = (
        np.tile(shares, (len(padded[split]["labels"]), 1)) for split in ("validation", "test")
    )
    return [*scored, Scored(MAJORITY, validation, test)]
