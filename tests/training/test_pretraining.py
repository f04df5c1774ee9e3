"""Next-word prediction by hand-computed values; that it changes the start is in tests/test_training.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.params import ParamsError, load_params
from pipeline.training.backend import select_backend

PARAMS = load_params(Path(__file__).resolve().parents[2] / "pipeline/params/plain.yaml")
select_backend(PARAMS.train)

import keras  # noqa: E402

from pipeline.networks.stacked_rnn import build_stacked_rnn  # noqa: E402
from pipeline.training.pretraining import language_model, next_word_objective  # noqa: E402


def test_objective_is_the_mean_over_the_words_that_follow() -> None:
    token_ids = np.array([[0, 1, 2, 1], [1, 2, 0, 0]], np.int32)
    logits = np.zeros((2, 4, 3), np.float32)
    logits[0, 1] = [0, 0, np.log(2)]  # 2 follows: probability 2 / 4
    logits[0, 2] = [np.log(6), 0, 0]  # 1 follows: probability 1 / 8
    # Review 0: after the padding comes 1 (1 / 3), then 2 (1 / 2), then 1 (1 / 8); of ties argmax takes id 0.
    # Review 1: after 1 comes 2 (1 / 3); the padding that follows isn't a word.
    losses, hits = next_word_objective(logits, token_ids, None)
    np.testing.assert_allclose(losses, [np.log(3 * 2 * 8) / 3, np.log(3)], rtol=1e-6)
    np.testing.assert_allclose(hits, [1 / 3, 0], rtol=1e-6)


def test_language_model_is_the_networks_own_stack_and_looks_only_back() -> None:
    params = PARAMS.model.model_copy(update={"units": 3, "depth": 2, "dropout": 0.0})
    network = build_stacked_rnn(params, 9, 5, seed=1)
    words = language_model(network, 9, seed=1)
    shared = [variable.path for variable in network.trainable_variables if "probability" not in variable.path]
    assert [variable.path for variable in words.trainable_variables][:-2] == shared
    token_ids = np.array([[1, 2, 3, 4, 5]], np.int32)
    changed = np.array([[1, 2, 3, 8, 8]], np.int32)
    before, after = (keras.ops.convert_to_numpy(words(ids)) for ids in (token_ids, changed))
    assert before.shape == (1, 5, 9)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert np.abs(before[:, 3] - after[:, 3]).max() > 1e-4


def test_bidirectional_pretraining_is_an_error_that_names_both_parameters() -> None:
    with pytest.raises(ParamsError, match=r"pretrain\.epochs is 1, but model\.bidirectional is true"):
        PARAMS.replace({"pretrain.epochs": 1, "model.bidirectional": True})


def test_fused_wish_that_cannot_be_met_names_both_parameters() -> None:
    wish = {"train.implementation": "fused", "model.recurrent_dropout": 0.1}
    with pytest.raises(ParamsError, match=r"train\.implementation is fused, but model\.recurrent_dropout is"):
        PARAMS.replace(wish)
