"""Is the network any good? One sentence, by rule: against the stronger baseline, and against a mere guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.baselines import CLASSIFIERS, WHOLE
from pipeline.evaluation.metrics import ACCURACY
from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.reporting import counted, measure_name, metric_names, p_text
from pipeline.reporting.evaluated import Evaluated
from pipeline.reviews.findings import FEW_TEST_REVIEWS
from pipeline.reviews.tokenizing import WORDS

# What the data can't support: the report's first lines.

FEW = 2000  # training reviews
FEW_OF_A_CLASS = 30  # test reviews: the 95 % interval of a recall of 0.8 is then 28 points wide
MUCH_UNKNOWN = 0.3  # of the tokens read


class Caveat(NamedTuple):
    """One thing to know before reading on; ``command`` is what to run about it, if there is something."""

    title: str
    text: str
    command: str = ""


def caveats(result: Evaluated) -> list[Caveat]:
    """What stands before the verdict, the gravest first."""
    return [*_other_data(result), *_unreadable(result), *_few(result), *_rare(result)]


def _other_data(result: Evaluated) -> list[Caveat]:
    dataset = result.dataset
    if dataset["requested"] in (dataset["name"], "file"):
        return []
    text = (
        f"{dataset['requested']} could not be reached, so this network learned from {dataset['name']}, "
        f"{counted(dataset['sizes']['train'], 'training review')}. The figures say nothing of "
        f"{dataset['requested']}."
    )
    return [Caveat("Not the data that was asked for.", text)]


def _unreadable(result: Evaluated) -> list[Caveat]:
    share = result.assessment.unknown_share
    if share <= MUCH_UNKNOWN:
        return []
    text = (
        f"{share:.0%} of the {result.tokens} that the network reads in test reviews are unknown to it: the "
        "training reviews don't hold them, or pad.vocab_size leaves them out."
    )
    if result.tokens == WORDS:
        text += " Texts without blanks between words are read by data.tokens: characters."
    return [Caveat("The network can hardly read these texts.", text)]


def _few(result: Evaluated) -> list[Caveat]:
    sizes = result.dataset["sizes"]
    if sizes["train"] >= FEW or _other_data(result):
        return []
    text = (
        f"With {counted(sizes['train'], 'training review')} and {counted(sizes['test'], 'test review')} look "
        "at the intervals more than at the figures: another split could well give others."
    )
    few_judged = sizes["test"] < FEW_TEST_REVIEWS
    return [Caveat("Few reviews.", text, "python -m studies cross-validate" if few_judged else "")]


def _rare(result: Evaluated) -> list[Caveat]:
    names = result.dataset["labels"]
    members = np.bincount(result.assessment.labels, minlength=len(names))
    rare = [f"{name} {count:,}" for name, count in zip(names, members, strict=True) if count < FEW_OF_A_CLASS]
    if not rare or _few(result):  # which says the same, where all are few
        return []
    text = f"Of these the test reviews hold: {', '.join(rare)}. What is said of them is uncertain."
    return [Caveat("Rare classes.", text)]


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
    if mine == theirs:
        sentence = f"{scored}, as many as {baseline.name}."
    if assessment.only_label is not None:
        only = result.dataset["labels"][assessment.only_label]
        sentence += f" It gives every one of them the same label, {only}."
    learned = assessment.better_than_a_guess
    if not learned:
        sentence += f" It is not better than always giving {_one_label(assessment)}."
    return Verdict(sentence + _of_whole_reviews(assessment) + _by_measure(assessment), ahead, learned)


def _one_label(assessment: Assessment) -> str:
    """What a mere guess is, where the network was chosen by accuracy, and where by another measure."""
    if assessment.measure == ACCURACY:
        return "the commoner label"
    return f"one label, by the {measure_name(assessment.measure)} that it was chosen for"


def _of_whole_reviews(assessment: Assessment) -> str:
    """How the baseline that reads all of each review does, where that is no chance; else nothing."""
    paired = assessment.paired.get(WHOLE)
    ahead = paired and _ahead(paired.only_first - paired.only_second, paired.p_value)
    if paired is None or ahead == "neither":
        return ""
    theirs = assessment.metrics[f"{CLASSIFIERS[WHOLE]}test_accuracy"]
    sentence = f" Naive Bayes n-grams of whole reviews label {theirs:.1%} right"
    return sentence + (f", which is less ({p_text(paired.p_value)})." if ahead == "network" else ".")


def _by_measure(assessment: Assessment) -> str:
    """How it does by what it was chosen for, if that isn't accuracy; of two labels, at its own threshold."""
    measure, metrics, baseline = assessment.measure, assessment.metrics, assessment.baseline
    if measure == ACCURACY:
        return ""
    name = metric_names(assessment.num_labels)[measure].title
    theirs = f"{baseline.name} {metrics[f'{baseline.prefix}test_{measure}']:.4f}"
    if assessment.num_labels > 2:
        return f" It was chosen by {name}: {metrics[f'test_{measure}']:.4f}, {theirs}."
    served = metrics[f"test_{measure}_at_threshold"]
    return (
        f" Served, it gives the second label from {assessment.threshold:.4g} on, the best threshold for "
        f"{name} on validation: its {name} is {served:.4f} then, {theirs} at {THRESHOLD}."
    )


def _ahead(difference: int, p_value: float) -> Ahead:
    if p_value >= LEVEL or difference == 0:
        return "neither"
    return "network" if difference > 0 else "baseline"
