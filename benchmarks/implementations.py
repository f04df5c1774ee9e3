"""Times a training step of the fused layers beside the plain Keras ones, size by size.

python -m benchmarks.implementations

``train.implementation: auto`` takes the fused ones because they are faster at each of these sizes.
Writes its section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.notebook import pad_imdb
from benchmarks.results import machine, shown, table, write_section
from benchmarks.speed import CELLS, measure

# (units, batch_size, steps a repeat) of two layers over 100 tokens
SIZES = ((5, 32, 40), (16, 64, 40), (32, 64, 20), (64, 128, 5), (128, 128, 5))


def steps_table(imdb: bool) -> str:
    plain, fused = ({"settings": {"train.implementation": kind}} for kind in ("keras", "fused"))
    cases: list[dict[str, Any]] = [{**plain, "xla": False}, plain, fused]
    header = ["cell", "units", "batch", "plain layer", "plain layer, XLA", "fused, XLA"]
    rows = []
    for cell in CELLS:
        for units, batch_size, steps in SIZES:
            case = {"what": "step", "who": "ours", "cell": cell, "imdb": imdb, "depth": 2}
            case |= {"units": units, "batch_size": batch_size, "length": 100, "steps": steps, "repeats": 5}
            times = (shown(measure(sys.executable, case | kind)) for kind in cases)
            rows.append([cell, f"{units}", f"{batch_size}", *times])
            print(*rows[-1], flush=True)
    return table(header, rows)


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    parts = [
        "## Implementations",
        f"{machine()}. Milliseconds a training step of 2 layers over 100 tokens in our compiled loop, the "
        "median over 5 repeats (least to most): Keras' own layers and the fused ones, which `auto` takes.",
        steps_table(pad_imdb()),
    ]
    write_section("implementations", "\n\n".join(parts))


if __name__ == "__main__":
    main()
