"""Times a training step of the notebook's networks in four libraries.

    pip install '.[bench]'
    python -m benchmarks.speed

A library that isn't installed is left out and said so. Writes its section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import statistics

from benchmarks.peers import Case
from benchmarks.recurrence import LIBRARIES, OURS, WAYS, best, run_ways
from benchmarks.results import Section, ratio, shown, table
from pipeline.runtime.machine import cores

CELLS = ("simple_rnn", "lstm", "gru")
# One direction, 10,000 words of 32 dimensions, 100 tokens a review, as in the notebook.
NOTEBOOK = Case("lstm", 5, both_ways=False, embedding_dim=32, vocab_size=10_000, length=100)
SMALL = NOTEBOOK._replace(batch_size=32, num_batches=40)
LARGE = NOTEBOOK._replace(units=64, batch_size=128, num_batches=5)


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


def main() -> None:
    """Measures all and writes the section."""
    Section("speed", "Speed of training").write(
        "Median over the repeats (least to most). Ids are random, which changes no time. Each library at its "
        "best: with and without XLA or `torch.compile`, denormals flushed, on one thread or one a core. "
        "Compilation isn't counted.",
        "### Milliseconds a step: 2 layers of 5 units, batch 32, 100 tokens (the notebook's networks)",
        step_table(SMALL),
        "### Milliseconds a step: 2 layers of 64 units, batch 128, 100 tokens",
        step_table(LARGE),
    )


if __name__ == "__main__":
    main()
