"""One measurement in a process of its own, so that no library's threads or caches reach into another's.

python -m benchmarks.measure '{"what": "step", "who": "ours", "cell": "lstm", "depth": 2, "units": 5, ...}'

prints one JSON object on its last line. ``what`` is ``step`` (milliseconds a training step, one figure a
repeat), ``growth`` (the median step at each of several sizes) or ``until`` (seconds of training until a
validation accuracy, negative if training ended without it); ``who`` is ``notebook``, ``ours`` or ``torch``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

Case = dict[str, Any]
VOCAB_SIZE = 10_000
PADDED = Path("studies/benchmarks")  # of benchmarks.notebook, whose imports other environments lack


class Reached(Exception):  # noqa: N818 - an end, not an error
    """The validation accuracy was reached."""


def padded(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Token ids, int32 (num_reviews, 100), and labels, (num_reviews,), that ``notebook.pad_imdb`` wrote."""
    with np.load(PADDED / f"{split}.npz") as arrays:
        return arrays["token_ids"], arrays["labels"]


def reviews(case: Case, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """IMDb as padded where ``case["imdb"]``, else random ids; cut or repeated to ``case["length"]``."""
    if case["imdb"]:
        token_ids, labels = padded(split)
    else:
        random = np.random.default_rng(0)
        token_ids = random.integers(1, VOCAB_SIZE, (8_192, 100), dtype=np.int32)
        labels = random.integers(0, 2, 8_192)
    repeats = -(-case["length"] // token_ids.shape[1])
    return np.tile(token_ids, (1, repeats))[:, -case["length"] :], np.asarray(labels)


def repeated(run: Any, steps: int, repeats: int) -> list[float]:
    """Milliseconds a step of ``run()``, which takes ``steps`` steps, after one call that doesn't count."""
    run()
    figures = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        figures.append((time.perf_counter() - started) / steps * 1e3)
    return figures


def notebook_model(case: Case) -> Any:
    """The notebook's own cells."""
    import keras  # noqa: PLC0415 - its backend is chosen first

    layer = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[
        case["cell"]
    ]
    model = keras.Sequential(
        [
            keras.layers.Embedding(input_dim=VOCAB_SIZE, output_dim=32),
            *(layer(case["units"], return_sequences=True) for _ in range(case["depth"] - 1)),
            layer(case["units"]),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.build(input_shape=(None, case["length"]))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def notebook_step(case: Case) -> list[float]:
    """Between the ends of batches of ``fit``, so that the wait at an epoch's end isn't counted."""
    import keras  # noqa: PLC0415

    ends: list[float] = []
    mark = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    token_ids, labels = reviews(case)
    count = case["batch_size"] * (case["steps"] * case["repeats"] + 10)
    rows = np.arange(count) % len(labels)
    notebook_model(case).fit(
        token_ids[rows], labels[rows], epochs=1, batch_size=case["batch_size"], verbose=0, callbacks=[mark]
    )
    marks = ends[9 :: case["steps"]]
    return [1e3 * float(seconds) / case["steps"] for seconds in np.diff(marks)]


def our_params(case: Case) -> Any:
    from benchmarks.notebook import notebook_params  # noqa: PLC0415
    from pipeline.networks.devices import import_keras  # noqa: PLC0415

    names = {"cell": "model", "depth": "model", "units": "model", "batch_size": "train"}
    values = {f"{section}.{name}": case[name] for name, section in names.items() if name in case}
    params = notebook_params({**values, **case.get("settings", {})})
    import_keras()
    return params


def our_steps(
    params: Any, vocab_size: int, token_ids: np.ndarray, labels: np.ndarray, xla: bool | None = None
) -> Any:
    """The pipeline's own compiled training steps over these rows; ``xla`` None is what ``auto`` takes."""
    from pipeline.networks.fused import choose_implementation  # noqa: PLC0415
    from pipeline.networks.stacked_rnn import build_stacked_rnn  # noqa: PLC0415
    from pipeline.training.compiled import compile_training, label_objective  # noqa: PLC0415
    from pipeline.training.fitting import build_optimizer  # noqa: PLC0415

    model = build_stacked_rnn(params.model, vocab_size, token_ids.shape[1], seed=1)
    implementation = choose_implementation(params.model, params.train)
    return compile_training(
        implementation.apply(model),
        model.trainable_variables,
        build_optimizer(params.train, 1),
        label_objective(),
        token_ids,
        labels,
        implementation.shards(params.train.rows),
        implementation.xla if xla is None else xla,
    )


def our_step(case: Case) -> list[float]:
    params = our_params(case)
    from pipeline.training.batches import Batches  # noqa: PLC0415

    token_ids, labels = reviews(case)
    run = our_steps(params, VOCAB_SIZE, token_ids, labels, case.get("xla"))
    shape = (case["steps"], case["batch_size"])
    rows = np.random.default_rng(0).integers(0, len(labels), shape).astype(np.int32)
    batches = Batches(rows, np.ones(shape, np.float32), case["steps"], case["length"])
    return repeated(lambda: run(batches), case["steps"], case["repeats"])


def torch_step(case: Case) -> list[float]:
    """With one thread and with PyTorch's own number of them; the faster counts."""
    import torch  # noqa: PLC0415 - an optional package

    cells = {"simple_rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    embedding = torch.nn.Embedding(VOCAB_SIZE, 32)
    stack = cells[case["cell"]](32, case["units"], case["depth"], batch_first=True)
    head = torch.nn.Linear(case["units"], 1)
    weights = [*embedding.parameters(), *stack.parameters(), *head.parameters()]
    optimizer, loss_of = torch.optim.Adam(weights), torch.nn.BCEWithLogitsLoss()
    token_ids, labels = (torch.tensor(array) for array in reviews(case))

    def run() -> None:
        for _ in range(case["steps"]):
            rows = torch.randint(len(labels), (case["batch_size"],))
            optimizer.zero_grad()
            logits = head(stack(embedding(token_ids[rows]))[0][:, -1])[:, 0]
            loss_of(logits, labels[rows].float()).backward()
            optimizer.step()

    found = []
    for threads in (torch.get_num_threads(), 1):
        torch.set_num_threads(threads)
        found.append(repeated(run, case["steps"], case["repeats"]))
    return min(found, key=statistics.median)


def notebook_until(case: Case) -> list[float]:
    (token_ids, labels), validation = reviews(case), reviews(case, "validation")
    import keras  # noqa: PLC0415

    def check(_epoch: int, logs: dict[str, float]) -> None:
        if logs["val_accuracy"] >= case["accuracy"]:
            raise Reached

    keras.utils.set_random_seed(case["seed"])
    started = time.perf_counter()
    try:
        notebook_model(case).fit(
            token_ids,
            labels,
            epochs=5,
            batch_size=32,
            validation_data=validation,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=check)],
        )
    except Reached:
        return [time.perf_counter() - started]
    return [-(time.perf_counter() - started)]  # what wasn't enough


def our_until(case: Case) -> list[float]:
    params = our_params(case)
    from pipeline.training.fitting import Split, fit  # noqa: PLC0415

    train, validation = Split(*reviews(case)), Split(*reviews(case, "validation"))

    def check(epoch: Any) -> None:
        if epoch.has_ended and epoch.metrics["validation_accuracy"] >= case["accuracy"]:
            raise Reached

    started = time.perf_counter()
    try:
        fit(params, train, validation, case["seed"], check)
    except Reached:
        return [time.perf_counter() - started]
    return [-(time.perf_counter() - started)]


def growth(case: Case) -> list[float]:
    """Our step at each of ``case["sizes"]``, one after the other in this process: the medians."""
    return [statistics.median(our_step({**case, **size})) for size in case["sizes"]]


MEASUREMENTS = {
    ("step", "notebook"): notebook_step,
    ("step", "ours"): our_step,
    ("step", "torch"): torch_step,
    ("growth", "ours"): growth,
    ("until", "notebook"): notebook_until,
    ("until", "ours"): our_until,
}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps({"figures": MEASUREMENTS[given["what"], given["who"]](given)}))
