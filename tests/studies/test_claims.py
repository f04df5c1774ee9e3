"""The rules by which records become verdicts and sentences."""

from dataclasses import replace

import pytest

from studies.depth.claims import (
    CLAIMS,
    WORDS,
    Judgement,
    SeedMean,
    count_judged,
    initial_decades,
    judge,
    sentence,
    verdict,
)
from studies.depth.fits import Fit, Record, Records
from studies.depth.pictures import FIGURES
from studies_constructed import DATASET, record, records


def found(fits: Records) -> dict[str, Judgement]:
    return {finding.claim.key: finding for finding in judge(fits, DATASET)}


def deeper_is(sign: int) -> dict[str, Judgement]:
    def make(fit: Fit) -> Record:
        times = 1 + 0.1 * fit.seed
        more = sign * 0.05 * (fit.depth - 1) * times
        return record(fit, accuracy=0.82 + more, gap=0.1 + more, far=10.0 ** -(fit.depth * times), rise=more)

    return found(records(make))


@pytest.mark.parametrize(("sign", "verdict"), [(1, "supports"), (-1, "contradicts")])
def test_records_support_the_claims_that_they_follow_and_contradict_others(sign: int, verdict: str) -> None:
    findings = deeper_is(sign)
    for key in ("accuracy", "regularized", "overfitting", "hierarchy"):
        assert findings[key].verdict == verdict, key
    assert findings["gradients_initial"].verdict == "supports"


def test_differences_within_the_noise_leave_a_claim_open() -> None:
    def make(fit: Fit) -> Record:
        return record(fit, accuracy=0.8 + (0.01 if fit.depth > 1 else 0.0) * (-1) ** fit.seed)

    assert found(records(make))["accuracy"].verdict == "leaves open"


def test_the_difference_by_hand() -> None:
    """Depths 2 and 3 are 0.05 and 0.10 above depth 1 with seed 0, a tenth more with each further seed."""
    finding = deeper_is(1)["accuracy"]
    assert finding.seeds == 6
    assert finding.difference.mean == pytest.approx(0.075 * 1.25)
    assert list(finding.effects) == ["gru", "lstm", "simple_rnn"]
    assert all(effect.mean == pytest.approx(0.075 * 1.25) for effect in finding.effects.values())


def test_the_seed_is_what_is_repeated_and_not_the_cell() -> None:
    """Six seeds of three cells are six numbers for the test: each the mean over the cells.

    By hand: the differences of seeds 0 to 5 are (0.3 + 0.06 k) / 3, k = 0 to 5, so 0.10 to 0.20 by 0.02:
    mean 0.15, standard error 0.02 * sqrt(3.5 / 6), t(0.975, 5 degrees of freedom) = 2.571.
    """

    def make(fit: Fit) -> Record:
        of_cell = {"simple_rnn": 0.0, "lstm": 0.1, "gru": 0.2}[fit.cell]
        return record(fit, accuracy=0.65 + (fit.depth > 1) * (of_cell + 0.02 * fit.seed))

    finding = found(records(make))["accuracy"]
    half = 2.5706 * 0.02 * (3.5 / 6) ** 0.5
    assert finding.difference.mean == pytest.approx(0.15)
    assert finding.difference.bounds == pytest.approx((0.15 - half, 0.15 + half), abs=1e-5)
    assert [effect.mean for effect in finding.effects.values()] == pytest.approx([0.25, 0.15, 0.05])


@pytest.mark.parametrize("seeds", [2, 5])
def test_few_seeds_are_shown_and_not_judged(seeds: int) -> None:
    """However clear the difference looks: 5 seeds have it in 0.100 to 0.104."""
    fits = records(lambda fit: record(fit, 0.7 + (fit.depth > 1) * (0.1 + 0.001 * fit.seed)), seeds=seeds)
    finding = found(fits)["accuracy"]
    assert finding.verdict == "cannot judge"
    assert finding.corrected is None
    text = sentence(finding, 0)
    assert f"can't judge this: {seeds} seeds are too few, depth.seeds must be 6 or more" in text
    assert "What was seen: from one layer to the mean of the deeper stacks" in text
    assert f"over {seeds} seeds" in text


def test_equal_differences_are_no_proof() -> None:
    """One review of 40 more with every seed: a t-test would say p = 0."""
    fits = {fit: record(fit, 0.7 + (fit.depth > 1) / 40) for fit in records()}
    findings = judge(fits, DATASET)
    finding = findings[0]
    assert finding.difference.mean == pytest.approx(1 / 40)
    assert (finding.verdict, finding.difference.bounds) == ("cannot judge", None)
    text = sentence(finding, count_judged(findings))
    assert "all 6 seeds give the same difference" in text
    assert "changes by +0.025 over 6 seeds" in text


