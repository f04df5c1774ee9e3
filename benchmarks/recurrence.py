"""Tokens a second of a stacked bidirectional network in training: ours, plain Keras and PyTorch, packed.

    python -m benchmarks.recurrence [--python-torch PYTHON]

All three train the same network (embedding, 2 recurrent layers in both directions, one sigmoid) on the same
batches: reviews as long as IMDb's, cut at 400 tokens, sorted by length as the pipeline sorts them, so that no
one spends time on padding that another leaves out. Only real tokens count. Each figure is of a process of its
own, held to one core or two. Writes its section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.results import RESULTS, machine, ratio, shown, table, write_section

VOCAB_SIZE, EMBEDDING_DIM, BATCH_SIZE, MAX_LENGTH = 30_000, 100, 64, 400
NUM_BATCHES, REPEATS = 4, 3
LEARNING_RATE = 0.002
SIZES = [(cell, units) for cell in ("lstm", "gru") for units in (64, 128)]
WHO = ("keras", "padded", "packed", "ours")
Case = dict[str, Any]
Batch = tuple[np.ndarray, np.ndarray]  # rows of int32 (BATCH_SIZE, longest), padded at the end; lengths


def lengths_like_imdb(count: int, random: np.random.Generator) -> np.ndarray:
    """Numbers of words with IMDb's quantiles (median 176, 90 % 460), cut at MAX_LENGTH; int (count,).

    The quantiles are those that the download stage prints of the 25,000 training reviews.
    """
    shares = [0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
    words = [10, 77, 93, 129, 176, 288, 460, 2493]
    return np.minimum(np.interp(random.random(count), shares, words).astype(int), MAX_LENGTH)


def batches() -> list[Batch]:
    """The batches that everyone trains on, in the order in which everyone takes them."""
    random = np.random.default_rng(0)
    lengths = np.sort(lengths_like_imdb(NUM_BATCHES * BATCH_SIZE, random)).reshape(NUM_BATCHES, BATCH_SIZE)
    made = []
    for of_batch in random.permutation(lengths):
        longest = int(of_batch.max())
        token_ids = random.integers(3, VOCAB_SIZE, (BATCH_SIZE, longest), dtype=np.int32)
        made.append((np.where(np.arange(longest) < of_batch[:, None], token_ids, 0), of_batch))
    return made


def labels() -> np.ndarray:
    """float32 (NUM_BATCHES, BATCH_SIZE)."""
    return np.random.default_rng(1).integers(0, 2, (NUM_BATCHES, BATCH_SIZE)).astype(np.float32)


def timed(one_pass: Callable[[], object]) -> list[float]:
    """Tokens a second of REPEATS passes, after one that doesn't count: it compiles."""
    tokens = sum(int(lengths.sum()) for _, lengths in batches())
    one_pass()
    figures = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        one_pass()
        figures.append(tokens / (time.perf_counter() - started))
    return figures


