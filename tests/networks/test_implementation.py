"""Which way the recurrent layers are computed, on machines with and without a GPU."""

from __future__ import annotations

import pytest

from pipeline.networks import implementation
from pipeline.networks.implementation import choose_implementation
from pipeline.params import Params


@pytest.mark.parametrize(
    ("changes", "on_gpu", "on_cpu"),
    [
        ({"model.cell": "lstm"}, "cudnn", "fused"),
        ({"model.cell": "gru"}, "cudnn", "fused"),
        ({"model.cell": "simple_rnn"}, "fused", "fused"),  # cuDNN's is not reached by Keras
        ({"model.activation": "relu"}, "fused", "fused"),
        ({"model.recurrent_dropout": 0.1}, "keras", "keras"),
        ({"train.implementation": "keras"}, "keras", "keras"),
    ],
)
def test_auto_takes_cudnn_on_a_gpu_where_it_can_compute_the_network(
    changes: dict[str, object], on_gpu: str, on_cpu: str, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = params.replace(changes)
    for gpu, kind in ((True, on_gpu), (False, on_cpu)):
        monkeypatch.setattr(implementation, "gpu_names", lambda _, gpu=gpu: ["H100"] * gpu)
        found = choose_implementation(chosen.model, chosen.train)
        assert (found.kind, found.name) == (kind, f"{kind} (tensorflow)")
        assert found.xla == (kind != "cudnn"), "XLA can't hold cuDNN's kernels"


@pytest.mark.parametrize(("batch_size", "shards"), [(127, 1), (128, 2), (255, 2), (256, 4)])
def test_a_large_fused_batch_is_computed_in_parts(batch_size: int, shards: int) -> None:
    assert implementation.Implementation("fused", "tensorflow", 32).shards(batch_size) == shards
    assert implementation.Implementation("keras", "tensorflow", 32).shards(batch_size) == 1


@pytest.mark.parametrize(
    ("cell", "units", "batch_size", "plain"),
    [
        ("lstm", 128, 128, True),
        ("lstm", [32, 128], 128, True),
        ("lstm", 127, 128, False),
        ("lstm", 256, 64, False),
        ("gru", 256, 128, False),
        ("simple_rnn", 256, 256, False),
    ],
)
def test_auto_takes_the_plain_layer_at_sizes_where_it_is_faster(
    cell: str,
    units: int | list[int],
    batch_size: int,
    plain: bool,
    params: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(implementation, "gpu_names", lambda _: [])
    sizes = {"tune.trials": 1, "model.units": units, "train.batch_size": batch_size}
    chosen = params.replace({"model.cell": cell, **sizes})
    found = choose_implementation(chosen.model, chosen.train)
    assert (found.kind, found.xla) == (("keras", False) if plain else ("fused", True))
    fused = chosen.replace({"train.implementation": "fused"})
    assert choose_implementation(fused.model, fused.train).xla, "its loop is slow without XLA"
