"""Records made by hand, whose means and differences are known."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipeline.params import DepthParams
from studies import cells
from studies.depth.fits import Fit, Record, grid

NOISE = (-0.001, 0.0, 0.001, -0.001, 0.0, 0.001)  # added by seed
DATASET = {  # chance reaches up to 0.6 + 1.96 * sqrt(0.6 * 0.4 / 400) = 0.648
    "name": "toy",
    "sizes": {"train": 800, "validation": 400, "test": 200},
    "class_shares": {
        "train": {"negative": 0.55, "positive": 0.45},
        "validation": {"negative": 0.6, "positive": 0.4},
        "test": {"negative": 0.48, "positive": 0.52},
    },
}


def study(**values: Any) -> DepthParams:
    """Three cells, depths 1, 2 and 3, no skip and residual, six seeds."""
    return DepthParams(**{"depths": (1, 2, 3), "skips": ("none", "residual")} | values)


def record(fit: Fit, accuracy: float = 0.8, gap: float = 0.1, far: float = 1.0, rise: float = 0.0) -> Record:
    """A record of ``fit``; its gradient is ``far`` at the bottom layer's first ten of 20 steps, else 1."""
    noise = NOISE[fit.seed]
    norms = tuple((far,) * 10 + (1.0,) * 10 if layer == 0 else (1.0,) * 20 for layer in range(fit.depth))
    accuracy += noise
    return Record(
        fit=fit,
        parameters=100 * fit.depth,
        seconds=float(fit.depth),
        best_epoch=2,
        curve=(
            {"loss": 0.7, "accuracy": 0.6, "validation_loss": 0.7, "validation_accuracy": 0.6},
            {"loss": 0.5, "accuracy": 0.8, "validation_loss": 0.6, "validation_accuracy": accuracy},
        ),
        scores={
            "train_accuracy": accuracy + gap + 2 * noise,
            "validation_accuracy": accuracy,
            "test_accuracy": accuracy - 0.01,
        },
        initial_gradients=norms,
        trained_gradients=norms,
        probes=(0.6, *(0.7 + noise + rise * layer for layer in range(fit.depth))),
    )


def fits_of_cells(far: Mapping[str, float]) -> dict[tuple[str, cells.Kind], Record]:
    """Two layers of each cell, whose gradient far from the loss is ``far``."""
    return {
        (cell, kind): record(Fit(cell, 2, kind.skip, kind.variant, 0), far=gradient)
        for cell, gradient in far.items()
        for kind in cells.KINDS
    }


def records(make: Callable[[Fit], Record] = record, **values: Any) -> dict[Fit, Record]:
    """``make`` of every fit of ``study(**values)``."""
    return {fit: make(fit) for fit in grid(study(**values))}


def any_probabilities(_params: Any, seed: int, padded: Any, *_: Any) -> tuple[np.ndarray, np.ndarray]:
    """Stands for a fold's network."""
    draw = np.random.default_rng(seed)
    validation, test = (len(padded[split]["labels"]) for split in ("validation", "test"))
    positive, tested = draw.uniform(0.1, 0.9, validation), draw.uniform(0.1, 0.9, test)
    return np.column_stack([1 - positive, positive]), np.column_stack([1 - tested, tested])
