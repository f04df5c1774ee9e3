"""One fold as the engine runs it: fits the network and its rivals, and judges them."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold

from pipeline.evaluation.baselines import MODEL, score_rivals
from pipeline.evaluation.calibration import worthwhile_calibration
from pipeline.evaluation.metrics import Metrics, classification_metrics, weights_of
from pipeline.networks.devices import import_keras
from pipeline.params import Params
from pipeline.reviews.dataset import padded_arrays
from pipeline.reviews.ragged import Labels, Ragged, Reviews, Rows
from pipeline.reviews.splitting import TEST, TRAIN, UNLABELLED, VALIDATION, draw_stratified
from pipeline.reviews.vocabulary import OOV_ID
from pipeline.runtime.errors import UserError
from pipeline.training.preparation import prepare_data
from pipeline.training.task import Listen, fit, network_of

Arrays = Mapping[str, np.ndarray]


def judge_fold(params: Params, fold: Fold, longest: int, data: Arrays, listen: Listen) -> dict[str, Metrics]:
    """What the test reviews of the fold say of each classifier.

    Args:
        params: of the configured network, which is trained in full, as the train stage does it.
        fold: whose reviews are judged.
        longest: the baselines' n-grams are of 1 to so many tokens.
        data: of ``study.all_reviews``.
        listen: told of each epoch.

    Returns:
        By the classifier's name, the metrics of ``classification_metrics``.
    """
    reviews = Reviews(data["tokens"], data["offsets"], data["labels"])
    seed = params.seed + fold.repeat * 1000 + fold.number
    splits: dict[str, Ragged] = {
        **splits_of(reviews, fold, params.pad.validation_fraction, seed),
        UNLABELLED: Ragged(data["unlabelled_tokens"], data["unlabelled_offsets"]),
    }
    padded = {name: padded_arrays(part, np.arange(len(part)), params.pad) for name, part in splits.items()}
    validation, test = fit_and_predict(params, seed, padded, data.get("vectors"), listen)
    labels = padded[VALIDATION]["labels"].astype(np.int64)
    weights = weights_of(params.train.class_weights, labels, test.shape[1])
    judged = {name: padded[name] for name in (TRAIN, VALIDATION, TEST)}
    said = {MODEL: worthwhile_calibration(labels, validation, weights).apply(test)}
    said |= {each.name: each.test for each in score_rivals(judged, splits, longest, params.seed)}
    return {name: classification_metrics(padded[TEST]["labels"], each) for name, each in said.items()}


def fit_and_predict(
    params: Params, seed: int, padded: Mapping[str, Arrays], vectors: np.ndarray | None, listen: Listen
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of validation and test reviews, of a network fitted as the train stage does it."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # else it warns of each fold's own network
    import_keras()
    from pipeline.networks.fused import choose_implementation  # noqa: PLC0415 - in the processes that fit
    from pipeline.training.compiled import compile_prediction  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        data = prepare_data(params, padded, "fold", Path(folder), vectors)
        model = network_of(fit(params, seed, data, listen).network)
    predict = compile_prediction(model, choose_implementation(params.model, params.train))
    return predict(padded[VALIDATION]["token_ids"]), predict(padded[TEST]["token_ids"])


# Which reviews are trained on, stop the fit, and are judged, in each fold.


class Fold(NamedTuple):
    """One split of all reviews.

    Attributes:
        repeat: from 1; each repeat shuffles anew.
        number: from 1, in its repeat; 0 of a learning curve, whose folds are all judged by the same reviews.
        test: the rows that are judged: in each repeat every review once.
        part: of the other reviews one in so many is fitted to, drawn with each label's share.
    """

    repeat: int
    number: int
    test: Rows
    part: int = 1

    @property
    def name(self) -> str:
        """``repeat 2, fold 3``."""
        what = f"fold {self.number}" if self.number else f"1/{self.part} of the labels"
        return f"repeat {self.repeat}, {what}"


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
    the fold holds is an unknown one. Validation reviews are drawn, by ``seed``, with each label's share.
    """
    keys = np.array(reviews.keys(), dtype=object)
    judged = set(keys[fold.test])
    others = np.setdiff1d(np.arange(len(reviews)), fold.test)
    others = others[np.array([key not in judged for key in keys[others]], dtype=bool)]
    if fold.part > 1:
        others = others[draw_stratified(reviews.labels[others], 1 / fold.part, seed)]
    drawn = others[draw_stratified(reviews.labels[others], validation_fraction, seed)]
    rows = {TRAIN: np.setdiff1d(others, drawn), VALIDATION: drawn, TEST: fold.test}
    parts = {name: reviews.select(each) for name, each in rows.items()}
    known = np.zeros(int(reviews.tokens.max(initial=OOV_ID)) + 1, bool)
    known[parts[TRAIN].tokens] = True
    return {
        name: Reviews(np.where(known[part.tokens], part.tokens, np.int32(OOV_ID)), part.offsets, part.labels)
        for name, part in parts.items()
    }
