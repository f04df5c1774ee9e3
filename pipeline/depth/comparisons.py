"""Measures of a fit, and differences between fits that are alike in all but one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.depth.grid import PLAIN, Fit
from pipeline.depth.records import Record, Records

Measure = Callable[[Record], float]
GATED = ("lstm", "gru")
SMALLEST = 1e-38  # float32 has nothing between about this and 0


class Pair(NamedTuple):
    """Two fits with the same seed, alike in all but what is compared.

    Attributes:
        stratum: what they share and the comparison is made within: ``lstm``, or ``depth 2``.
        treated: the fit that the claim is about.
        control: the fit that it is compared with; None where the measure is itself a difference.
    """

    stratum: str
    treated: Fit
    control: Fit | None = None

    @property
    def fits(self) -> set[Fit]:
        """The two, or the one."""
        return {self.treated} if self.control is None else {self.treated, self.control}


Pairs = Callable[[Collection[Fit]], Iterator[Pair]]


@dataclass(frozen=True)
class Contrast:
    """A measure, and between which fits its differences are taken.

    Attributes:
        measure: of one fit.
        pairs: every pair that such fits allow.
    """

    measure: Measure
    pairs: Pairs

    @property
    def is_of_trained_networks(self) -> bool:
        """Whether it says nothing of a network that did not learn."""
        return self.measure is not initial_decades

    def fits(self, records: Collection[Fit]) -> set[Fit]:
        """Those that take part."""
        return set().union(*(pair.fits for pair in self.pairs(records)))

    def differences(self, records: Records) -> dict[str, list[float]]:
        """For each stratum the difference with each seed, by seed: the mean over the stratum's pairs."""
        found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for pair in self.pairs(records):
            if pair.fits <= records.keys():
                control = 0.0 if pair.control is None else self.measure(records[pair.control])
                difference = self.measure(records[pair.treated]) - control
                found[pair.stratum][pair.treated.seed].append(difference)
        return {
            stratum: [float(np.mean(by_seed[seed])) for seed in sorted(by_seed)]
            for stratum, by_seed in found.items()
        }


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


def deeper_than_one(variant: str = PLAIN) -> Pairs:
    """Within each cell: every depth above 1 and depth 1; without a skip."""

    def pairs(fits: Collection[Fit]) -> Iterator[Pair]:
        for fit in _deep_and_plain(fits):
            treated = fit._replace(variant=variant)
            yield Pair(fit.cell, treated, treated._replace(depth=1))

    return pairs


def with_variant(variant: str) -> Pairs:
    """Within each cell: each deep stack of the variant and the plain one of its depth; without a skip."""

    def pairs(fits: Collection[Fit]) -> Iterator[Pair]:
        for fit in _deep_and_plain(fits):
            yield Pair(fit.cell, fit._replace(variant=variant), fit)

    return pairs


def with_skip(*skips: str) -> Pairs:
    """Within each cell: each deep stack with these skips, where there are such, and the one without."""

    def pairs(fits: Collection[Fit]) -> Iterator[Pair]:
        for fit in _deep_and_plain(fits):
            for skip in skips:
                if fit._replace(skip=skip) in fits:
                    yield Pair(fit.cell, fit._replace(skip=skip), fit)

    return pairs


def gated_over_simple(fits: Collection[Fit]) -> Iterator[Pair]:
    """Within each depth: LSTM and GRU, where there are such, and the simple RNN; without a skip."""
    for fit in sorted(fits):
        simple = fit._replace(cell="simple_rnn")
        if fit.cell in GATED and (fit.skip, fit.variant) == ("none", PLAIN) and simple in fits:
            yield Pair(f"depth {fit.depth}", fit, simple)


def deep_stacks(fits: Collection[Fit]) -> Iterator[Pair]:
    """Within each cell: each deep stack alone, for a measure that is itself a difference."""
    for fit in _deep_and_plain(fits):
        yield Pair(fit.cell, fit)


def _deep_and_plain(fits: Collection[Fit]) -> list[Fit]:
    """The fits of two layers and more without a skip and as configured, in order."""
    return [fit for fit in sorted(fits) if fit.depth > 1 and (fit.skip, fit.variant) == ("none", PLAIN)]
