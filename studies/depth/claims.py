"""What is said of deep recurrent networks, each as a difference that the study can measure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import yaml
from scipy import stats

from pipeline.params import Cell
from pipeline.reporting import cell_name, count_text, p_text
from studies.depth.fits import CLIPPING, DROPOUT, PLAIN, Fit, Matrix, Record, Records

WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

# Which networks learned anything: a network that stayed at chance says nothing of what depth does.


def guess_scores(dataset: Mapping[str, Any]) -> dict[str, float]:
    """The accuracy on each split, ``train_accuracy`` and so on, of always giving the training reviews'
    commonest label."""
    shares = dataset["class_shares"]
    commonest = max(shares["train"], key=shares["train"].__getitem__)
    return {f"{split}_accuracy": float(of_split[commonest]) for split, of_split in shares.items()}


def commoner_share(dataset: Mapping[str, Any]) -> float:
    """The accuracy of always giving the commonest label, on the validation reviews."""
    return float(max(dataset["class_shares"]["validation"].values()))


def did_not_learn(records: Records, dataset: Mapping[str, Any]) -> dict[Fit, int]:
    """The networks (as their fits of seed 0) that stayed at chance, with how many of their seeds.

    Chance may reach 1.96 standard errors above the commoner share of the validation reviews. One seed is
    enough for a network to be named: were only that fit left out, the network would be judged by the seeds
    that went well.
    """
    share = commoner_share(dataset)
    bound = share + 1.96 * math.sqrt(share * (1 - share) / dataset["sizes"]["validation"])
    failed = (fit for fit in sorted(records) if records[fit].scores["validation_accuracy"] <= bound)
    return dict(Counter(fit._replace(seed=0) for fit in failed))


def network_name(fit: Fit) -> str:
    """``LSTM of depth 4, residual, dropout``: the fit without its seed, in words."""
    extra = [value for value in (fit.skip, fit.variant) if value not in ("none", PLAIN)]
    return ", ".join([f"{cell_name(fit.cell)} of depth {fit.depth}", *extra])


def failures(records: Records, dataset: Mapping[str, Any]) -> list[str]:
    """The networks that did not learn, as ``LSTM of depth 4, residual (2 of 6 seeds)``."""
    seeds = len({fit.seed for fit in records})
    return [
        f"{network_name(fit)} ({count} of {seeds} seeds)"
        for fit, count in sorted(did_not_learn(records, dataset).items())
    ]


# Measures of a fit, and differences between fits that are alike in all but one thing.

SMALLEST = 1e-38  # float32 has nothing between about this and 0


class Measure(NamedTuple):
    """A number that each fit has: in words, with its unit; and whether it says nothing of a network that did
    not learn."""

    words: str
    of: Callable[[Record], float]
    of_trained: bool = True


def accuracy_gap(record: Record) -> float:
    """Training less validation accuracy of the kept weights, both without dropout."""
    return record.scores["train_accuracy"] - record.scores["validation_accuracy"]


def initial_decades(record: Record) -> float:
    """By how many powers of ten the gradient vanishes or explodes before training, whichever it does: from
    the top layer's last time step to the bottom layer's first tenth of the time steps."""
    return _decades(record.initial_gradients)


def trained_decades(record: Record) -> float:
    """The same with the kept weights."""
    return _decades(record.trained_gradients)


def _decades(gradients: Matrix) -> float:
    norms = np.array(gradients)
    far, near = norms[0, : max(norms.shape[1] // 10, 1)].mean(), norms[-1, -1]
    return abs(float(np.log10(max(far, SMALLEST)) - np.log10(max(near, SMALLEST))))


_DISTANCE = "distance of the far gradient from the near one {} training (powers of ten)"
ACCURACY = Measure("validation accuracy", lambda record: record.scores["validation_accuracy"])
GAP = Measure("gap between training and validation accuracy", accuracy_gap)
LOSS = Measure("training loss of the last epoch (cross-entropy)", lambda record: record.curve[-1]["loss"])
PROBE_RISE = Measure("accuracy of a linear probe", lambda record: record.probes[-1] - record.probes[1])
INITIAL_REACH = Measure(_DISTANCE.format("before"), initial_decades, of_trained=False)
TRAINED_REACH = Measure(_DISTANCE.format("after"), trained_decades)
Change = Mapping[str, Any]  # of a fit's fields
_SAME: Change = {}


class Contrast(NamedTuple):
    """Between which fits of one seed, alike in all but what is compared, differences are taken.

    Attributes:
        words: from what to what.
        treated: what makes the fits that the claim is about of a plain one without a skip.
        control: what makes the one that they are compared with; None where the measure is a difference.
        of_cells: whether cells are compared, the gated ones within a depth; else stacks of two layers and
            more, within a cell.
    """

    words: str
    treated: tuple[Change, ...] = (_SAME,)
    control: Change | None = _SAME
    of_cells: bool = False

    def pairs(self, fits: Collection[Fit]) -> list[tuple[str, Fit, Fit | None]]:
        """The stratum, the treated fit and its control, where all are there."""
        found, there = [], set(fits)
        for fit in sorted(there):
            taken = fit.cell != "simple_rnn" if self.of_cells else fit.depth > 1
            if (fit.skip, fit.variant) != ("none", PLAIN) or not taken:
                continue
            stratum = f"depth {fit.depth}" if self.of_cells else fit.cell
            control = None if self.control is None else fit._replace(**self.control)
            treated = (fit._replace(**change) for change in self.treated)
            found += [(stratum, each, control) for each in treated if {each, control or fit} <= there]
        return found

    def fits(self, fits: Collection[Fit]) -> set[Fit]:
        """Those that take part."""
        return {fit for _, *pair in self.pairs(fits) for fit in pair if fit}

    def differences(self, records: Records, measure: Measure) -> dict[str, list[float]]:
        """For each stratum the difference with each seed, by seed: the mean over the stratum's pairs."""
        found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for stratum, treated, control in self.pairs(records):
            less = 0.0 if control is None else measure.of(records[control])
            found[stratum][treated.seed].append(measure.of(records[treated]) - less)
        return {
            stratum: [float(np.mean(by_seed[seed])) for seed in sorted(by_seed)]
            for stratum, by_seed in found.items()
        }


