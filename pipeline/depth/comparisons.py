"""Measures of a fit, and differences between fits that are alike in all but one thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import numpy as np

from pipeline.depth.grid import CLIPPING, DROPOUT, PLAIN, Fit
from pipeline.depth.records import Record, Records

GATED = ("lstm", "gru")
SMALLEST = 1e-38  # float32 has nothing between about this and 0


class Measure(NamedTuple):
    """A number that each fit has.

    Attributes:
        words: what is measured, with its unit.
        of: computes it.
        of_trained: whether it says nothing of a network that did not learn.
    """

    words: str
    of: Callable[[Record], float]
    of_trained: bool = True


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


_DISTANCE = "distance of the far gradient from the near one {} training (powers of ten)"
ACCURACY = Measure("validation accuracy", lambda record: record.scores["validation_accuracy"])
GAP = Measure("gap between training and validation accuracy", accuracy_gap)
LOSS = Measure("training loss of the last epoch (cross-entropy)", lambda record: record.curve[-1]["loss"])
PROBE_RISE = Measure("accuracy of a linear probe", lambda record: record.probes[-1] - record.probes[1])
INITIAL_REACH = Measure(_DISTANCE.format("before"), initial_decades, of_trained=False)
TRAINED_REACH = Measure(_DISTANCE.format("after"), trained_decades)


class Pair(NamedTuple):
    """Two fits with the same seed, alike in all but what is compared.

    Attributes:
        stratum: what they share and the comparison is made within: ``lstm``, or ``depth 2``.
        treated: the fit that the claim is about.
        control: the fit that it is compared with; None where the measure is itself a difference.
    """

    stratum: str
    treated: Fit
    control: Fit | None

    @property
    def fits(self) -> set[Fit]:
        """The two, or the one."""
        return {self.treated} if self.control is None else {self.treated, self.control}


class Comparison(NamedTuple):
    """Between which fits differences are taken.

    Attributes:
        words: from what to what.
        pairs_of: the pairs that begin at a plain fit without a skip.
    """

    words: str
    pairs_of: Callable[[Fit], Iterable[Pair]]

    def pairs(self, fits: Collection[Fit]) -> list[Pair]:
        """Those whose fits are all there."""
        plain = [fit for fit in sorted(fits) if (fit.skip, fit.variant) == ("none", PLAIN)]
        return [pair for fit in plain for pair in self.pairs_of(fit) if pair.fits <= set(fits)]

    def fits(self, fits: Collection[Fit]) -> set[Fit]:
        """Those that take part."""
        return set().union(*(pair.fits for pair in self.pairs(fits)))

    def differences(self, records: Records, measure: Measure) -> dict[str, list[float]]:
        """For each stratum the difference with each seed, by seed: the mean over the stratum's pairs."""
        found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for pair in self.pairs(records):
            control = 0.0 if pair.control is None else measure.of(records[pair.control])
            difference = measure.of(records[pair.treated]) - control
            found[pair.stratum][pair.treated.seed].append(difference)
        return {
            stratum: [float(np.mean(by_seed[seed])) for seed in sorted(by_seed)]
            for stratum, by_seed in found.items()
        }


def _deep(words: str, pairs_of: Callable[[Fit], Iterable[tuple[Fit, Fit | None]]]) -> Comparison:
    """Within each cell, what ``pairs_of`` makes of each stack of two layers and more."""
    return Comparison(
        words, lambda fit: [Pair(fit.cell, *pair) for pair in pairs_of(fit)] if fit.depth > 1 else []
    )


def _with_skip(*skips: str) -> Callable[[Fit], list[tuple[Fit, Fit]]]:
    return lambda fit: [(fit._replace(skip=skip), fit) for skip in skips]


def _gated_over_simple(fit: Fit) -> list[Pair]:
    simple = fit._replace(cell="simple_rnn")
    return [Pair(f"depth {fit.depth}", fit, simple)] if fit.cell in GATED else []


_DEPTHS = "from one layer to the mean of the deeper stacks"
_STACKS = "in stacks of two layers and more"
DEEPER = _deep(_DEPTHS, lambda fit: [(fit, fit._replace(depth=1))])
DEEPER_WITH_DROPOUT = _deep(
    f"{_DEPTHS}, all with dropout",
    lambda fit: [(fit._replace(variant=DROPOUT), fit._replace(variant=DROPOUT, depth=1))],
)
LAYERS = _deep(f"from the first recurrent layer to the top one, {_STACKS}", lambda fit: [(fit, None)])
WITH_DROPOUT = _deep(
    f"from no dropout to dropout, {_STACKS}", lambda fit: [(fit._replace(variant=DROPOUT), fit)]
)
WITH_CLIPPING = _deep(
    f"from no clipping to clipping, {_STACKS}", lambda fit: [(fit._replace(variant=CLIPPING), fit)]
)
WITH_RESIDUAL = _deep(f"from no skip to residual, {_STACKS}", _with_skip("residual"))
WITH_HIGHWAY = _deep(f"from no skip to highway, {_STACKS}", _with_skip("highway"))
WITH_SKIP = _deep(f"from no skip to the mean of the skips, {_STACKS}", _with_skip("residual", "highway"))
GATED_OVER_SIMPLE = Comparison(
    "from the simple RNN to the mean of the gated cells, at every depth", _gated_over_simple
)