def plain_keras(case: Case) -> list[float]:
    """Keras' own layers with a mask, in ``fit``; each batch as long as its longest review.

    Without XLA, which would compile anew for every length.
    """
    import keras  # noqa: PLC0415 - in this process alone
    import tensorflow as tf  # noqa: PLC0415

    layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[case["cell"]]
    model = keras.Sequential(
        [
            keras.layers.Embedding(VOCAB_SIZE, EMBEDDING_DIM, mask_zero=True),
            keras.layers.Bidirectional(layer(case["units"], return_sequences=True)),
            keras.layers.Bidirectional(layer(case["units"])),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy", jit_compile=False)
    rows, targets = batches(), labels()
    specification = (
        tf.TensorSpec((BATCH_SIZE, None), tf.int32),
        tf.TensorSpec((BATCH_SIZE,), tf.float32),
    )
    data = tf.data.Dataset.from_generator(
        lambda: ((token_ids, targets[index]) for index, (token_ids, _) in enumerate(rows)),
        output_signature=specification,
    )
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread can hold up an epoch's end for seconds
    data = data.with_options(options)
    return timed(lambda: model.fit(data, epochs=1, verbose=0))


def torch_packed(case: Case) -> list[float]:
    """``pack_padded_sequence``, with which PyTorch computes real tokens alone."""
    return torch_steps(case, packed=True)


def torch_padded(case: Case) -> list[float]:
    """Without packing: PyTorch computes padding too, in kernels that packed sequences don't reach on a CPU.

    Another network on short rows, whose last states have read padding; it counts as the faster of the two.
    """
    return torch_steps(case, packed=False)


def torch_steps(case: Case, packed: bool) -> list[float]:
    """PyTorch with as many threads as cores."""
    import torch  # noqa: PLC0415 - in this process alone
    from torch.nn.utils.rnn import pack_padded_sequence  # noqa: PLC0415

    torch.set_num_threads(case["cores"])
    cell = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[case["cell"]]
    embedding = torch.nn.Embedding(VOCAB_SIZE, EMBEDDING_DIM)
    stack = cell(EMBEDDING_DIM, case["units"], 2, batch_first=True, bidirectional=True)
    head = torch.nn.Linear(2 * case["units"], 1)
    weights = [*embedding.parameters(), *stack.parameters(), *head.parameters()]
    optimizer, loss_of = torch.optim.Adam(weights, LEARNING_RATE), torch.nn.BCEWithLogitsLoss()
    rows = [(torch.tensor(token_ids), torch.tensor(lengths)) for token_ids, lengths in batches()]
    targets = torch.tensor(labels())

    def one_pass() -> None:
        for index, (token_ids, lengths) in enumerate(rows):
            optimizer.zero_grad()
            vectors = embedding(token_ids)
            if packed:
                vectors = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
            _, last = stack(vectors)
            hidden = last[0] if case["cell"] == "lstm" else last
            logits = head(torch.cat([hidden[-2], hidden[-1]], dim=1))[:, 0]
            loss_of(logits, targets[index]).backward()
            optimizer.step()

    return timed(one_pass)


def ours(case: Case) -> list[float]:
    """The pipeline's own training steps, computed as ``train.implementation: auto`` takes them."""
    from benchmarks.measure import our_steps  # noqa: PLC0415
    from benchmarks.notebook import notebook_params  # noqa: PLC0415 - before Keras, whose backend it chooses
    from pipeline.networks.devices import import_keras  # noqa: PLC0415

    model = {"cell": case["cell"], "units": case["units"], "bidirectional": True, "masking": True}
    train = {"batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
    values = {f"model.{key}": value for key, value in (model | {"embedding_dim": EMBEDDING_DIM}).items()}
    params = notebook_params(values | {f"train.{key}": value for key, value in train.items()})
    import_keras()
    from pipeline.training.batches import shuffled_batches  # noqa: PLC0415

    made = batches()
    lengths = np.concatenate([of_batch for _, of_batch in made])
    token_ids = np.zeros((len(lengths), MAX_LENGTH), np.int32)
    for index, (rows, _) in enumerate(made):
        token_ids[index * BATCH_SIZE : (index + 1) * BATCH_SIZE, : rows.shape[1]] = rows
    run = our_steps(params, VOCAB_SIZE, token_ids, labels().ravel())

    def one_pass() -> None:
        # Sorting by length within so many rows makes the very batches that the others take.
        for call in shuffled_batches(lengths, len(lengths), MAX_LENGTH, BATCH_SIZE, np.random.default_rng(0)):
            run(call)

    return timed(one_pass)


def measure(python: str, case: Case) -> list[float]:
    """Tokens a second of one case, measured by ``python`` in a process held to ``case["cores"]`` cores.

    Raises:
        RuntimeError: if it failed; holds what it wrote.
    """
    cores = sorted(os.sched_getaffinity(0))[: case["cores"]]
    result = subprocess.run(
        [python, "-m", "benchmarks.recurrence", "--case", json.dumps(case)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if result.returncode:
        raise RuntimeError(f"{case} failed:\n{result.stderr[-2000:]}")
    figures: list[float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def compare(pythons: dict[str, str]) -> list[list[str]]:
    """A row for each network and number of cores."""
    rows = []
    for cell, units in SIZES:
        for cores in range(1, min(2, len(os.sched_getaffinity(0))) + 1):
            case = {"cell": cell, "units": units, "cores": cores}
            found = {who: measure(pythons[who], {**case, "who": who}) for who in WHO if who in pythons}
            rows.append(
                [
                    f"{cell} 2 x {units}",
                    str(cores),
                    *(shown(found.get(who, [])) for who in WHO),
                    *(ratio(found["ours"], found.get(who, [])) for who in WHO[:-1]),
                ]
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measures all cases, or in a process of its own the one that is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python-torch", default=sys.executable)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        by_whom = {"keras": plain_keras, "padded": torch_padded, "packed": torch_packed, "ours": ours}
        print(json.dumps(by_whom[given.case["who"]](given.case)))
        return
    found = machine()
    pythons = dict.fromkeys(WHO, sys.executable) | dict.fromkeys(("padded", "packed"), given.python_torch)
    has_torch = subprocess.run([given.python_torch, "-c", "import torch"], capture_output=True, check=False)
    if has_torch.returncode:
        pythons = {who: python for who, python in pythons.items() if who in ("keras", "ours")}
        print("PyTorch isn't installed: its figures are missing.")
    names = ["plain Keras", "PyTorch, padded", "PyTorch, packed"]
    header = ["network", "cores", *names, "ours", *(f"ours over {name}" for name in names)]
    explained = (
        f"`python -m benchmarks.recurrence`; {found}. Real tokens a second in training, the median of "
        f"{REPEATS} passes (least to most) over {NUM_BATCHES} batches of {BATCH_SIZE} reviews as long as "
        f"IMDb's, at most {MAX_LENGTH} tokens; {VOCAB_SIZE:,} words of {EMBEDDING_DIM} dimensions, Adam."
    )
    rows = table(header, compare(pythons))
    text = f"## Recurrent layers over reviews of many lengths\n\n{explained}\n\n{rows}"
    write_section("recurrence", text)
    print(RESULTS)


if __name__ == "__main__":
    main()
