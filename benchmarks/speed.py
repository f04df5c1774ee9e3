"""Times a training step of the notebook's networks in four libraries, and the way to a validation accuracy.

    pip install '.[bench]'
    python -m benchmarks.speed

A library that isn't installed is left out and said so. Writes its section of benchmarks/RESULTS.md and the
plot beside it; reads data/raw where that is IMDb.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt

from benchmarks.loading import loading_table
from benchmarks.measure import measure
from benchmarks.notebook import pad_imdb
from benchmarks.peers import Case
from benchmarks.recurrence import LIBRARIES, OURS, WAYS, best, run_ways
from benchmarks.results import RESULTS, machine, ratio, shown, table, write_section
from pipeline.runtime.machine import cores

PLOT = Path("benchmarks/step_time.png")
CELLS = ("simple_rnn", "lstm", "gru")
# One direction, 10,000 words of 32 dimensions, 100 tokens a review, as in the notebook.
NOTEBOOK = Case("lstm", 5, both_ways=False, embedding_dim=32, vocab_size=10_000, length=100)
SMALL = NOTEBOOK._replace(batch_size=32, num_batches=40)
LARGE = NOTEBOOK._replace(units=64, batch_size=128, num_batches=5)
MIDDLE = NOTEBOOK._replace(units=32, batch_size=32, num_batches=5)
GROWTH = {"depth": (1, 2, 4), "units": (8, 32, 128), "length": (50, 100, 200)}
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


def plot_growth() -> str:
    """Draws how our step grows with depth, units and length around 2x32, batch 32; returns the figures."""
    figure, axes = plt.subplots(1, len(GROWTH), figsize=(12, 3.5), layout="constrained")
    rows = []
    for cell in CELLS:
        for axis, (name, values) in zip(axes, GROWTH.items(), strict=True):
            medians = []
            for value in values:
                case = Case(**{**MIDDLE._asdict(), "cell": cell, name: value})
                measured, _ = run_ways(case, [(OURS, "")])
                rate = statistics.median(best(measured, OURS))
                medians.append(case.batch_size * case.length / rate * 1000)
            axis.plot(values, medians, marker="o", label=cell)
            cells = [f"{value}: {ms:.3g}" for value, ms in zip(values, medians, strict=True)]
            rows.append([name, cell, *cells])
            axis.set(xlabel=name, ylabel="ms a step", xscale="log", yscale="log")
            axis.set_xticks(values, [str(value) for value in values])
            axis.minorticks_off()
    axes[0].legend()
    figure.suptitle("A training step of 2 layers of 32 units, batch 32, 100 tokens, one size changed")
    figure.savefig(PLOT, dpi=120)
    return table(["changed", "cell", *[""] * len(GROWTH["depth"])], sorted(rows))


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
        "### How a step grows",
        f"![]({PLOT.name})",
        plot_growth(),
    ]
    write_section("speed", "\n\n".join(parts))
    print(f"{RESULTS}, {PLOT}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
