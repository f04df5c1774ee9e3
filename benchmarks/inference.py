"""What the network alone costs: ONNX Runtime as it serves, beside Keras and PyTorch, at two sizes.

    python -m benchmarks.inference

Weights are random: they change no time. Rows are of all lengths; each runtime gets the same cores.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import rate, time_each
from benchmarks.results import Section, table
from pipeline.networks.stacked_rnn import build_stacked_rnn
from pipeline.params import ModelParams, load_params
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.serving.onnx_export import to_onnx
from pipeline.serving.onnx_network import OnnxNetwork
from pipeline.tracking.runs import network_name

VOCAB_SIZE, BULK, SINGLE, BATCH, TOKENS = 10_000, 1024, 200, 128, 400
Predict = Callable[[np.ndarray], object]


def main() -> None:
    """Measures and writes the table."""
    section, lines = Section("inference", "The network alone"), []
    random = np.random.default_rng(0)
    token_ids = random.integers(3, VOCAB_SIZE, (BULK, TOKENS)).astype(np.int32)
    token_ids[np.arange(TOKENS) >= random.integers(20, TOKENS + 1, BULK)[:, None]] = PAD_ID
    single = [token_ids[row : row + 1] for row in range(SINGLE)]
    for size, values in (("default", {}), ("128 units", {"model.units": 128})):
        params = load_params().replace({**values, "pad.max_length": TOKENS}).resolve(20_000, TOKENS)
        for runtime, predict in runtimes(params.model).items():
            times = 1000 * np.percentile(time_each(predict, single), (50, 95, 99))
            shares, bulk = [f"{share:.2f}" for share in times], np.median(rate(predict, token_ids))
            lines.append([f"{size}: {network_name(params.flat())}", runtime, *shares, f"{bulk:,.0f}"])
    header = ["network", "runtime", "one review, ms: median", "95th", "99th percentile", "reviews a second"]
    about = f"Rows of 20 to {TOKENS} tokens, without vectors of words and pairs."
    section.write(about, table(header, lines))


def runtimes(model: ModelParams) -> dict[str, Predict]:
    """What computes the network, by name."""
    network = build_stacked_rnn(model, VOCAB_SIZE, TOKENS, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(to_onnx(network).SerializeToString())
        found: dict[str, Predict] = {"ONNX Runtime, as served": OnnxNetwork(path)}
    found["Keras `model.predict`"] = lambda ids: network.predict(ids, batch_size=BATCH, verbose=0)
    if importlib.util.find_spec("torch"):
        found["PyTorch, cut to the batch's longest"] = torch_predict(model)
    return found


def torch_predict(model: ModelParams) -> Predict:
    """The same shapes in PyTorch, without weights in common: only the time is compared."""
    import torch  # noqa: PLC0415 - an extra

    torch.set_flush_denormal(True)
    kind = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[model.cell]
    embedding = torch.nn.Embedding(VOCAB_SIZE, model.embedding_dim)
    words = int(model.step_words)
    widths = (model.embedding_dim * words, *model.layer_widths)
    layers = [
        kind(width, units, batch_first=True, bidirectional=model.bidirectional)
        for width, units in zip(widths, model.layer_units, strict=False)
    ]
    output = torch.nn.Linear(widths[-1], 1)

    @torch.inference_mode()
    def predict(token_ids: np.ndarray) -> object:
        answers = []
        order = np.argsort((token_ids != PAD_ID).sum(1))
        for start in range(0, len(order), BATCH):
            batch = token_ids[order[start : start + BATCH]]
            longest = -(-int((batch != PAD_ID).sum(1).max()) // words) * words
            states = embedding(torch.from_numpy(batch[:, :longest])).reshape(len(batch), -1, widths[0])
            for place, layer in enumerate(layers):
                if place and model.layer_pooling == "max":
                    states = torch.nn.functional.max_pool1d(states.mT, 2, ceil_mode=True).mT
                states, _ = layer(states)
            answers.append(torch.sigmoid(output(states.amax(1))))
        return torch.cat(answers)

    return predict


if __name__ == "__main__":
    main()
