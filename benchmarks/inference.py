"""What the network alone costs: ONNX Runtime as it serves, beside Keras and PyTorch, at two sizes.

    python -m benchmarks.inference

Weights are random: they change no time. Rows are of all lengths; each runtime gets the same cores.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from benchmarks.results import machine, write_section
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import ModelParams, load_params
from pipeline.params.presets import read_preset
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.serving.onnx_export import to_onnx
from pipeline.serving.onnx_network import OnnxNetwork
from pipeline.tracking.runs import network_name

VOCAB_SIZE, BULK, SINGLE = 10_000, 1024, 200
KERAS_BATCH = 128
NETWORKS = {"params.yaml": {}, "accurate": read_preset("accurate")}
Predict = Callable[[np.ndarray], object]


def main() -> None:
    """Measures and writes the table."""
    lines = ["## The network alone", "", f"{machine()}. Rows of 20 tokens to the full length.", ""]
    lines += ["| network | runtime | one review, ms: median | 95th | 99th percentile | reviews a second |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for name, values in NETWORKS.items():
        params = load_params().replace(values)
        length = params.pad.of_reviews([400]).row_length
        size = f"{name}: {network_name(params.flat())}, {length} tokens"
        token_ids = rows(length, params.pad.padding)
        for runtime, predict in runtimes(params.model, length).items():
            times = single(predict, token_ids)
            shares = [f"{np.percentile(times, share):.2f}" for share in (50, 95, 99)]
            lines.append(f"| {size} | {runtime} | {' | '.join(shares)} | {rate(predict, token_ids):,.0f} |")
            print(lines[-1], flush=True)
    write_section("inference", "\n".join([*lines, ""]))


def rows(length: int, padding: str) -> np.ndarray:
    """int32 (BULK, length), of 20 to ``length`` tokens."""
    random = np.random.default_rng(0)
    token_ids = random.integers(3, VOCAB_SIZE, (BULK, length)).astype(np.int32)
    for row, tokens in enumerate(random.integers(20, length + 1, BULK)):
        token_ids[row, slice(length - tokens) if padding == "pre" else slice(tokens, None)] = PAD_ID
    return token_ids


def runtimes(model: ModelParams, length: int) -> dict[str, Predict]:
    """What computes the network, by name."""
    network = build_stacked_rnn(model, VOCAB_SIZE, length, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(to_onnx(network).SerializeToString())
        found: dict[str, Predict] = {"ONNX Runtime, as served": OnnxNetwork(path)}
    found["Keras `model.predict`"] = keras_predict(network)
    if importlib.util.find_spec("torch"):
        found["PyTorch, cut to the batch's longest"] = torch_predict(model)
    return found


def keras_predict(network: keras.Model) -> Predict:
    """Keras' own way."""
    return lambda token_ids: network.predict(token_ids, batch_size=KERAS_BATCH, verbose=0)


def torch_predict(model: ModelParams) -> Predict:
    """The same shapes in PyTorch, without weights in common: only the time is compared."""
    import torch  # noqa: PLC0415 - an extra

    kind = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[model.cell]
    embedding = torch.nn.Embedding(VOCAB_SIZE, model.embedding_dim)
    widths = (model.embedding_dim, *model.layer_widths)
    layers = [
        kind(width, units, batch_first=True, bidirectional=model.bidirectional)
        for width, units in zip(widths, model.layer_units, strict=False)
    ]
    output = torch.nn.Linear(widths[-1], 1)

    @torch.inference_mode()
    def predict(token_ids: np.ndarray) -> object:
        answers = []
        order = np.argsort((token_ids != PAD_ID).sum(1)) if model.masking else np.arange(len(token_ids))
        for start in range(0, len(order), KERAS_BATCH):
            batch = token_ids[order[start : start + KERAS_BATCH]]
            if model.masking:
                batch = batch[:, : (batch != PAD_ID).sum(1).max()]
            states = embedding(torch.from_numpy(batch))
            for place, layer in enumerate(layers):
                if place and model.layer_pooling == "max":
                    states = torch.nn.functional.max_pool1d(states.mT, 2, ceil_mode=True).mT
                states, _ = layer(states)
            answers.append(torch.sigmoid(output(states.amax(1) if model.masking else states[:, -1])))
        return torch.cat(answers)

    return predict


def single(predict: Predict, token_ids: np.ndarray) -> list[float]:
    """Milliseconds of each of SINGLE rows, after a few that don't count."""
    times = []
    for number in range(SINGLE + 10):
        row = token_ids[number : number + 1]
        started = time.perf_counter()
        predict(row)
        times.append((time.perf_counter() - started) * 1000)
    return times[10:]


def rate(predict: Predict, token_ids: np.ndarray) -> float:
    """Rows a second: the median of three runs, after one that doesn't count."""
    predict(token_ids)
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        predict(token_ids)
        rates.append(len(token_ids) / (time.perf_counter() - started))
    return statistics.median(rates)


if __name__ == "__main__":
    main()
