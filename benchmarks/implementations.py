"""Times a training step of the fused layers beside the plain Keras ones, size by size.

    python -m benchmarks.implementations

``train.implementation: auto`` takes the fused ones because they are faster at each of these sizes. Writes its
section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import measure
from benchmarks.results import machine, shown, table, write_section
from benchmarks.speed import CELLS, NOTEBOOK

SIZES = (
    (5, 32, 40),
    (16, 64, 40),
    (32, 64, 20),
    (64, 128, 5),
    (128, 128, 5),
)  # units, batch_size, num_batches
PLAIN: dict[str, Any] = {"settings": {"train.implementation": "keras"}}
KINDS: dict[str, dict[str, Any]] = {
    "plain layer": {**PLAIN, "xla": False},
    "plain layer, XLA": PLAIN,
    "fused, XLA": {"settings": {"train.implementation": "fused"}},
}


def main() -> None:
    """Measures and writes the section."""
    found, rows = machine(), []
    for cell in CELLS:
        for units, batch_size, steps in SIZES:
            case = NOTEBOOK._replace(cell=cell, units=units, batch_size=batch_size, num_batches=steps)
            rows.append([cell, f"{units}", f"{batch_size}"])
            for kind in KINDS.values():
                seconds, *_ = measure("benchmarks.peers:ours", **kind, **case._asdict())
                rows[-1].append(shown([each / steps * 1000 for each in seconds]))
            print(*rows[-1], flush=True)
    parts = [
        "## Implementations",
        f"{found}. Milliseconds a training step of 2 layers over 100 tokens in our compiled loop, the median "
        "of 3 passes (least to most), on one core: Keras' own layers and the fused ones, which `auto` takes.",
        table(["cell", "units", "batch", *KINDS], rows),
    ]
    write_section("implementations", "\n\n".join(parts))


if __name__ == "__main__":
    main()
