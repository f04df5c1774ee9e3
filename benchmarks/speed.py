"""Times a training step and the way to a validation accuracy: the notebook's code, ours and PyTorch.

python -m benchmarks.speed [--python-torch PYTHON]

The interpreter is of an environment that has PyTorch; by default this one, which has it after
``pip install '.[bench]'``. If it isn't there, it is left out and said so. Writes its section of
benchmarks/RESULTS.md and the plot beside it; reads data/raw where that is IMDb.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt

from benchmarks.loading import loading_table
from benchmarks.notebook import pad_imdb
from benchmarks.results import RESULTS, machine, ratio, shown, table, write_section

PLOT = Path("benchmarks/step_time.png")
CELLS = ("simple_rnn", "lstm", "gru")
SMALL = {"depth": 2, "units": 5, "batch_size": 32, "length": 100, "steps": 40, "repeats": 5}
LARGE = {"depth": 2, "units": 64, "batch_size": 128, "length": 100, "steps": 5, "repeats": 5}
MIDDLE = {**LARGE, "units": 32, "batch_size": 32, "repeats": 3}
GROWTH: dict[str, list[int]] = {
    "depth": [1, 2, 4],
    "units": [8, 32, 128],
    "length": [50, 100, 200],
}
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
Figures = list[float]


def measure(python: str, case: dict[str, Any]) -> Figures:
    """The figures of one case, measured by ``python`` in a process of its own.

    Raises:
        RuntimeError: if it failed; holds what it wrote.
    """
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [python, "-m", "benchmarks.measure", json.dumps(case)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{case} failed:\n{result.stderr[-2000:]}")
    figures: Figures = json.loads(result.stdout.splitlines()[-1])["figures"]
    return figures


def has(python: str, package: str) -> bool:
    """Whether ``python`` can import ``package``."""
    return (
        subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode == 0
    )


def step_table(size: dict[str, int], torch: str | None, imdb: bool) -> str:
    """Milliseconds a training step of each cell, by whoever is installed, and ours against the others."""
    rows = []
    for cell in CELLS:
        case = {"what": "step", "cell": cell, "imdb": imdb, **size}
        times = {
            "notebook": measure(sys.executable, {**case, "who": "notebook"}),
            "ours": measure(sys.executable, {**case, "who": "ours"}),
        }
        if torch:
            times["torch"] = measure(torch, {**case, "who": "torch"})
        print(size, cell, {who: shown(figures) for who, figures in times.items()}, flush=True)
        who = [times.get(name, []) for name in ("notebook", "ours", "torch")]
        rows.append([cell, *map(shown, who), ratio(who[0], who[1]), ratio(who[2], who[1])])
    return table(["cell", "notebook", "ours", "PyTorch", "ours over notebook", "ours over PyTorch"], rows)


def until_table() -> str:
    """Seconds of training until the validation accuracy, compilation counted; each seed is a training."""
    case = {"what": "until", "imdb": True, "length": 100, "accuracy": ACCURACY}
    notebook = [
        seconds
        for seed in NOTEBOOK_SEEDS
        for seconds in measure(
            sys.executable, {**case, **SMALL, "cell": "lstm", "who": "notebook", "seed": seed}
        )
    ]
    rows = [["the notebook's 2x5 LSTM, its own code, 5 epochs", *reached(notebook), "1"]]
    seconds = [
        measure(sys.executable, {**case, "who": "ours", "settings": FAST, "seed": seed})[0]
        for seed in OUR_SEEDS
    ]
    least = "at least " if min(notebook) < 0 else ""
    times = least + ratio([abs(one) for one in notebook], seconds) if min(seconds) > 0 else "-"
    rows.append([f"ours: {FAST_NAME}", *reached(seconds), times])
    print(rows[-1], flush=True)
    return table(["", f"trainings that reached {ACCURACY}", "seconds", "times faster"], rows)


def reached(seconds: Figures) -> tuple[str, str]:
    """How many trainings got there, and their seconds; of those that didn't, what they took in vain."""
    there = [one for one in seconds if one >= 0]
    in_vain = [-one for one in seconds if one < 0]
    shown_in_vain = f"in vain: {shown(in_vain)}" if in_vain else ""
    both = "; ".join(text for text in (shown(there) if there else "", shown_in_vain) if text)
    return f"{len(there)} of {len(seconds)}", both


def plot_growth(imdb: bool) -> str:
    """Draws how our step grows with depth, units and length around 2x32, batch 32; returns the figures."""
    figure, axes = plt.subplots(1, len(GROWTH), figsize=(12, 3.5), layout="constrained")
    rows = []
    for cell in CELLS:
        sizes = [{name: value} for name, values in GROWTH.items() for value in values]
        case = {"what": "growth", "who": "ours", "cell": cell, "imdb": imdb, "sizes": sizes}
        times = iter(measure(sys.executable, {**MIDDLE, **case}))
        for axis, (name, values) in zip(axes, GROWTH.items(), strict=True):
            medians = [next(times) for _ in values]
            axis.plot(values, medians, marker="o", label=cell)
            rows.append(
                [name, cell, *(f"{value}: {ms:.3g}" for value, ms in zip(values, medians, strict=True))]
            )
            axis.set(xlabel=name, ylabel="ms a step", xscale="log", yscale="log")
            axis.set_xticks(values, [str(value) for value in values])
            axis.minorticks_off()
    axes[0].legend()
    figure.suptitle("A training step of 2 layers of 32 units, batch 32, 100 tokens, one size changed")
    figure.savefig(PLOT, dpi=120)
    return table(["changed", "cell", *[""] * len(GROWTH["depth"])], sorted(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python-torch", default=sys.executable)
    given = parser.parse_args()
    started, found = time.perf_counter(), machine()
    torch = given.python_torch if has(given.python_torch, "torch") else None
    imdb = pad_imdb()
    notes = [] if torch else ["torch not installed: its figures are missing."]
    if not imdb:
        notes.append("data/raw isn't IMDb: steps are timed on random ids, and nothing is trained to 0.84.")
    print(*notes, sep="\n")
    parts = [
        "## Speed of training",
        f"{found}. Median over the repeats (least to most). {' '.join(notes)}",
        "### Milliseconds a step: 2 layers of 5 units, batch 32, 100 tokens (the notebook's networks)",
        step_table(SMALL, torch, imdb),
        "### Milliseconds a step: 2 layers of 64 units, batch 128, 100 tokens",
        step_table(LARGE, torch, imdb),
        f"### Seconds of training until validation accuracy {ACCURACY} on IMDb, compilation counted",
        until_table() if imdb else "Not measured: data/raw isn't IMDb.",
        "### From imdb.npz to padded reviews, imports counted",
        loading_table() if imdb else "Not measured: data/raw isn't IMDb.",
        "### How a step grows",
        f"![]({PLOT.name})",
        plot_growth(imdb),
    ]
    write_section("speed", "\n\n".join(parts))
    print(f"{RESULTS}, {PLOT}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