_DEPTHS = "from one layer to the mean of the deeper stacks"
_STACKS = "in stacks of two layers and more"
_RESIDUAL, _HIGHWAY, _WITH_DROPOUT = {"skip": "residual"}, {"skip": "highway"}, {"variant": DROPOUT}
DEEPER = Contrast(_DEPTHS, control={"depth": 1})
DEEPER_WITH_DROPOUT = Contrast(
    f"{_DEPTHS}, all with dropout", (_WITH_DROPOUT,), {**_WITH_DROPOUT, "depth": 1}
)
LAYERS = Contrast(f"from the first recurrent layer to the top one, {_STACKS}", control=None)
DROPPED = Contrast(f"from no dropout to dropout, {_STACKS}", (_WITH_DROPOUT,))
CLIPPED = Contrast(f"from no clipping to clipping, {_STACKS}", ({"variant": CLIPPING},))
RESIDUAL = Contrast(f"from no skip to residual, {_STACKS}", (_RESIDUAL,))
HIGHWAY = Contrast(f"from no skip to highway, {_STACKS}", (_HIGHWAY,))
SKIPPED = Contrast(f"from no skip to the mean of the skips, {_STACKS}", (_RESIDUAL, _HIGHWAY))
GATED = Contrast(
    "from the simple RNN to the mean of the gated cells, at every depth",
    control={"cell": "simple_rnn"},
    of_cells=True,
)


class Claim(NamedTuple):
    """One thing that is said of deep recurrent networks, by its key in claims.yaml and summary.json, as a
    signed difference: the direction is 1 where the measure is said to rise, -1 where it is said to fall."""

    key: str
    measure: Measure
    comparison: Contrast
    direction: Literal[1, -1]

    @property
    def statement(self) -> str:
        return str(WORDS["claims"][self.key]["statement"])

    @property
    def figure(self) -> int:
        """Number of the figure that shows it."""
        return int(WORDS["claims"][self.key]["figure"])

    @property
    def literature(self) -> str:
        """What others found."""
        return str(WORDS["sources"][WORDS["claims"][self.key]["source"]]["finding"])