def test_networks_that_did_not_learn_judge_nothing() -> None:
    """The simple RNN of depth 3 has one seed at chance: its depths are compared without 3.

    0.647 is at chance; depth 2 is 0.01 to 0.015 above depth 1, depth 3 of the others twice that.
    """

    def make(fit: Fit) -> Record:
        if fit.cell == "simple_rnn" and fit.depth == 3 and fit.seed == 4:
            return record(fit, 0.647)
        return record(fit, 0.7 + 0.01 * (fit.depth - 1) * (1 + 0.1 * fit.seed), far=10.0**-fit.depth)

    findings = found(records(make, skips=("none",)))
    accuracy = findings["accuracy"]
    assert {stratum: effect.mean for stratum, effect in accuracy.effects.items()} == pytest.approx(
        {"gru": 0.015 * 1.25, "lstm": 0.015 * 1.25, "simple_rnn": 0.01 * 1.25}
    )
    assert accuracy.left_out == ("simple RNN of depth 3",)
    assert "Left out, since they did not learn: simple RNN of depth 3." in sentence(accuracy, 10)
    assert findings["dropout"].left_out == ("simple RNN of depth 3, dropout", "simple RNN of depth 3")
    assert list(findings["gates_accuracy"].effects) == ["depth 1", "depth 2"]
    assert findings["gradients_initial"].left_out == ()  # before training nothing has learned yet
    assert findings["gradients_trained"].left_out == ("simple RNN of depth 3",)


def test_pairs_differ_in_the_one_thing_only() -> None:
    """Dropout without a partner at depth 3 is compared at depth 2 only, on both sides."""
    fits = records(lambda fit: record(fit, gap=0.1 * fit.depth - 0.03 * (fit.variant == "dropout")))
    some = {fit: made for fit, made in fits.items() if (fit.depth, fit.variant) != (3, "dropout")}
    assert found(some)["dropout"].difference.mean == pytest.approx(-0.03)


def test_variants_skips_and_gates_are_compared_with_the_plain_fits() -> None:
    def make(fit: Fit) -> Record:
        change = {"dropout": 0.0, "clipping": 0.02}.get(fit.variant, 0.0) + 0.03 * (fit.skip == "residual")
        gated = 0.04 * (fit.cell != "simple_rnn")
        gap = 0.02 + 0.001 * fit.seed if fit.variant == "dropout" else 0.1
        return record(fit, accuracy=0.7 + (change + gated) * (1 + 0.1 * fit.seed), gap=gap)

    findings = found(records(make))
    means = {key: finding.difference.mean for key, finding in findings.items()}
    assert means["clipping_accuracy"] == pytest.approx(0.02 * 1.25)
    assert means["residual_accuracy"] == pytest.approx(0.03 * 1.25)
    assert means["gates_accuracy"] == pytest.approx(0.04 * 1.25)
    assert means["dropout"] == pytest.approx(-0.0775)
    assert findings["dropout"].verdict == findings["gates_accuracy"].verdict == "supports"
    assert list(findings["gates_accuracy"].effects) == ["depth 1", "depth 2", "depth 3"]


def test_what_the_grid_lacks_is_not_judged() -> None:
    findings = found(records(cells=("lstm",), skips=("none",)))
    for key in ("gates_gradients", "gates_accuracy", "skips_gradients", "highway_accuracy"):
        assert findings[key].difference.bounds is None
        assert findings[key].verdict == "cannot judge"
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
    assert verdict(direction, mean, corrected) == expected


def test_a_sentence_carries_its_numbers() -> None:
    difference = SeedMean(0.0123, (0.01, 0.0146), 0.001234)
    effects = {"lstm": SeedMean(0.02, (-0.011, 0.051)), "gru": SeedMean(0.0046)}
    finding = Judgement(CLAIMS[0], 7, difference, effects, corrected=0.01851, verdict="supports")
    text = sentence(finding, 15)
    for part in ("support this", "+0.012 [+0.010, +0.015] over 7 seeds", "0.0012", "15 claims", "0.019"):
        assert part in text
    assert "In detail: LSTM +0.020 [-0.011, +0.051], GRU +0.005." in text
    assert text.endswith("Figure 1.")
    assert "contradict this" in sentence(finding._replace(verdict="contradicts"), 15)


def test_vanishing_and_exploding_are_both_far_from_0() -> None:
    fit = Fit("gru", 2, "none", "plain", 0)
    vanished, exploded = record(fit, far=1e-3), record(fit, far=1e3)
    assert initial_decades(vanished) == initial_decades(exploded) == pytest.approx(3.0)
    nothing = replace(vanished, initial_gradients=((0.0,) * 20, (1.0,) * 20))
    assert initial_decades(nothing) == pytest.approx(38)


def test_every_claim_has_its_source_and_figure() -> None:
    assert len({claim.key for claim in CLAIMS}) == len(CLAIMS)
    assert {claim["source"] for claim in WORDS["claims"].values()} == set(WORDS["sources"])
    assert {claim.key for claim in CLAIMS} == set(WORDS["claims"])
    assert all(1 <= claim.figure <= len(FIGURES) for claim in CLAIMS)
