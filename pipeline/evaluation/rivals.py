"""What a network is shown beside: the baselines and the majority class, scored on the same reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.dummy import DummyClassifier

from pipeline.evaluation.baselines import NAIVE_BAYES, TFIDF, fit_baselines, fit_naive_bayes
from pipeline.evaluation.ngrams import Ragged
from pipeline.evaluation.probabilities import from_columns, right

WHOLE = f"{NAIVE_BAYES}, whole reviews"
MAJORITY = "majority class"
PREFIXES = {
    NAIVE_BAYES: "naive_bayes_",
    TFIDF: "tfidf_",
    WHOLE: "naive_bayes_whole_",
    MAJORITY: "majority_",
}
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Scored:
    """A classifier's probabilities, float64 of each split, in the form of ``evaluation.probabilities``.

    Attributes:
        name: as it is shown.
        prefix: of its metrics' names.
        validation: of the validation reviews.
        test: of the test reviews.
    """

    name: str
    prefix: str
    validation: np.ndarray
    test: np.ndarray

    def validation_accuracy(self, labels: np.ndarray) -> float:
        """The share of validation reviews labelled right."""
        return float(right(labels, self.validation).mean())


def score_rivals(
    padded: Mapping[str, Arrays], whole: Mapping[str, Ragged], longest: int, seed: int
) -> list[Scored]:
    """Fits each to the training reviews; none is tuned.

    Args:
        padded: train, validation and test, each with token_ids, what the network reads, and labels.
        whole: the same reviews uncut, with every word of theirs.
        longest: n-grams are of 1 to so many tokens.
        seed: of the solver.

    Returns:
        In the order of ``PREFIXES``: the two baselines that read the network's own tokens, one that reads
        whole reviews, and the classifier that knows the labels' shares only.
    """
    labels = padded["train"]["labels"]
    read: Mapping[str, Ragged] = {
        name: Ragged.from_padded(arrays["token_ids"]) for name, arrays in padded.items()
    }
    fitted = [
        (name, model, read) for name, model in fit_baselines(read["train"], labels, longest, seed).items()
    ]
    fitted.append((WHOLE, fit_naive_bayes(whole["train"], labels, longest, seed), whole))
    scored = [
        Scored(
            name,
            PREFIXES[name],
            *(from_columns(model.predict_proba(reviews[split])) for split in ("validation", "test")),
        )
        for name, model, reviews in fitted
    ]
    shares = DummyClassifier(strategy="prior").fit(np.zeros((len(labels), 1)), labels)
    guesses = (
        from_columns(shares.predict_proba(np.zeros((len(padded[split]["labels"]), 1))))
        for split in ("validation", "test")
    )
    return [*scored, Scored(MAJORITY, PREFIXES[MAJORITY], *guesses)]


def stronger_baseline(rivals: Sequence[Scored], labels: np.ndarray) -> Scored:
    """Of the two that read what the network reads, the one with the better validation accuracy.

    The naive Bayes one where both are as good.

    Args:
        rivals: of :func:`score_rivals`.
        labels: (num_reviews,), of the validation reviews.
    """
    same_tokens = [rival for rival in rivals if rival.name in (NAIVE_BAYES, TFIDF)]
    return max(same_tokens, key=lambda rival: rival.validation_accuracy(labels))
