"""Measures of a fit, and differences between fits that are alike in all but one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from pipeline.depth.grid import PLAIN, Fit
from pipeline.depth.records import Record, Records

Measure = Callable[[Record], float]
Differences = Callable[[Records], list[float]]
GATED = ("lstm", "gru")
SMALLEST = 1e-38  # float32 has nothing between about this and 0


def validation_accuracy(record: Record) -> float:
    """Of the kept weights."""
    return record.scores["validation_accuracy"]


def training_loss(record: Record) -> float:
    """The mean cross-entropy over the last epoch's steps."""
    return record.curve[-1]["loss"]


def accuracy_gap(record: Record) -> float:
    """Training less validation accuracy of the kept weights, both without dropout."""
    return record.scores["train_accuracy"] - record.scores["validation_accuracy"]


def decades(norms: np.ndarray) -> float:
    """By how many powers of ten the gradient changes on its way from the loss to the far end.

    From the top layer's last time step to the bottom layer's first tenth of the time steps; negative where
    it vanishes, positive where it explodes.

    Args:
        norms: (depth, timesteps), of ``gradients.gradient_norms``.
    """
    first = max(norms.shape[1] // 10, 1)
    far, near = norms[0, :first].mean(), norms[-1, -1]
    return float(np.log10(max(far, SMALLEST)) - np.log10(max(near, SMALLEST)))


def initial_decades(record: Record) -> float:
    """Powers of ten by which the gradient vanishes or explodes before training, whichever it does."""
    return abs(decades(np.array(record.initial_gradients)))


def trained_decades(record: Record) -> float:
    """The same with the kept weights."""
    return abs(decades(np.array(record.trained_gradients)))


def probe_rise(record: Record) -> float:
    """The probe's accuracy on the top layer less that on the first recurrent layer."""
    return record.probes[-1] - record.probes[1]


def deep(fits: Iterable[Fit]) -> list[int]:
    """The depths above 1."""
    return sorted({fit.depth for fit in fits} - {1})


def deeper_than_one(measure: Measure, variant: str = PLAIN) -> Differences:
    """For each cell and seed: the mean over the depths above 1, less depth 1; without a skip."""

    def differences(records: Records) -> list[float]:
        return [
            _mean(records, measure, (Fit(cell, depth, "none", variant, seed) for depth in deep(records)))
            - measure(records[Fit(cell, 1, "none", variant, seed)])
            for cell, seed in _pairs(records)
        ]

    return differences


def with_variant(measure: Measure, variant: str) -> Differences:
    """For each cell and seed: deep stacks of the variant less the plain ones; without a skip."""
    return _deep_against_plain(measure, lambda _: [("none", variant)])


def with_skip(measure: Measure, *skips: str) -> Differences:
    """For each cell and seed: deep stacks with these skips, where the study has them, less those without."""
    return _deep_against_plain(
        measure, lambda records: [(skip, PLAIN) for skip in skips if any(fit.skip == skip for fit in records)]
    )


def gated_over_simple(measure: Measure) -> Differences:
    """For each depth and seed: the mean over LSTM and GRU less the simple RNN; without a skip."""

    def differences(records: Records) -> list[float]:
        cells = {fit.cell for fit in records}
        gated = [cell for cell in GATED if cell in cells]
        if not gated or "simple_rnn" not in cells:
            return []
        return [
            _mean(records, measure, (Fit(cell, depth, "none", PLAIN, seed) for cell in gated))
            - measure(records[Fit("simple_rnn", depth, "none", PLAIN, seed)])
            for depth, seed in sorted({(fit.depth, fit.seed) for fit in records})
        ]

    return differences


def of_deep_stacks(measure: Measure) -> Differences:
    """For each cell and seed: the mean of a measure that is itself a difference, over the deep stacks."""

    def differences(records: Records) -> list[float]:
        return [
            _mean(records, measure, (Fit(cell, depth, "none", PLAIN, seed) for depth in deep(records)))
            for cell, seed in _pairs(records)
        ]

    return differences


def _deep_against_plain(
    measure: Measure, kinds_of: Callable[[Records], Sequence[tuple[str, str]]]
) -> Differences:
    def differences(records: Records) -> list[float]:
        kinds, depths = kinds_of(records), deep(records)
        if not kinds:
            return []
        return [
            _mean(records, measure, (Fit(cell, depth, *kind, seed) for kind in kinds for depth in depths))
            - _mean(records, measure, (Fit(cell, depth, "none", PLAIN, seed) for depth in depths))
            for cell, seed in _pairs(records)
        ]

    return differences


def _pairs(records: Records) -> list[tuple[str, int]]:
    return sorted({(fit.cell, fit.seed) for fit in records})


def _mean(records: Records, measure: Measure, fits: Iterable[Fit]) -> float:
    return float(np.mean([measure(records[fit]) for fit in fits]))