CLAIMS = (
    Claim("accuracy", ACCURACY, DEEPER, 1),
    Claim("capacity", LOSS, DEEPER, -1),
    Claim("regularized", ACCURACY, DEEPER_WITH_DROPOUT, 1),
    Claim("hierarchy", PROBE_RISE, LAYERS, 1),
    Claim("gradients_initial", INITIAL_REACH, DEEPER, 1),
    Claim("gradients_trained", TRAINED_REACH, DEEPER, 1),
    Claim("overfitting", GAP, DEEPER, 1),
    Claim("dropout", GAP, DROPPED, -1),
    Claim("gates_gradients", TRAINED_REACH, GATED, -1),
    Claim("gates_accuracy", ACCURACY, GATED, 1),
    Claim("clipping_gradients", TRAINED_REACH, CLIPPED, -1),
    Claim("clipping_accuracy", ACCURACY, CLIPPED, 1),
    Claim("skips_gradients", INITIAL_REACH, SKIPPED, -1),
    Claim("residual_accuracy", ACCURACY, RESIDUAL, 1),
    Claim("highway_accuracy", ACCURACY, HIGHWAY, 1),
)


# A mean over seeds with its interval and its test, and the correction of a test for being one of many.


class SeedMean(NamedTuple):
    """The mean of a sample; its other numbers are None where the values have no spread.

    Attributes:
        mean: NaN of no values.
        bounds: of Student's 95 % interval for the mean.
        p_value: of the two-sided t-test that the mean is 0; of differences, the paired t-test's.
    """

    mean: float
    bounds: tuple[float, float] | None = None
    p_value: float | None = None

    def __str__(self) -> str:
        """``+0.012 [+0.010, +0.015]``: a difference, with its interval where there is one."""
        interval = "" if self.bounds is None else " [{:+.3f}, {:+.3f}]".format(*self.bounds)
        return f"{self.mean:+.3f}{interval}"


def have_spread(values: Sequence[float]) -> bool:
    """Whether there are two values or more, and they differ by more than rounding: of equal ones, however
    few, a test would say p = 0."""
    return len(values) > 1 and not np.allclose(values, values[0], rtol=1e-9, atol=1e-12)


