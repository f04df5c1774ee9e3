"""A bag-of-words teacher: its soft labels let a network learn from reviews that nobody labelled.

Knowledge distillation (Hinton, Vinyals & Dean, 2015). The teacher reads whole reviews, also where the
network reads their last words only.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, softmax

from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.calibration import fit_calibration
from pipeline.evaluation.ngrams import Ragged
from pipeline.evaluation.probabilities import from_columns

_SMALLEST = 1e-6


def soft_labels(
    train: Ragged,
    labels: np.ndarray,
    validation: Ragged,
    validation_labels: np.ndarray,
    unlabelled: Ragged,
    seed: int,
) -> np.ndarray:
    """What the strongest cheap classifiers, fitted on ``train``, say of reviews without a label.

    The mean of the two bags of n-grams' logits (Wang & Manning's naive Bayes weights; TF-IDF), calibrated on
    the validation reviews, so that a soft label is a probability.

    Args:
        train: whole reviews; ``labels`` whole numbers from 0, (num_reviews,).
        validation: whole reviews; ``validation_labels`` likewise.
        unlabelled: whole reviews.
        seed: of the order in which the solver takes the reviews.

    Returns:
        The probability of label 1: float32 (num_unlabelled,); of more than two labels, of each,
        (num_unlabelled, num_labels).
    """
    teachers = fit_baselines(train, labels, seed=seed).values()

    def probabilities(reviews: Ragged) -> np.ndarray:
        return _pooled([from_columns(teacher.predict_proba(reviews)) for teacher in teachers])

    calibration = fit_calibration(validation_labels.astype(np.int64), probabilities(validation))
    return calibration.apply(probabilities(unlabelled)).astype(np.float32)


def _pooled(said: list[np.ndarray]) -> np.ndarray:
    """The probabilities whose logits are the mean of several classifiers': float64, of their shape."""
    clipped = np.stack(said).clip(_SMALLEST, 1 - _SMALLEST)
    if clipped.ndim == 2:
        return np.asarray(expit(logit(clipped).mean(axis=0)))
    return np.asarray(softmax(np.log(clipped).mean(axis=0), axis=1))
