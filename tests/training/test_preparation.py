"""What fits share: which word vectors, soft labels and pieces of reviews a study's trials may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.params import Params, ParamsError, load_params
from pipeline.training import preparation
from pipeline.training.preparation import prepared_data
from pipeline.training.task import vectors_name

PLAIN = load_params(Path(__file__).resolve().parents[2] / "pipeline/params/plain.yaml")
REVIEWS = {
    "tokens": np.arange(4, 10, dtype=np.int32),
    "offsets": np.array([0, 4, 6]),
    "token_ids": np.zeros((2, 3), np.int32),
    "labels": np.array([0, 1]),
}
LABELLED = {"train.token_ids", "train.labels", "validation.token_ids", "validation.labels"}
SPLITS = {"train": REVIEWS, "validation": REVIEWS, "unlabelled": REVIEWS}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors filled with the passes that made them, one soft label for all."""

    def vectors(params: Params, chosen: Any, _splits: Mapping[str, Any]) -> np.ndarray:
        return np.full((10, params.model.embedding_dim), chosen.epochs, np.float32)

    monkeypatch.setattr(preparation, "_vectors", vectors)
    monkeypatch.setattr(preparation, "_soft_labels", lambda params, splits: np.array([0.25, 0.75]))


def prepared(folder: Path, **values: Any) -> tuple[Params, dict[str, np.ndarray]]:
    space = values.pop("space", {})
    tree = {key.replace("__", "."): value for key, value in values.items()}
    params = PLAIN.replace({"tune.trials": 3, "tune.epochs": None, "tune.search_space": space, **tree})
    return params, prepared_data(params, SPLITS, "digest", folder)


def test_nothing_is_made_where_nothing_is_asked_for(tmp_path: Path) -> None:
    _, made = prepared(tmp_path)
    assert set(made) == LABELLED
    assert not list(tmp_path.iterdir())


def test_each_searched_value_has_vectors_of_its_own(tmp_path: Path) -> None:
    space = {"vectors.epochs": {"choices": [0, 7]}, "model.embedding_dim": {"choices": [4, 6]}}
    params, made = prepared(tmp_path, vectors__epochs=2, model__embedding_dim=4, space=space)
    shapes = {}
    for epochs in (2, 7):
        for width in (4, 6):
            trial = params.replace({"vectors.epochs": epochs, "model.embedding_dim": width})
            shapes[epochs, width] = made[vectors_name(trial)].shape
            assert (made[vectors_name(trial)] == epochs).all()
    assert shapes == {(2, 4): (10, 4), (2, 6): (10, 6), (7, 4): (10, 4), (7, 6): (10, 6)}
    assert vectors_name(params.replace({"vectors.epochs": 0})) not in made


def test_plain_training_has_those_of_the_configured_values_alone(tmp_path: Path) -> None:
    space = {"vectors.epochs": {"choices": [7]}}
    params, made = prepared(tmp_path, vectors__epochs=2, tune__trials=1, space=space)
    assert set(made) - LABELLED == {vectors_name(params)}


def test_vectors_are_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, first = prepared(tmp_path, vectors__epochs=2)
    monkeypatch.setattr(preparation, "_vectors", lambda *_: pytest.fail("made again"))
    _, again = prepared(tmp_path, vectors__epochs=2)
    assert {name: found.tolist() for name, found in again.items()} == {
        name: found.tolist() for name, found in first.items()
    }


def test_a_trial_that_may_distil_or_pretrain_finds_what_it_needs(tmp_path: Path) -> None:
    space = {"distill.epochs": {"choices": [0, 2]}, "pretrain.epochs": {"choices": [0, 1]}}
    _, made = prepared(tmp_path, pad__max_length=3, space=space)
    assert made["unlabelled.labels"].tolist() == [0.25, 0.75]
    assert made["unlabelled.token_ids"] is REVIEWS["token_ids"]
    # Of 4 5 6 7 and 8 9, in pieces of 3, twice: training and unlabelled reviews; 7 stands alone.
    assert made["windows"].tolist() == [[4, 5, 6], [8, 9, 0]] * 2


def test_soft_labels_are_no_matter_for_trials_that_learn_labels_alone() -> None:
    space = {"distill.epochs": {"choices": [0, 2]}}
    with pytest.raises(
        ParamsError, match=r"tune\.search_space\.distill\.epochs: trials of tune\.epochs \(1\)"
    ):
        PLAIN.replace({"tune.trials": 3, "tune.epochs": 1, "tune.search_space": space})