def estimate(values: Sequence[float]) -> SeedMean:
    """What the values of the seeds say of their mean."""
    if not have_spread(values):
        return SeedMean(float(np.mean(values)) if values else math.nan)
    test = stats.ttest_1samp(values, 0.0)
    low, high = test.confidence_interval(0.95)
    return SeedMean(float(np.mean(values)), (float(low), float(high)), float(test.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979), in the order given: the chance of even one false finding among them all is
    then at most the level that they are held to."""
    order, count = np.argsort(p_values), len(p_values)
    adjusted = np.empty(count)
    steps = np.minimum((count - np.arange(count)) * np.array(p_values)[order], 1.0)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted.tolist()


# What the study's numbers say of each claim: by rule, never by hand.

LEVEL = 0.05
# The fewest with which a test that assumes nothing of the distribution, flipping the differences' signs, can
# fall below LEVEL: 2 / 2**6 = 0.031. With fewer, all would hang on the differences being normal.
MIN_SEEDS = 6
Answer = Literal["supports", "contradicts", "leaves open", "cannot judge"]
_TOLD = {
    "supports": "The data support this",
    "contradicts": "The data contradict this",
    "leaves open": "The data leave this open",
}


class Judgement(NamedTuple):
    """What the data say of a claim.

    Attributes:
        claim: which.
        seeds: with how many the difference was seen.
        difference: over the strata and the seeds.
        effects: the difference within each stratum, a cell, or for claims about cells a depth.
        left_out: networks that would take part, but did not learn.
        reason: why the claim can't be judged; empty where it can.
        corrected: the difference's p-value after Holm's correction for all claims that could be judged.
        verdict: in a word.
    """

    claim: Claim
    seeds: int
    difference: SeedMean
    effects: Mapping[str, SeedMean]
    left_out: tuple[str, ...] = ()
    reason: str = ""
    corrected: float | None = None
    verdict: Answer = "cannot judge"


def judge(records: Records, dataset: Mapping[str, Any]) -> list[Judgement]:
    """The finding for each claim, its p-value corrected for the number of claims that could be judged.

    The cells of a study are chosen, not drawn: they are no sample. The seeds are one, and fits that share a
    seed share their start and the order of the reviews. So the differences are taken between fits of one
    seed within a cell (within a depth, where cells are compared), and the test has one number for each seed:
    the mean of its differences over the cells.
    """
    failed = did_not_learn(records, dataset)
    learned = {fit: record for fit, record in records.items() if fit._replace(seed=0) not in failed}
    findings = [_measure(claim, records, learned) for claim in CLAIMS]
    corrected = iter(holm([finding.difference.p_value or 0.0 for finding in findings if not finding.reason]))
    for place, finding in enumerate(findings):
        if not finding.reason:
            p_value = next(corrected)
            answer = verdict(finding.claim.direction, finding.difference.mean, p_value)
            findings[place] = finding._replace(corrected=p_value, verdict=answer)
    return findings


def _measure(claim: Claim, records: Records, learned: Records) -> Judgement:
    """The finding before the correction."""
    contrast, taken = claim.comparison, learned if claim.measure.of_trained else records
    strata = contrast.differences(taken, claim.measure)
    differences = np.mean(list(strata.values()), axis=0).tolist() if strata else []
    effects = {stratum: estimate(values) for stratum, values in strata.items()}
    asked, count = contrast.fits(records), len(differences)
    left_out = tuple(network_name(fit) for fit in sorted(asked - taken.keys()) if fit.seed == 0)
    reason = ""
    if not asked:
        reason = f"params.yaml asks for no fits that could be compared {contrast.words}"
    elif not differences:
        reason = f"no networks learned that could be compared {contrast.words}"
    elif count < MIN_SEEDS:
        reason = f"{count} seeds are too few, depth.seeds must be {MIN_SEEDS} or more"
    elif not have_spread(differences):
        reason = f"all {count} seeds give the same difference, so there is no spread to test it by"
    return Judgement(claim, count, estimate(differences), effects, left_out, reason)


def verdict(direction: int, mean: float, corrected: float) -> Answer:
    """Supports or contradicts the claim where p is below ``LEVEL``, by the sign of the mean difference."""
    if corrected >= LEVEL:
        return "leaves open"
    return "supports" if mean * direction > 0 else "contradicts"


def count_judged(findings: Sequence[Judgement]) -> int:
    """How many of the claims could be judged: as many as their p-values are corrected for."""
    return sum(not finding.reason for finding in findings)


def sentence(finding: Judgement, tested: int) -> str:
    """The finding in words, with its numbers, the test, corrected for ``tested`` claims, and its figure."""
    claim, p_value = finding.claim, finding.difference.p_value
    change = f"{claim.comparison.words}, the {claim.measure.words} changes by {finding.difference}"
    if p_value is None or finding.corrected is None:
        said = f"The study can't judge this: {finding.reason}."
        if finding.effects:
            said += f" What was seen: {change} over {count_text(finding.seeds, 'seed')}."
    else:
        said = (
            f"{_TOLD[finding.verdict]}: {change} over {finding.seeds} seeds (in brackets the 95 % interval; "
            f"paired t-test, {p_text(p_value)}, with Holm's correction for {tested} claims "
            f"{p_text(finding.corrected)})."
        )
    parts = [claim.statement, said]
    if finding.effects:
        names = {cell: cell_name(cell) for cell in get_args(Cell)}  # a depth is said as it is
        each = (f"{names.get(stratum, stratum)} {effect}" for stratum, effect in finding.effects.items())
        parts.append(f"In detail: {', '.join(each)}.")
    if finding.left_out:
        parts.append(f"Left out, since they did not learn: {'; '.join(finding.left_out)}.")
    if finding.effects:
        parts.append(f"Figure {claim.figure}.")
    return " ".join(parts)
