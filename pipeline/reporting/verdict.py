"""Is the network any good? One sentence, by rule: against the stronger baseline, and against a mere guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.measures import ACCURACY
from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.evaluation.rivals import PREFIXES, WHOLE
from pipeline.reporting import counted, measure_name, p_text
from pipeline.reporting.evaluated import Evaluated

LEVEL = 0.05  # below this p, a difference is more than chance
Ahead = Literal["network", "baseline", "neither"]


@dataclass(frozen=True)
class Verdict:
    """What the test reviews say.

    Attributes:
        sentence: with the scores, the difference and its test.
        ahead: who labels more test reviews right, ``neither`` where that may be chance.
        learned: whether the network is better than always giving one label.
    """

    sentence: str
    ahead: Ahead
    learned: bool


def judge(result: Evaluated) -> Verdict:
    """The network against the baseline that was the stronger one on the validation reviews."""
    assessment = result.assessment
    metrics, baseline = assessment.metrics, assessment.baseline
    mine, theirs = metrics["test_accuracy"], metrics[f"{baseline.prefix}test_accuracy"]
    paired = assessment.paired[baseline.name]
    ahead = _ahead(paired.only_first - paired.only_second, paired.p_value)
    reviews = counted(len(assessment.labels), "test review")
    scored = f"The {result.cell} network labels {mine:.1%} of {reviews} right"
    points = f"{abs(mine - theirs) * 100:.1f} points"
    test = f"McNemar's exact test, {p_text(paired.p_value)}"
    sentence = {
        "network": f"{scored}, {points} more than {baseline.name} ({theirs:.1%}; {test}).",
        "baseline": f"{scored}; {baseline.name} does better, by {points} ({theirs:.1%}; {test}).",
        "neither": f"{scored}, {baseline.name} {theirs:.1%}: a difference that may be chance ({test}).",
    }[ahead]
    if assessment.only_label is not None:
        only = result.dataset["labels"][assessment.only_label]
        sentence += f" It gives every one of them the same label, {only}."
    learned = assessment.better_than_a_guess
    if not learned:
        sentence += f" It is not better than always giving {_one_label(assessment)}."
    return Verdict(sentence + _of_whole_reviews(assessment) + _served(assessment), ahead, learned)


def _one_label(assessment: Assessment) -> str:
    """What a mere guess is, where the network was chosen by accuracy, and where by another measure."""
    if assessment.measure == ACCURACY:
        return "the commoner label"
    return f"one label, by the {measure_name(assessment.measure)} that it was chosen for"


def _of_whole_reviews(assessment: Assessment) -> str:
    """What the baseline that reads all of each review scores, where that is better; else nothing."""
    paired = assessment.paired.get(WHOLE)
    if paired is None or _ahead(paired.only_first - paired.only_second, paired.p_value) != "baseline":
        return ""
    theirs = assessment.metrics[f"{PREFIXES[WHOLE]}test_accuracy"]
    return f" Naive Bayes n-grams of whole reviews label {theirs:.1%} right."


def _served(assessment: Assessment) -> str:
    """Where a served model draws the line, if that is elsewhere than the tables do."""
    if assessment.threshold == THRESHOLD:
        return ""
    balanced = assessment.metrics["test_balanced_accuracy_at_threshold"]
    return (
        f" Served, it gives the second label from {assessment.threshold:.4g} on, the best threshold for "
        f"{measure_name(assessment.measure)} on validation: its balanced accuracy is {balanced:.4f} then."
    )


def _ahead(difference: int, p_value: float) -> Ahead:
    if p_value >= LEVEL or difference == 0:
        return "neither"
    return "network" if difference > 0 else "baseline"
