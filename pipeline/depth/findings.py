"""What the study's numbers say of each claim: by rule, never by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.depth.claims import CLAIMS, Claim
from pipeline.depth.learning import did_not_learn, network_name
from pipeline.depth.records import Records
from pipeline.depth.statistics import Estimate, estimate, have_spread, holm
from pipeline.reporting import counted, p_text
from pipeline.reporting.evaluated import CELLS

LEVEL = 0.05
# The fewest with which a test that assumes nothing of the distribution, flipping the differences' signs, can
# fall below LEVEL: 2 / 2**6 = 0.031. With fewer, all would hang on the differences being normal.
MIN_SEEDS = 6
Verdict = Literal["supports", "contradicts", "leaves open", "cannot judge"]
_TOLD = {
    "supports": "The data support this",
    "contradicts": "The data contradict this",
    "leaves open": "The data leave this open",
}


class Finding(NamedTuple):
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
    difference: Estimate
    effects: Mapping[str, Estimate]
    left_out: tuple[str, ...] = ()
    reason: str = ""
    corrected: float | None = None
    verdict: Verdict = "cannot judge"


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
    corrected = iter(holm([finding.difference.p_value or 0.0 for finding in findings if not finding.reason]))
    return [finding if finding.reason else _with_verdict(finding, next(corrected)) for finding in findings]


def _measure(claim: Claim, records: Records, learned: Records) -> Finding:
    """The finding before the correction."""
    taken = learned if claim.measure.of_trained else records
    strata = claim.comparison.differences(taken, claim.measure)
    differences = np.mean(list(strata.values()), axis=0).tolist() if strata else []
    effects = {stratum: estimate(values) for stratum, values in strata.items()}
    lacking = sorted(claim.comparison.fits(records) - taken.keys())
    left_out = tuple(network_name(fit) for fit in lacking if fit.seed == 0)
    reason = _why_not(claim, records, differences)
    return Finding(claim, len(differences), estimate(differences), effects, left_out, reason)


def _why_not(claim: Claim, records: Records, differences: Sequence[float]) -> str:
    """Why the differences can't be judged, or nothing."""
    compared = f"compared {claim.comparison.words}"
    if not claim.comparison.fits(records):
        return f"params.yaml asks for no fits that could be {compared}"
    if not differences:
        return f"no networks learned that could be {compared}"
    if len(differences) < MIN_SEEDS:
        return f"{len(differences)} seeds are too few, depth.seeds must be {MIN_SEEDS} or more"
    if not have_spread(differences):
        return f"all {len(differences)} seeds give the same difference, so there is no spread to test it by"
    return ""


def _with_verdict(finding: Finding, corrected: float) -> Finding:
    return finding._replace(
        corrected=corrected, verdict=verdict(finding.claim.direction, finding.difference.mean, corrected)
    )


def verdict(direction: int, mean: float, corrected: float) -> Verdict:
    """Supports or contradicts the claim where p is below ``LEVEL``, by the sign of the mean difference."""
    if corrected >= LEVEL:
        return "leaves open"
    return "supports" if mean * direction > 0 else "contradicts"


def judged(findings: Sequence[Finding]) -> int:
    """How many of the claims could be judged: as many as their p-values are corrected for."""
    return sum(not finding.reason for finding in findings)


def sentence(finding: Finding, tested: int) -> str:
    """The finding in words, with the numbers, the test and the figure behind it.

    Args:
        finding: what is told.
        tested: how many claims the p-value was corrected for.
    """
    parts = [finding.claim.statement, _verdict_words(finding, tested)]
    if finding.effects:
        each = (f"{CELLS.get(stratum, stratum)} {effect}" for stratum, effect in finding.effects.items())
        parts.append(f"In detail: {', '.join(each)}.")
    if finding.left_out:
        parts.append(f"Left out, since they did not learn: {'; '.join(finding.left_out)}.")
    if finding.effects:
        parts.append(f"Figure {finding.claim.figure}.")
    return " ".join(parts)


def _verdict_words(finding: Finding, tested: int) -> str:
    claim, p_value = finding.claim, finding.difference.p_value
    change = f"{claim.comparison.words}, the {claim.measure.words} changes by {finding.difference}"
    if p_value is None or finding.corrected is None:
        seen = f" What was seen: {change} over {counted(finding.seeds, 'seed')}." if finding.effects else ""
        return f"The study can't judge this: {finding.reason}.{seen}"
    return (
        f"{_TOLD[finding.verdict]}: {change} over {finding.seeds} seeds (in brackets the 95 % interval; "
        f"paired t-test, {p_text(p_value)}, with Holm's correction for {tested} claims "
        f"{p_text(finding.corrected)})."
    )
