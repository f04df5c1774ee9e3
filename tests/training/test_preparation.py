"""What fits share: which word vectors, soft labels and pieces of reviews a study's trials may ask for."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.networks.ngrams import NgramVectors
from pipeline.params import Params, ParamsError, VectorParams
from pipeline.reviews.ragged import Ragged
from pipeline.runtime.files import read_arrays
from pipeline.training import preparation
from pipeline.training.preparation import prepare_data
from pipeline.training.task import ngrams_name, some_reviews, vectors_name
from pipeline.training.vectors import LearntNgrams
from plain import plain_params
from texts import reviews_of

PLAIN = plain_params().replace({"pad.vocab_size": 10})
REVIEWS = {
    "tokens": np.arange(4, 10, dtype=np.int32),
    "offsets": np.array([0, 4, 6]),
    "token_ids": np.array([[5, 6, 7], [8, 9, 0]], np.int32),
    "labels": np.array([0, 1]),
}
LABELLED = {"train.token_ids", "train.labels", "validation.token_ids", "validation.labels"}
SPLITS = {"train": REVIEWS, "validation": REVIEWS, "unlabelled": REVIEWS}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors filled with the passes that made them, one soft label for all."""

    def vectors(_read: Any, vocab_size: int, dimension: int, chosen: VectorParams, *_: Any) -> np.ndarray:
        return np.full((vocab_size, dimension), chosen.epochs, np.float32)

    monkeypatch.setattr(preparation, "skip_gram", vectors)
    monkeypatch.setattr(preparation, "cores", lambda: 1)  # all in this process
    monkeypatch.setattr(preparation, "soft_labels", lambda *_: np.array([0.25, 0.75]))


def prepared(folder: Path, **values: Any) -> tuple[Params, dict[str, np.ndarray]]:
    space = values.pop("space", {})
    tree = {key.replace("__", "."): value for key, value in values.items()}
    params = PLAIN.replace({"tune.trials": 3, "tune.epochs": None, "tune.search_space": space, **tree})
    return params, prepare_data(params, SPLITS, "digest", folder)


def test_nothing_is_made_where_nothing_is_asked_for(tmp_path: Path) -> None:
    _, made = prepared(tmp_path)
    assert set(made) == LABELLED
    assert not list(tmp_path.iterdir())


def test_each_searched_value_has_vectors_of_its_own(tmp_path: Path) -> None:
    space = {"vectors.epochs": {"choices": [0, 7]}, "model.embedding_dim": {"choices": [4, 6]}}
    params, made = prepared(tmp_path, vectors__epochs=2, model__embedding_dim=4, space=space)
    for epochs, width in product((2, 7), (4, 6)):
        trial = params.replace({"vectors.epochs": epochs, "model.embedding_dim": width})
        np.testing.assert_array_equal(made[vectors_name(trial)], np.full((10, width), epochs, np.float32))
    assert vectors_name(params.replace({"vectors.epochs": 0})) not in made


def test_plain_training_has_those_of_the_configured_values_alone(tmp_path: Path) -> None:
    space = {"vectors.epochs": {"choices": [7]}}
    params, made = prepared(tmp_path, vectors__epochs=2, tune__trials=1, space=space)
    assert set(made) - LABELLED == {vectors_name(params)}


def test_vectors_are_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, first = prepared(tmp_path, vectors__epochs=2)
    monkeypatch.setattr(preparation, "skip_gram", lambda *_: pytest.fail("made again"))
    _, again = prepared(tmp_path, vectors__epochs=2)
    np.testing.assert_equal(again, first)


def test_ngrams_are_learnt_once_for_all_networks_and_scaled_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those of a dictionary; a step's sums have the deviation, the means too."""
    words = [[4, 5], [4, 5, 6], [4, 5, 7], [6, 7], [6, 8]]
    reviews = {
        **vars(reviews_of(words, [0, 0, 0, 1, 1])),
        "token_ids": np.array([[*each, 0, 0][:4] for each in words], np.int32),
    }
    splits = {"train": reviews, "validation": reviews, "unlabelled": reviews}
    space = {"model.step_words": {"choices": [1, 2]}}
    values = {"tune.trials": 3, "tune.search_space": space, "vectors.ngrams": 3, "pad.padding": "post"}
    params = PLAIN.replace(values)
    made = prepare_data(params, splits, "digest", tmp_path)
    monkeypatch.setattr(preparation, "learn_ngrams", lambda *_: pytest.fail("made again"))
    assert made.keys() == prepare_data(params, splits, "digest", tmp_path).keys()
    assert len(list(tmp_path.iterdir())) == 1
    learnt = LearntNgrams(**read_arrays(next(tmp_path.iterdir())))
    assert learnt.words.tolist() == [4, 5, 6, 7, 8]
    # 4 5 stands in six of the ten reviews, 5 6, 5 7, 6 7 and 6 8 in two.
    pairs = [(4 + pair // learnt.base, pair % learnt.base) for pair in learnt.pairs]
    assert pairs == [(4, 5), (5, 6), (5, 7), (6, 7), (6, 8)]
    assert learnt.reviews.tolist() == [6, 6, 6, 4, 2, 6, 2, 2, 2, 2]
    for step_words in (1, 2):
        name = ngrams_name(params.replace({"model.step_words": step_words}))
        ngrams = NgramVectors(*(made[f"{name} {field}"] for field in NgramVectors._fields))
        ids = reviews["token_ids"]
        of_words = ngrams.of(ids)
        steps = of_words.reshape(5, -1, step_words, 3).sum(2)
        real = ids[:, ::step_words] > 0
        assert steps[real].std() == pytest.approx(params.vectors.deviation, rel=1e-4)
        means = steps.sum(1) / real.sum(1)[:, None] * ngrams.scale + ngrams.shift
        np.testing.assert_allclose(means.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(means.std(0), params.vectors.deviation, rtol=1e-4)
        first, second = learnt.vectors[0], learnt.vectors[1] + learnt.vectors[5]  # of 4; of 5 and of 4 5
        scale = of_words[0, 0, 0] / first[0]
        np.testing.assert_allclose(of_words[0, :2], np.stack([first, second]) * scale, rtol=1e-4)


def test_a_teacher_reads_document_vectors_where_ngrams_are_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(*given: Any) -> np.ndarray:
        asked.append(given[-1])
        return np.ones(2)

    monkeypatch.setattr(preparation, "soft_labels", ask)
    for ngrams, teacher in ((0, "auto"), (2, "bags"), (2, "auto"), ("auto", "auto")):
        values = {"vectors__ngrams": ngrams, "distill__teacher": teacher, "distill__epochs": 1}
        prepared(tmp_path / f"{ngrams}{teacher}", tune__trials=1, **values)
    assert [documents is not None for documents in asked] == [False, False, True, False]  # auto: few words
    documents = asked[2](Ragged(np.array([4, 5, 9]), np.array([0, 2, 3])))
    assert documents.shape == (2, 2)
    assert np.isfinite(documents).all()


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


def test_some_reviews_are_drawn_at_random_and_no_label_is_lost() -> None:
    labels = np.repeat([0, 1, 2], [600, 399, 1])
    rows = some_reviews(labels, 200, seed=3)
    assert len(rows) == len(set(rows.tolist())) in (200, 201)
    assert 999 in rows  # the only review of its label
    assert 90 <= (labels[rows] == 0).sum() <= 150  # 120 of 200 in the mean
    assert rows.tolist() == some_reviews(labels, 200, seed=3).tolist()
    assert rows.tolist() != some_reviews(labels, 200, seed=4).tolist()
