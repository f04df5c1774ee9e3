"""Tokens a second of a stacked network that reads both ways, in training: ours beside Keras, PyTorch and JAX.

    pip install '.[bench]'
    python -m benchmarks.recurrence [--cells lstm --units 64 --reads mean --cores 1]

Each library is run in every way of WAYS at 2 x 64; those with three quarters of the speed of its best or more
are run in all rows, and the fastest counts. What was measured is kept in KEPT, a row as a whole, so that its
ratios are of one run. Writes its section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.measure import measure
from benchmarks.peers import MAX_LENGTH, REPEATS, Case, Pass
from benchmarks.results import Section, ratio, table
from pipeline.runtime.files import read_json, write_json
from pipeline.runtime.machine import cores

# What was measured, of rows that are measured at different times.
KEPT = Path("studies/benchmarks/recurrence.json")
CELLS, UNITS, READS = ("lstm", "gru"), (16, 64, 128, 256), ("mean", "last")
OURS, PYTORCH, JAX = "ours", "PyTorch", "JAX"
LIBRARIES = {"Keras": "keras", PYTORCH: "torch", JAX: "jax", OURS: "keras"}  # and the package that each needs
# Library and way -> the function of benchmarks.peers and its settings; what keeps denormals never counts.
WAYS: dict[tuple[str, str], tuple[Callable[..., Pass], dict[str, Any]]] = {
    (OURS, ""): (peers.ours, {}),
    ("Keras", "plain graph"): (peers.keras, {"xla": False}),
    ("Keras", "XLA"): (peers.keras, {"xla": True}),
    (PYTORCH, "padded"): (peers.pytorch, {"packed": False, "compiled": False}),
    (PYTORCH, "padded, torch.compile"): (peers.pytorch, {"packed": False, "compiled": True}),
    (PYTORCH, "packed"): (peers.pytorch, {"packed": True, "compiled": False}),
    (PYTORCH, "padded, denormals kept"): (
        peers.pytorch,
        {"packed": False, "compiled": False, "flushed": False},
    ),
    (JAX, "scan"): (peers.jax, {"unroll": 1}),
    (JAX, "scan, 8 steps unrolled"): (peers.jax, {"unroll": 8}),
}
Measured = dict[str, list[float]]  # by "library: way", tokens a second of each pass


def main() -> None:
    """Measures the rows that were asked for, and writes all that are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=CELLS)
    parser.add_argument("--units", nargs="+", type=int, default=UNITS)
    parser.add_argument("--reads", nargs="+", default=READS)
    parser.add_argument("--cores", nargs="+", type=int, default=range(1, cores() + 1))
    given, section = (
        parser.parse_args(),
        Section("recurrence", "Recurrent layers over reviews of many lengths"),
    )
    kept: dict[str, Any] = read_json(KEPT) if KEPT.exists() else {"rows": []}
    if "tried" not in kept:
        kept["tried"] = _row(Case("lstm", 64, "mean"), list(WAYS))
        kept["rows"].append(kept["tried"])
        write_json(KEPT, kept)
    for cell, units, read, threads in product(given.cells, given.units, given.reads, given.cores):
        case = Case(cell, units, read, threads=threads)
        row = _row(case, _worth_running(kept["tried"]["measured"], read))
        kept["rows"] = [*(old for old in kept["rows"] if old["case"] != row["case"]), row]
        write_json(KEPT, kept)
        section.write(*describe(kept))


def _row(case: Case, ways: list[tuple[str, str]]) -> dict[str, Any]:
    measured, denormal = run_ways(case, ways)
    return {"case": case._asdict(), "measured": measured, "denormal": denormal}


def run_ways(case: Case, ways: list[tuple[str, str]]) -> tuple[Measured, dict[str, float]]:
    """Tokens a second of each way, in turn; and the share of denormal gradients of those that left any."""
    measured, denormal = {}, {}
    for library, way in ways:
        if not find_spec(LIBRARIES[library]):
            print(f"{library} isn't installed (pip install '.[bench]'): its figures are missing.")
            continue
        function, settings = WAYS[library, way]
        found = measure(function, case.threads, **settings, **case._asdict())
        measured[f"{library}: {way}"] = [found.tokens / seconds for seconds in found.seconds]
        if found.denormal:
            denormal[f"{library}: {way}"] = found.denormal
    return measured, denormal


def best(measured: Measured, library: str) -> list[float]:
    """The rates of a library's fastest way; none where it wasn't run."""
    counting = [rates for way, rates in measured.items() if way.startswith(library) and "kept" not in way]
    return max(counting, key=statistics.median, default=[])


def _worth_running(tried: Measured, read: str) -> list[tuple[str, str]]:
    """Where the last state is read, what keeps denormals too: there they arise."""

    def is_worth(library: str, way: str) -> bool:
        rates = tried.get(f"{library}: {way}", [0])
        if "kept" in way:
            return read == "last"
        return statistics.median(rates) >= 0.75 * statistics.median(best(tried, library) or [1])

    return [way for way in WAYS if is_worth(*way)]


def _cells_of(row: dict[str, Any]) -> list[str]:
    case = row["case"]
    rates = {library: best(row["measured"], library) for library in LIBRARIES}
    shown = [f"{statistics.median(each) / 1000:.1f}" if each else "-" for each in rates.values()]
    peer = max((rates[name] for name in rates if name != OURS and rates[name]), key=statistics.median)
    size = f"{case['cell']} 2 x {case['units']}"
    return [size, case["read"], str(case["threads"]), *shown, ratio(rates[OURS], peer)]


def describe(kept: dict[str, Any]) -> list[str]:
    """What was measured, and the tables."""
    rows = sorted(kept["rows"], key=lambda row: (row["case"]["cell"] != "lstm", *row["case"].values()))
    tried = [
        [way, f"{statistics.median(rates) / 1000:.1f}"] for way, rates in kept["tried"]["measured"].items()
    ]
    denormal = "; ".join(
        f"{size} x {row['case']['units']}, {way}: {share:.1%}, {statistics.median(rates) / 1000:.1f}"
        for row in rows
        for way, share in row["denormal"].items()
        for size, rates in [(f"{row['case']['cell']} 2", row["measured"][way])]
    )
    return [
        f"Thousands of real tokens a second in training, the median of {REPEATS} passes over 4 batches of 64 "
        f"reviews as long as IMDb's, at most {MAX_LENGTH} tokens; 30,000 words of 100 dimensions, two layers "
        "that read both ways, Adam. Seconds are the core's own on one core, the clock's on two. Read: the "
        "mean over the real steps, or the last state. Each row is one run. Compilation isn't counted, though "
        "Keras with XLA and JAX compile for each length.",
        table(
            ["network", "read", "cores", *LIBRARIES, "ours over the best"], [_cells_of(row) for row in rows]
        ),
        "What was tried, LSTM 2 x 64 on one core, read: mean. Of each library the fastest counts, its "
        "denormals flushed:",
        table(["", "thousands of tokens a second"], tried),
        f"Denormal gradients, their share and the speed: {denormal or 'none'}.",
    ]


if __name__ == "__main__":
    main()
