"""What the notebook says of depth, and what the study's numbers say of it: by rule, never by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipeline.depth.comparisons import (
    Differences,
    accuracy_gap,
    deeper_than_one,
    gated_over_simple,
    initial_decades,
    of_deep_stacks,
    probe_rise,
    trained_decades,
    training_loss,
    validation_accuracy,
    with_skip,
    with_variant,
)
from pipeline.depth.grid import CLIPPING, DROPOUT
from pipeline.depth.records import Records
from pipeline.depth.statistics import Interval, holm, paired_p_value, t_interval

LEVEL = 0.05
Verdict = Literal["supports", "contradicts", "leaves open"]
_DEPTH = "from one layer to the mean of the deeper stacks"
_DEEP = "in stacks of two layers and more"


@dataclass(frozen=True)
class Claim:
    """One thing that is said of deep recurrent networks, as a signed difference.

    Attributes:
        key: its name in summary.json.
        statement: what is claimed.
        quantity: what is measured, with its unit.
        comparison: between which fits.
        differences: the paired differences.
        direction: +1 if the claim says that the quantity rises, -1 if it falls.
        figure: number of the figure that shows it.
        source: key of what the literature found, in ``literature.SOURCES``.
    """

    key: str
    statement: str
    quantity: str
    comparison: str
    differences: Differences
    direction: Literal[1, -1]
    figure: int
    source: str


class Finding(NamedTuple):
    """What the data say of a claim; ``interval`` is None where the study lacks the fits to compare."""

    claim: Claim
    pairs: int
    interval: Interval | None
    p_value: float
    corrected: float
    verdict: Verdict


CLAIMS = (
    Claim(
        "accuracy",
        "Stacking layers improves the prediction.",
        "validation accuracy",
        _DEPTH,
        deeper_than_one(validation_accuracy),
        1,
        1,
        "graves",
    ),
    Claim(
        "capacity",
        "Stacking layers raises the capacity: a deeper network fits the training reviews better.",
        "training loss of the last epoch (cross-entropy)",
        _DEPTH,
        deeper_than_one(training_loss),
        -1,
        4,
        "pascanu_deep",
    ),
    Claim(
        "regularized",
        "With regularization deeper networks generalize better.",
        "validation accuracy with dropout",
        _DEPTH,
        deeper_than_one(validation_accuracy, DROPOUT),
        1,
        4,
        "irsoy",
    ),
    Claim(
        "hierarchy",
        "The layers form a hierarchy: higher ones know more of what the review means.",
        "accuracy of a linear probe",
        f"from the first recurrent layer to the top one, {_DEEP}",
        of_deep_stacks(probe_rise),
        1,
        5,
        "peters",
    ),
    Claim(
        "gradients_initial",
        "Gradients vanish or explode more in deep networks than in shallow ones, before training.",
        "distance of the far gradient from the near one (powers of ten)",
        _DEPTH,
        deeper_than_one(initial_decades),
        1,
        3,
        "pascanu_difficulty",
    ),
    Claim(
        "gradients_trained",
        "Gradients vanish or explode more in deep networks than in shallow ones, after training.",
        "distance of the far gradient from the near one (powers of ten)",
        _DEPTH,
        deeper_than_one(trained_decades),
        1,
        3,
        "pascanu_difficulty",
    ),
    Claim(
        "overfitting",
        "Deeper networks overfit more.",
        "gap between training and validation accuracy",
        _DEPTH,
        deeper_than_one(accuracy_gap),
        1,
        4,
        "zaremba",
    ),
    Claim(
        "dropout",
        "Dropout reduces overfitting.",
        "gap between training and validation accuracy",
        f"from no dropout to dropout, {_DEEP}",
        with_variant(accuracy_gap, DROPOUT),
        -1,
        4,
        "zaremba",
    ),
    Claim(
        "gates_gradients",
        "Gates keep gradients from vanishing or exploding.",
        "distance of the far gradient from the near one after training (powers of ten)",
        "from the simple RNN to the mean of the gated cells, at every depth",
        gated_over_simple(trained_decades),
        -1,
        3,
        "chung",
    ),
    Claim(
        "gates_accuracy",
        "Gated cells predict better than the simple RNN.",
        "validation accuracy",
        "from the simple RNN to the mean of the gated cells, at every depth",
        gated_over_simple(validation_accuracy),
        1,
        1,
        "chung",
    ),
    Claim(
        "clipping_gradients",
        "Clipping keeps gradients from vanishing or exploding.",
        "distance of the far gradient from the near one after training (powers of ten)",
        f"from no clipping to clipping, {_DEEP}",
        with_variant(trained_decades, CLIPPING),
        -1,
        2,
        "pascanu_difficulty",
    ),
    Claim(
        "clipping_accuracy",
        "Clipping helps deep stacks to be trained.",
        "validation accuracy",
        f"from no clipping to clipping, {_DEEP}",
        with_variant(validation_accuracy, CLIPPING),
        1,
        2,
        "pascanu_difficulty",
    ),
    Claim(
        "skips_gradients",
        "Residual and highway connections let the gradient flow.",
        "distance of the far gradient from the near one before training (powers of ten)",
        f"from no skip to the mean of the skips, {_DEEP}",
        with_skip(initial_decades, "residual", "highway"),
        -1,
        3,
        "srivastava",
    ),
    Claim(
        "residual_accuracy",
        "Residual connections help deep stacks.",
        "validation accuracy",
        f"from no skip to residual, {_DEEP}",
        with_skip(validation_accuracy, "residual"),
        1,
        1,
        "shu",
    ),
    Claim(
        "highway_accuracy",
        "Highway connections help deep stacks.",
        "validation accuracy",
        f"from no skip to highway, {_DEEP}",
        with_skip(validation_accuracy, "highway"),
        1,
        1,
        "srivastava",
    ),
)


def judge(records: Records) -> list[Finding]:
    """The finding for each claim, its p-value corrected for the number of claims that could be tested."""
    differences = [claim.differences(records) for claim in CLAIMS]
    tested = [index for index, values in enumerate(differences) if values]
    p_values = [paired_p_value(differences[index]) for index in tested]
    corrected = dict(zip(tested, zip(p_values, holm(p_values), strict=True), strict=True))
    findings = []
    for index, (claim, values) in enumerate(zip(CLAIMS, differences, strict=True)):
        p_value, adjusted = corrected.get(index, (1.0, 1.0))
        interval = t_interval(values) if values else None
        findings.append(
            Finding(
                claim,
                len(values),
                interval,
                p_value,
                adjusted,
                verdict(claim.direction, interval, adjusted),
            )
        )
    return findings


def verdict(direction: int, interval: Interval | None, corrected: float) -> Verdict:
    """Supports or contradicts the claim where p is below ``LEVEL``, by the sign of the mean difference."""
    if interval is None or corrected >= LEVEL:
        return "leaves open"
    return "supports" if interval.mean * direction > 0 else "contradicts"


def sentence(finding: Finding, tested: int) -> str:
    """The finding in words, with the numbers, the test and the figure behind it.

    Args:
        finding: what is told.
        tested: how many claims the p-value was corrected for.
    """
    claim = finding.claim
    if finding.interval is None:
        return (
            f"{claim.statement} The study leaves this open: params.yaml asks for no fits that could be "
            f"compared {claim.comparison}."
        )
    told = {
        "supports": "The data support this",
        "contradicts": "The data contradict this",
        "leaves open": "The data leave this open",
    }[finding.verdict]
    mean, low, high = (f"{value:+.3f}" for value in finding.interval)
    return (
        f"{claim.statement} {told}: {claim.comparison}, the {claim.quantity} changes by {mean} "
        f"(95 % interval {low} to {high}; {finding.pairs} pairs, paired t-test, {_p(finding.p_value)}, "
        f"with Holm's correction for {tested} claims {_p(finding.corrected)}). Figure {claim.figure}."
    )


def _p(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.4f}"
