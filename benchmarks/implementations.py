"""Times a training step of the fused layers beside the plain Keras ones, size by size.

python -m benchmarks.implementations [--python-jax PYTHON]

``train.implementation: auto`` takes the fused ones because they are faster at each of these sizes.
Writes its section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks.notebook import pad_imdb
from benchmarks.results import machine, shown, table, write_section
from benchmarks.speed import CELLS, has, measure

# (units, batch_size, steps a repeat) of two layers over 100 tokens
SIZES = ((5, 32, 40), (16, 64, 40), (32, 64, 20), (64, 128, 5), (128, 128, 5))


def section_of(backend: str, python: str, imdb: bool) -> str:
    """The table of one backend."""
    names = {"keras": "plain layer, XLA", "fused": "fused, XLA"}
    cases: list[dict[str, Any]] = [{"settings": {"train.implementation": kind}} for kind in names]
    header = ["cell", "units", "batch", *names.values()]
    if backend == "tensorflow":
        cases.insert(0, {**cases[0], "xla": False})
        header.insert(3, "plain layer")
    rows = []
    for cell in CELLS:
        for units, batch_size, steps in SIZES:
            case = {"what": "step", "who": "ours", "cell": cell, "imdb": imdb, "backend": backend, "depth": 2}
            case |= {"units": units, "batch_size": batch_size, "length": 100, "steps": steps, "repeats": 5}
            rows.append(
                [cell, f"{units}", f"{batch_size}", *(shown(measure(python, case | kind)) for kind in cases)]
            )
            print(backend, *rows[-1], flush=True)
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python-jax", default=sys.executable, help="of an environment with jax and keras")
    given = parser.parse_args()
    parts = [
        "## Implementations",
        f"{machine()}. Milliseconds a training step of 2 layers over 100 tokens in our compiled loop, the "
        "median over 5 repeats (least to most): Keras' own layers and the fused ones, which `auto` takes.",
    ]
    imdb = pad_imdb()
    for backend, python in (("tensorflow", sys.executable), ("jax", given.python_jax)):
        found = section_of(backend, python, imdb) if has(python, backend) else "Not installed."
        parts += [f"### {backend}", found]
    write_section("implementations", "\n\n".join(parts))


if __name__ == "__main__":
    main()
