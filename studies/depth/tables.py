"""The study's numbers as CSV, one row for a fit, an epoch, a layer; and the means as DVC metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.runtime.files import Row, write_csv
from studies.depth.claims import Judgement, accuracy_gap, initial_decades, trained_decades
from studies.depth.fits import PLAIN, Fit, Record, Records

When = Literal["initial", "trained"]
WHEN: tuple[When, ...] = ("initial", "trained")
SCORES = ("train_accuracy", "validation_accuracy", "test_accuracy")


def write(records: Records, findings: Sequence[Judgement], folder: Path) -> None:
    """Writes claims.csv and, in the order of the fits, fits.csv, curves.csv, probes.csv and gradients.csv."""
    ordered = [(fit._asdict(), records[fit]) for fit in sorted(records)]
    curves = [
        {**fit, "epoch": epoch, **values}
        for fit, record in ordered
        for epoch, values in enumerate(record.curve, start=1)
    ]
    probes = [
        {**fit, "layer": layer, "validation_accuracy": accuracy}
        for fit, record in ordered
        for layer, accuracy in enumerate(record.probes)
    ]
    rows = [
        {
            **fit,
            "parameters": record.parameters,
            "seconds": round(record.seconds, 2),
            "best_epoch": record.best_epoch,
            **record.scores,
            "accuracy_gap": accuracy_gap(record),
            "initial_decades": initial_decades(record),
            "trained_decades": trained_decades(record),
        }
        for fit, record in ordered
    ]
    gradients = [  # the mean norm over the seeds, at each layer and time step
        {**network, "when": when, "layer": layer, "step": step, "norm": float(norm)}
        for fit in sorted(records)
        if fit.seed == 0
        for network in [{key: value for key, value in fit._asdict().items() if key != "seed"}]
        for when in WHEN
        for layer, norms in enumerate(mean_norms(records, fit, when), start=1)
        for step, norm in enumerate(norms, start=1)
    ]
    write_csv(folder / "fits.csv", rows)
    write_csv(folder / "curves.csv", curves)
    write_csv(folder / "probes.csv", probes)
    write_csv(folder / "gradients.csv", gradients)
    write_csv(folder / "claims.csv", [row for finding in findings for row in _claim_rows(finding)])


def summary(
    records: Records,
    findings: Sequence[Judgement],
    baseline: Mapping[str, float],
    guess: Mapping[str, float],
) -> dict[str, Any]:
    """The means over the seeds, under cell, depth and skip; the baseline; the majority class; and each judged
    claim's numbers."""
    scores: dict[str, Any] = {}
    for fit in sorted(fit for fit in records if fit.variant == PLAIN and fit.seed == 0):
        means = {name: np.mean([each.scores[name] for each in repeats(records, fit)]) for name in SCORES}
        of_skip = scores.setdefault(fit.cell, {}).setdefault(f"depth_{fit.depth}", {})
        of_skip[fit.skip] = {name: float(mean) for name, mean in means.items()}
    claims = {
        finding.claim.key: {
            "verdict": finding.verdict,
            "difference": finding.difference.mean,
            "corrected_p": finding.corrected,
        }
        for finding in findings
        if finding.corrected is not None
    }
    return {**scores, "baseline": dict(baseline), "majority": dict(guess), "claims": claims}


def repeats(records: Records, fit: Fit) -> list[Record]:
    """The records of one network with every seed."""
    return [record for other, record in sorted(records.items()) if other._replace(seed=fit.seed) == fit]


def mean_norms(records: Records, fit: Fit, when: When) -> np.ndarray:
    """The gradient's norms of one network, float64 (depth, timesteps), the mean over the seeds."""
    norms = [getattr(record, f"{when}_gradients") for record in repeats(records, fit)]
    return np.mean(np.array(norms), axis=0)


def _claim_rows(finding: Judgement) -> list[Row]:
    """The difference over all strata, with its test, then within each."""
    tested: Row = {
        "corrected_p": "" if finding.corrected is None else finding.corrected,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "left_out": "; ".join(finding.left_out),
    }
    rows: list[Row] = []
    for stratum, (mean, bounds, _) in {"all": finding.difference, **finding.effects}.items():
        low, high = bounds or ("", "")
        of_all = tested if stratum == "all" else dict.fromkeys(tested, "")
        place: Row = {"claim": finding.claim.key, "stratum": stratum, "seeds": finding.seeds}
        rows.append({**place, "difference": mean, "low": low, "high": high, **of_all})
    return rows if finding.effects else []
