"""Which way the recurrent layers are computed, on machines with and without a GPU."""

from __future__ import annotations

import pytest

from pipeline.networks import fused as implementation
from pipeline.networks.fused import choose_implementation
from pipeline.params import Params


@pytest.mark.parametrize(
    ("changes", "on_gpu", "on_cpu"),
    [
        ({"model.cell": "lstm"}, "cudnn", "fused"),
        ({"model.cell": "gru"}, "cudnn", "fused"),
        ({"model.cell": "simple_rnn"}, "fused", "fused"),  # cuDNN's is not reached by Keras
        ({"model.activation": "relu"}, "fused", "fused"),
        ({"model.recurrent_dropout": 0.1}, "keras", "keras"),
        ({"model.masking": True, "model.bidirectional": True, "model.skip": "highway"}, "cudnn", "fused"),
        ({"train.implementation": "keras"}, "keras", "keras"),
    ],
)
def test_auto_takes_cudnn_on_a_gpu_where_it_can_compute_the_network(
    changes: dict[str, object], on_gpu: str, on_cpu: str, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = params.replace(changes)
    for gpu, kind in ((True, on_gpu), (False, on_cpu)):
        monkeypatch.setattr(implementation, "gpu_names", lambda gpu=gpu: ["H100"] * gpu)
        found = choose_implementation(chosen.model, chosen.train)
        assert found.kind == kind
        assert found.xla == (kind != "cudnn"), "XLA can't hold cuDNN's kernels"


@pytest.mark.parametrize(("batch_size", "shards"), [(127, 1), (128, 2), (1023, 2), (1024, 4)])
def test_a_large_fused_batch_is_computed_in_parts(batch_size: int, shards: int) -> None:
    assert implementation.Implementation("fused", 32).shards(batch_size) == shards
    assert implementation.Implementation("keras", 32).shards(batch_size) == 1


def test_cudnn_without_a_gpu_is_an_error_that_names_both(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implementation, "gpu_names", list)
    train = params.train.model_copy(update={"implementation": "cudnn"})
    with pytest.raises(ValueError, match=r"train\.implementation is cudnn, but TensorFlow finds no GPU"):
        choose_implementation(params.model, train)
