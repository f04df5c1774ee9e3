"""What the study's numbers say of each claim: by rule, never by hand."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.depth.claims import CLAIMS, Claim
from pipeline.depth.grid import Fit
from pipeline.depth.learning import did_not_learn, network_name
from pipeline.depth.records import Records
from pipeline.depth.statistics import Interval, have_spread, holm, paired_p_value, t_interval
from pipeline.reporting import counted, p_text
from pipeline.reporting.evaluated import CELLS

LEVEL = 0.05
# The fewest with which a test that assumes nothing of the distribution, flipping the differences' signs, can
# fall below LEVEL: 2 / 2**6 = 0.031. With fewer, all would hang on the differences being normal.
MIN_SEEDS = 6
Verdict = Literal["supports", "contradicts", "leaves open", "cannot judge"]


class Effect(NamedTuple):
    """The difference within one stratum: a cell, or for claims about cells a depth.

    Attributes:
        stratum: ``lstm`` or ``depth 2``.
        mean: over the seeds.
        interval: of that mean; None where the seeds' differences are equal.
    """

    stratum: str
    mean: float
    interval: Interval | None


class Finding(NamedTuple):
    """What the data say of a claim.

    Attributes:
        claim: which.
        seeds: with how many the difference was seen.
        mean: the difference, over the strata and the seeds; NaN where there is none.
        interval: of that mean, over the seeds; None where the seeds' differences are equal.
        p_value: of the paired t-test; None where the claim can't be judged.
        corrected: the same after Holm's correction for all claims that could be judged.
        verdict: in a word.
        effects: the difference within each stratum.
        left_out: networks that would take part, but did not learn.
        reason: why the claim can't be judged; empty where it can.
    """

    claim: Claim
    seeds: int
    mean: float
    interval: Interval | None
    p_value: float | None
    corrected: float | None
    verdict: Verdict
    effects: tuple[Effect, ...] = ()
    left_out: tuple[str, ...] = ()
    reason: str = ""


def judge(records: Records, dataset: Mapping[str, Any]) -> list[Finding]:
    """The finding for each claim, its p-value corrected for the number of claims that could be judged.

    The cells of a study are chosen, not drawn: they are no sample. The seeds are one, and fits that share a
    seed share their start and the order of the reviews. So the differences are taken between fits of one
    seed within a cell (within a depth, where cells are compared), and the test has one number for each seed:
    the mean of its differences over the cells.

    Args:
        records: of every fit, each network with the same seeds.
        dataset: data/padded/dataset.json, which says what chance would score.
    """
    failed = did_not_learn(records, dataset)
    learned = {fit: record for fit, record in records.items() if fit._replace(seed=0) not in failed}
    findings = [_measure(claim, records, learned) for claim in CLAIMS]
    p_values = [finding.p_value for finding in findings if finding.p_value is not None]
    corrected = iter(holm(p_values))
    return [
        finding if finding.p_value is None else _with_verdict(finding, next(corrected))
        for finding in findings
    ]


def _measure(claim: Claim, records: Records, learned: Records) -> Finding:
    """The finding before the correction."""
    taken = learned if claim.contrast.is_of_trained_networks else records
    strata = claim.contrast.differences(taken)
    differences = np.mean(list(strata.values()), axis=0).tolist() if strata else []
    reason = _why_not(claim, records, differences)
    return Finding(
        claim,
        len(differences),
        float(np.mean(differences)) if differences else math.nan,
        t_interval(differences),
        None if reason else paired_p_value(differences),
        None,
        "cannot judge" if reason else "leaves open",
        tuple(
            Effect(stratum, float(np.mean(values)), t_interval(values)) for stratum, values in strata.items()
        ),
        _networks(claim.contrast.fits(records) - taken.keys()),
        reason,
    )


def _why_not(claim: Claim, records: Records, differences: Sequence[float]) -> str:
    """Why the differences can't be judged, or nothing."""
    if not claim.contrast.fits(records):
        return f"params.yaml asks for no fits that could be compared {claim.comparison}"
    if not differences:
        return f"no networks learned that could be compared {claim.comparison}"
    if len(differences) < MIN_SEEDS:
        return f"{len(differences)} seeds are too few, depth.seeds must be {MIN_SEEDS} or more"
    if not have_spread(differences):
        return f"all {len(differences)} seeds give the same difference, so there is no spread to test it by"
    return ""


def _networks(fits: Collection[Fit]) -> tuple[str, ...]:
    return tuple(network_name(fit) for fit in sorted(fits) if fit.seed == 0)


def _with_verdict(finding: Finding, corrected: float) -> Finding:
    return finding._replace(
        corrected=corrected, verdict=verdict(finding.claim.direction, finding.mean, corrected)
    )


def verdict(direction: int, mean: float, corrected: float) -> Verdict:
    """Supports or contradicts the claim where p is below ``LEVEL``, by the sign of the mean difference."""
    if corrected >= LEVEL:
        return "leaves open"
    return "supports" if mean * direction > 0 else "contradicts"


def judged(findings: Sequence[Finding]) -> int:
    """How many of the claims could be judged: as many as their p-values are corrected for."""
    return sum(finding.p_value is not None for finding in findings)


def sentence(finding: Finding, tested: int) -> str:
    """The finding in words, with the numbers, the test and the figure behind it.

    Args:
        finding: what is told.
        tested: how many claims the p-value was corrected for.
    """
    claim = finding.claim
    parts = [claim.statement, _verdict_words(finding, tested)]
    if finding.effects:
        each = ", ".join(
            f"{CELLS.get(effect.stratum, effect.stratum)} {difference_text(effect.mean, effect.interval)}"
            for effect in finding.effects
        )
        parts.append(f"In detail: {each}.")
    if finding.left_out:
        parts.append(f"Left out, since they did not learn: {'; '.join(finding.left_out)}.")
    if finding.effects:
        parts.append(f"Figure {claim.figure}.")
    return " ".join(parts)


def _verdict_words(finding: Finding, tested: int) -> str:
    claim = finding.claim
    difference = difference_text(finding.mean, finding.interval)
    change = f"{claim.comparison}, the {claim.quantity} changes by {difference}"
    if finding.p_value is None or finding.corrected is None:
        seen = f" What was seen: {change} over {counted(finding.seeds, 'seed')}." if finding.effects else ""
        return f"The study can't judge this: {finding.reason}.{seen}"
    told = {
        "supports": "The data support this",
        "contradicts": "The data contradict this",
    }.get(finding.verdict, "The data leave this open")
    return (
        f"{told}: {change} over {finding.seeds} seeds (in brackets the 95 % interval; paired t-test, "
        f"{p_text(finding.p_value)}, with Holm's correction for {tested} claims {p_text(finding.corrected)})."
    )


def difference_text(mean: float, interval: Interval | None) -> str:
    """``+0.012 [+0.010, +0.015]``, with the 95 % interval; the mean alone where it has none."""
    if interval is None:
        return f"{mean:+.3f}"
    return f"{mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
