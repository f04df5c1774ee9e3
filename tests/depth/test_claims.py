"""The rules by which records become verdicts and sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from constructed import record, records

from pipeline.depth.claims import CLAIMS, Finding, judge, sentence, verdict
from pipeline.depth.comparisons import initial_decades
from pipeline.depth.grid import Fit
from pipeline.depth.literature import SOURCES
from pipeline.depth.pictures import FIGURES
from pipeline.depth.records import Record, Records
from pipeline.depth.statistics import Interval


def found(fits: Records) -> dict[str, Finding]:
    return {finding.claim.key: finding for finding in judge(fits)}


def deeper_is(sign: int) -> dict[str, Finding]:
    def make(fit: Fit) -> Record:
        more = sign * 0.05 * (fit.depth - 1) * (1 + 0.1 * fit.seed)
        return record(fit, accuracy=0.7 + more, gap=0.1 + more, far=10.0**-fit.depth, rise=more)

    return found(records(make))


def test_records_that_follow_the_claims_support_them() -> None:
    findings = deeper_is(1)
    for key in ("accuracy", "regularized", "overfitting", "hierarchy", "gradients_initial"):
        assert findings[key].verdict == "supports", key


def test_records_against_the_claims_contradict_them() -> None:
    findings = deeper_is(-1)
    for key in ("accuracy", "regularized", "overfitting", "hierarchy"):
        assert findings[key].verdict == "contradicts", key


def test_differences_within_the_noise_leave_a_claim_open() -> None:
    def make(fit: Fit) -> Record:
        return record(fit, accuracy=0.8 + (0.01 if fit.depth > 1 else 0.0) * (-1) ** fit.seed)

    assert found(records(make))["accuracy"].verdict == "leaves open"


def test_the_difference_by_hand() -> None:
    """Depths 2 and 3 are 0.05 and 0.10 above depth 1 with seed 0, a tenth more with each further seed."""
    finding = deeper_is(1)["accuracy"]
    assert finding.pairs == 9  # three cells, three seeds
    assert finding.interval is not None
    assert finding.interval.mean == pytest.approx(0.075 * 1.1)


def test_variants_skips_and_gates_are_compared_with_the_plain_fits() -> None:
    def make(fit: Fit) -> Record:
        change = {"dropout": 0.0, "clipping": 0.02}.get(fit.variant, 0.0) + 0.03 * (fit.skip == "residual")
        gated = 0.04 * (fit.cell != "simple_rnn")
        gap = 0.02 if fit.variant == "dropout" else 0.1
        return record(fit, accuracy=0.7 + (change + gated) * (1 + 0.1 * fit.seed), gap=gap)

    findings = found(records(make))
    means = {key: finding.interval.mean for key, finding in findings.items() if finding.interval}
    assert means["clipping_accuracy"] == pytest.approx(0.022)
    assert means["residual_accuracy"] == pytest.approx(0.033)
    assert means["gates_accuracy"] == pytest.approx(0.044)
    assert means["dropout"] == pytest.approx(-0.08)
    assert findings["dropout"].verdict == findings["gates_accuracy"].verdict == "supports"
    assert findings["gates_accuracy"].pairs == 9  # three depths, three seeds


def test_what_the_grid_lacks_stays_open() -> None:
    findings = found(records(cells=("lstm",), skips=("none",)))
    for key in ("gates_gradients", "gates_accuracy", "skips_gradients", "highway_accuracy"):
        assert findings[key].interval is None
        assert findings[key].verdict == "leaves open"
        assert "params.yaml asks for no fits" in sentence(findings[key], 11)


@pytest.mark.parametrize(
    ("direction", "mean", "corrected", "expected"),
    [
        (1, 0.1, 0.049, "supports"),
        (-1, 0.1, 0.049, "contradicts"),
        (-1, -0.1, 0.049, "supports"),
        (1, 0.1, 0.05, "leaves open"),
    ],
)
def test_the_verdict_needs_a_p_below_5_percent(
    direction: int, mean: float, corrected: float, expected: str
) -> None:
    assert verdict(direction, Interval(mean, 0.0, 1.0), corrected) == expected


def test_a_sentence_carries_its_numbers() -> None:
    finding = Finding(CLAIMS[0], 9, Interval(0.0123, 0.01, 0.0146), 0.001234, 0.01851, "supports")
    text = sentence(finding, 15)
    for part in ("support this", "+0.012", "+0.010 to +0.015", "9 pairs", "0.0012", "15 claims", "0.0185"):
        assert part in text
    assert text.endswith("Figure 1.")
    assert "contradict this" in sentence(finding._replace(verdict="contradicts"), 15)


def test_vanishing_and_exploding_are_both_far_from_0() -> None:
    fit = Fit("gru", 2, "none", "plain", 0)
    vanished, exploded = record(fit, far=1e-3), record(fit, far=1e3)
    assert initial_decades(vanished) == initial_decades(exploded) == pytest.approx(3.0)
    assert initial_decades(replace(vanished, initial_gradients=((0.0,) * 20, (1.0,) * 20))) == pytest.approx(
        38
    )


def test_every_claim_has_its_source_and_figure() -> None:
    assert len({claim.key for claim in CLAIMS}) == len(CLAIMS)
    assert {claim.source for claim in CLAIMS} == set(SOURCES)
    assert all(1 <= claim.figure <= len(FIGURES) for claim in CLAIMS)
