"""A teacher without a network: its soft labels let one learn from reviews that nobody labelled.

Knowledge distillation (Hinton, Vinyals & Dean, 2015). The teacher reads whole reviews, also where the network
reads their last words only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix, hstack
from scipy.special import softmax
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfTransformer

from pipeline.evaluation.baselines import LogCountRatio, fit_baselines, regression
from pipeline.evaluation.calibration import fit_calibration
from pipeline.evaluation.ngrams import find_ngrams
from pipeline.reviews.ragged import Ragged

OfReviews = Callable[[Ragged], np.ndarray]  # a row of each
_SMALLEST = 1e-6


def soft_labels(
    train: Ragged,
    labels: np.ndarray,
    validation: Ragged,
    validation_labels: np.ndarray,
    unlabelled: Ragged,
    seed: int,
    documents: OfReviews | None = None,
) -> np.ndarray:
    """What the strongest cheap classifiers, fitted on ``train``, say of reviews without a label.

    The mean of the two bags of n-grams' logits (Wang & Manning's naive Bayes weights; TF-IDF); with
    ``documents``, one logistic regression on both bags and these vectors. Calibrated on the validation
    reviews, so that a soft label is a probability.

    Args:
        train: whole reviews; ``labels`` whole numbers from 0, (num_reviews,).
        validation: whole reviews; ``validation_labels`` likewise.
        unlabelled: whole reviews.
        seed: of the order in which the solver takes the reviews.
        documents: gives a vector of each review.

    Returns:
        The probabilities: float32 (num_unlabelled, num_labels).
    """
    predict = _bags(train, labels, seed) if documents is None else _of_both(train, labels, seed, documents)
    calibration = fit_calibration(validation_labels.astype(np.int64), predict(validation))
    parts = [calibration.apply(predict(part)) for part in unlabelled.parts()]
    return np.concatenate(parts).astype(np.float32)


def _bags(train: Ragged, labels: np.ndarray, seed: int) -> OfReviews:
    bags = fit_baselines(train, labels, seed=seed).values()

    def predict(reviews: Ragged) -> np.ndarray:
        said = np.stack([bag.predict_proba(reviews) for bag in bags]).clip(_SMALLEST, 1 - _SMALLEST)
        return np.asarray(softmax(np.log(said).mean(axis=0), axis=1))

    return predict


def _of_both(train: Ragged, labels: np.ndarray, seed: int, documents: OfReviews) -> OfReviews:
    ngrams, counts = find_ngrams(train, 2)
    of_train = documents(train)
    mean, deviation = of_train.mean(0), np.maximum(of_train.std(0), 1e-12)

    def join(counts: csr_matrix, vectors: np.ndarray) -> csr_matrix:
        return hstack([counts, csr_matrix((vectors - mean) / deviation)], format="csr", dtype=np.float32)

    bag = slice(0, len(ngrams))
    features = ColumnTransformer(
        [
            ("naive_bayes", LogCountRatio(), bag),
            ("tfidf", TfidfTransformer(sublinear_tf=True), bag),
            ("documents", "passthrough", slice(len(ngrams), None)),
        ],
        transformer_weights={"tfidf": 5.0},  # else their rows of length 1 count for little
        sparse_threshold=1.0,
    )
    classifier = regression(features, 0.1, seed).fit(join(counts, of_train), labels)
    return lambda reviews: np.asarray(
        classifier.predict_proba(join(ngrams.counts(reviews), documents(reviews)))
    )
