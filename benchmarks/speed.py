"""Times a training step of the notebook's networks in four libraries, and the way to a validation accuracy.

    pip install '.[bench]'
    python -m benchmarks.speed

A library that isn't installed is left out and said so. Writes its section of benchmarks/RESULTS.md; reads
data/raw where that is IMDb.
"""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks.loading import loading_table
from benchmarks.measure import measure
from benchmarks.notebook import pad_imdb
from benchmarks.peers import Case
from benchmarks.recurrence import LIBRARIES, OURS, WAYS, best, run_ways
from benchmarks.results import RESULTS, machine, ratio, shown, table, write_section
from pipeline.runtime.machine import cores

CELLS = ("simple_rnn", "lstm", "gru")
# One direction, 10,000 words of 32 dimensions, 100 tokens a review, as in the notebook.
NOTEBOOK = Case("lstm", 5, both_ways=False, embedding_dim=32, vocab_size=10_000, length=100)
SMALL = NOTEBOOK._replace(batch_size=32, num_batches=40)
LARGE = NOTEBOOK._replace(units=64, batch_size=128, num_batches=5)
ACCURACY = 0.84
NOTEBOOK_SEEDS, OUR_SEEDS = (1, 2), (1, 2, 3)
FAST_NAME = "2x16 GRU, dropout 0.3 and 0.2 of the embedding, batch 64, learning rate 0.002"
FAST = {
    "model.cell": "gru",
    "model.units": 16,
    "model.dropout": 0.3,
    "model.embedding_dropout": 0.2,
    "train.batch_size": 64,
    "train.learning_rate": 0.002,
}


def step_table(size: Case) -> str:
    """Milliseconds a training step of each cell: of each library its fastest way, on one core and on all."""
    rows = []
    for cell in CELLS:
        times: dict[str, list[float]] = {}
        for threads in sorted({1, cores()}):
            case = size._replace(cell=cell, threads=threads)
            measured, _ = run_ways(case, [way for way in WAYS if "packed" not in way[1]])
            for library in LIBRARIES:
                tokens = case.batch_size * case.length
                found = [tokens / rate * 1000 for rate in best(measured, library)]
                if found and found < times.get(library, [1e9]):
                    times[library] = found
        peers = [times[library] for library in LIBRARIES if library in times and library != OURS]
        fastest = min(peers, key=statistics.median)
        rows.append([cell, *(shown(times.get(library, [])) for library in LIBRARIES)])
        rows[-1].append(ratio(fastest, times[OURS]))
        print(rows[-1], flush=True)
    return table(["cell", *LIBRARIES, "ours over the best"], rows)


def until_table() -> str:
    """Seconds of training until the validation accuracy, compilation counted; each seed is a training."""
    notebook = [measure("benchmarks.notebook:until", accuracy=ACCURACY, seed=seed) for seed in NOTEBOOK_SEEDS]
    seconds = [
        measure("benchmarks.notebook:until_ours", accuracy=ACCURACY, seed=seed, settings=FAST)
        for seed in OUR_SEEDS
    ]
    least = "at least " if min(notebook) < 0 else ""
    times = least + ratio([abs(one) for one in notebook], seconds) if min(seconds) > 0 else "-"
    rows = [
        ["the notebook's 2x5 LSTM, its own code, 5 epochs", *reached(notebook), "1"],
        [f"ours: {FAST_NAME}", *reached(seconds), times],
    ]
    return table(["", f"trainings that reached {ACCURACY}", "seconds", "times faster"], rows)


def reached(seconds: list[float]) -> tuple[str, str]:
    """How many trainings got there, and their seconds; of those that didn't, what they took in vain."""
    there, in_vain = [one for one in seconds if one >= 0], [-one for one in seconds if one < 0]
    texts = [shown(there)] * bool(there) + [f"in vain: {shown(in_vain)}"] * bool(in_vain)
    return f"{len(there)} of {len(seconds)}", "; ".join(texts)


def main() -> None:
    """Measures all and writes the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.parse_args()
    started, found = time.perf_counter(), machine()
    without = "Not measured: data/raw isn't IMDb."
    imdb = pad_imdb()
    parts = [
        "## Speed of training",
        f"{found}. Median over the repeats (least to most). Ids are random, which changes no time. Each "
        "library at its best: with and without XLA or `torch.compile`, denormals flushed, on one thread or "
        "one a core. Compilation isn't counted.",
        "### Milliseconds a step: 2 layers of 5 units, batch 32, 100 tokens (the notebook's networks)",
        step_table(SMALL),
        "### Milliseconds a step: 2 layers of 64 units, batch 128, 100 tokens",
        step_table(LARGE),
        f"### Seconds of training until validation accuracy {ACCURACY} on IMDb, compilation counted",
        until_table() if imdb else without,
        "### From imdb.npz to padded reviews, imports counted",
        loading_table() if imdb else without,
    ]
    write_section("speed", "\n\n".join(parts))
    print(f"{RESULTS}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
