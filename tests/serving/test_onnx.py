"""ONNX networks against Keras: every part of the pipeline's networks, and what can't be converted."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import Params
from pipeline.registry.packaging import check_onnx
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.serving.onnx_export import to_onnx
from pipeline.serving.onnx_network import OnnxNetwork
from random_networks import ngram_vectors, randomized
from two_labels import both

PROJECT = Path(__file__).resolve().parents[2]
layers = keras.layers
VOCAB_SIZE, LENGTH = 30, 9


def rows(padding: str, lengths: range = range(1, LENGTH + 1)) -> np.ndarray:
    """A row of each length, int32 (len(lengths), LENGTH), in an order that is not theirs."""
    random = np.random.default_rng(1)
    token_ids = random.integers(1, VOCAB_SIZE, (len(lengths), LENGTH)).astype(np.int32)
    for row, length in enumerate(lengths):
        token_ids[row, slice(LENGTH - length) if padding == "pre" else slice(length, None)] = PAD_ID
    return token_ids[random.permutation(len(token_ids))]


def keras_probabilities(model: keras.Model, token_ids: np.ndarray) -> np.ndarray:
    return both(keras.ops.convert_to_numpy(model(token_ids, training=False))[:, 0])


def converted(model: keras.Model, folder: Path) -> OnnxNetwork:
    (folder / "model.onnx").write_bytes(to_onnx(model).SerializeToString())
    return OnnxNetwork(folder / "model.onnx")


def network(top: Callable[..., Any], mask: bool = False) -> keras.Model:
    """Embedding, then ``top`` of its output (and a mask), then one sigmoid unit."""
    token_ids = keras.Input((LENGTH,), dtype="int32")
    embedded = layers.Embedding(VOCAB_SIZE, 4)(token_ids)
    features = top(embedded, keras.ops.not_equal(token_ids, PAD_ID)) if mask else top(embedded)
    return randomized(keras.Model(token_ids, layers.Dense(1, "sigmoid")(features)))


SETTINGS: list[dict[str, Any]] = [
    *({"cell": cell} for cell in ("simple_rnn", "lstm", "gru")),
    *(
        {"cell": cell, "bidirectional": True, "masking": True, "activation": "relu", "identity_scale": 0.5}
        for cell in ("simple_rnn", "lstm", "gru")
    ),
    {"cell": "lstm", "units": (6, 5, 4), "pooling": "max", "masking": True},
    {"bidirectional": True, "masking": True, "layer_normalization": True, "pooling": "max_mean"},
    {"cell": "simple_rnn", "skip": "residual", "pooling": "mean"},
    {"skip": "highway", "masking": True, "pooling": "mean", "units": (6, 5, 4)},
    {"cell": "lstm", "bidirectional": True, "skip": "residual", "embedding_dropout": 0.2},
    {"layer_pooling": "max", "pooling": "max_mean", "word_dropout": 0.1, "output_dropout": 0.5},
    {"cell": "lstm", "layer_pooling": "max", "pooling": "max_mean", "masking": True, "bidirectional": True},
    {"ngrams": 40},
    {"step_words": 2, "ngrams": 40, "layer_pooling": "max", "masking": True, "bidirectional": True},
]


def test_onnx_runtime_tells_nobody(tmp_path: Path) -> None:
    """It keeps the number of the device, and what it is yet to send, in the user's cache."""
    silent = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "TRAVIS", "JENKINS_URL", "ORT_DISABLE_TELEMETRY"}
    kept = {key: value for key, value in os.environ.items() if key not in silent}
    code = "import pipeline.serving.onnx_network, onnxruntime; onnxruntime.SessionOptions()"
    words = [sys.executable, "-c", code]
    subprocess.run(words, env=kept | {"XDG_CACHE_HOME": str(tmp_path)}, cwd=PROJECT, check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_pipelines_networks_give_keras_probabilities(
    setting: dict[str, Any], params: Params, tmp_path: Path
) -> None:
    ngrams = ngram_vectors(40, VOCAB_SIZE) if setting.get("ngrams") else None
    values = {"model.depth": 3, "model.units": 6} | {
        f"model.{key}": value for key, value in setting.items() if key != "ngrams"
    }
    chosen = params.replace({"tune.trials": 1, "pad.padding": "post"} | values).model
    model = randomized(build_stacked_rnn(chosen, VOCAB_SIZE, LENGTH, seed=1, ngrams=ngrams))
    computed = converted(model, tmp_path)
    # Without a mask padding is a word like others; pairs of steps are counted from a row's first word.
    paddings = ("post", "pre") if chosen.masking and chosen.layer_pooling == "none" else ("post",)
    for padding in paddings:
        token_ids = rows(padding)
        expected = keras_probabilities(model, token_ids)
        assert np.ptp(expected) > 0.005  # the rows differ, so equality says something
        np.testing.assert_allclose(computed(token_ids), expected, atol=2e-6)
        # A row alone is cut to its own length, where it may be.
        for row, probability in zip(token_ids, expected, strict=True):
            np.testing.assert_allclose(computed(row[None]), [probability], atol=2e-6)


def test_a_layer_may_give_its_last_state_alone(tmp_path: Path) -> None:
    def top(embedded: Any, mask: Any) -> Any:
        return layers.Bidirectional(layers.LSTM(3))(layers.Dropout(0.5)(embedded), mask=mask)

    model = network(top, mask=True)
    computed = converted(model, tmp_path)(rows("post"))
    np.testing.assert_allclose(computed, keras_probabilities(model, rows("post")), atol=2e-6)


def test_the_model_is_of_standard_recurrent_operators_and_takes_any_batch_and_length() -> None:
    model = to_onnx(network(lambda x: layers.LSTM(3)(layers.GRU(3, return_sequences=True)(x))))
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("LSTM") == operators.count("GRU") == 1
    assert not {"Loop", "Scan", "If"} & set(operators)
    (opset,) = model.opset_import
    assert opset.version <= 17  # runtimes of 2022 read it
    (taken,) = model.graph.input
    assert taken.name == "token_ids"
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.INT32
    assert [axis.dim_param for axis in taken.type.tensor_type.shape.dim] == ["batch", "steps"]


def test_many_rows_come_back_in_their_order(tmp_path: Path) -> None:
    masked = network(lambda x, mask: layers.GRU(3)(x, mask=mask), mask=True)
    computed = converted(masked, tmp_path)
    many = np.concatenate([rows("pre"), rows("post")] * 10)
    np.testing.assert_allclose(computed(many), keras_probabilities(masked, many), atol=2e-6)
    assert computed(many[:0]).shape == (0, 2)


def test_a_difference_from_keras_is_found_at_the_only_length_that_has_it() -> None:
    token_ids = rows("pre")
    probabilities = both(np.full(len(token_ids), 0.5))

    def shortest_differs(chosen: np.ndarray) -> np.ndarray:
        return both(np.where((chosen != PAD_ID).sum(1) == 1, 0.5 + 2e-5, 0.5))

    check_onnx(lambda chosen: both(np.full(len(chosen), 0.5 + 5e-6)), token_ids, probabilities)
    with pytest.raises(ValueError, match="up to 2e-05 from Keras'"):
        check_onnx(shortest_differs, token_ids, probabilities)
    with pytest.raises(ValueError, match="up to nan"):
        check_onnx(lambda chosen: both(np.full(len(chosen), np.nan)), token_ids, probabilities)


@pytest.mark.parametrize(
    ("top", "named"),
    [
        (lambda x: layers.GRU(3)(layers.Conv1D(3, 2)(x)), "conv1d.* keras.layers.Conv1D"),
        (lambda x: layers.GRU(3, reset_after=False)(x), "reset_after = False"),
        (lambda x: layers.LSTM(3, go_backwards=True)(x), "go_backwards = True"),
        (lambda x: layers.SimpleRNN(3, activation="gelu")(x), "'gelu'"),
        (lambda x: layers.Bidirectional(layers.LSTM(3), merge_mode="sum")(x), "merge_mode = 'sum'"),
    ],
)
def test_what_can_not_be_converted_is_named(top: Callable[[Any], Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        to_onnx(network(top))
