"""Is the network any good? By rule: against the stronger baseline, a mere guess, and what data can say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.baselines import CLASSIFIERS, NAIVE_BAYES, WHOLE
from pipeline.evaluation.metrics import ACCURACY
from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.reporting import count_text, measure_name, metric_names, p_text
from pipeline.reporting.evaluated import Evaluated
from pipeline.reviews.findings import FEW_TEST_REVIEWS
from pipeline.reviews.tokenizing import WORDS

FEW = 2000  # training reviews
FEW_OF_A_CLASS = 30  # test reviews: the 95 % interval of a recall of 0.8 is then 28 points wide
MUCH_UNKNOWN = 0.3  # of the tokens read


class Caveat(NamedTuple):
    """One thing to know before reading on; ``command`` is what to run about it, if there is something."""

    title: str
    text: str
    command: str = ""


def caveats(result: Evaluated) -> list[Caveat]:
    """What the data can't support, the gravest first; it stands before the verdict."""
    dataset, assessment, found = result.dataset, result.assessment, []
    sizes, asked = dataset["sizes"], dataset["requested"]
    train = count_text(sizes["train"], "training review")
    other_data = asked not in (dataset["name"], "file")
    if other_data:
        text = (
            f"{asked} could not be reached, so this network learned from {dataset['name']}, {train}. "
            f"The figures say nothing of {asked}."
        )
        found.append(Caveat("Not the data that was asked for.", text))
    if assessment.unknown_share > MUCH_UNKNOWN:
        text = (
            f"{assessment.unknown_share:.0%} of the {result.tokens} that the network reads in test reviews "
            "are unknown to it: the training reviews don't hold them, or pad.vocab_size leaves them out."
        )
        if result.tokens == WORDS:
            text += " Texts without blanks between words are read by data.tokens: characters."
        found.append(Caveat("The network can hardly read these texts.", text))
    few = sizes["train"] < FEW and not other_data
    if few:
        text = (
            f"With {train} and {count_text(sizes['test'], 'test review')} look at the intervals more than at "
            "the figures: another split could well give others."
        )
        command = "python -m studies cross-validate" if sizes["test"] < FEW_TEST_REVIEWS else ""
        found.append(Caveat("Few reviews.", text, command))
    names = dataset["labels"]
    members = np.bincount(assessment.labels, minlength=len(names))
    rare = [f"{name} {count:,}" for name, count in zip(names, members, strict=True) if count < FEW_OF_A_CLASS]
    if rare and not few:  # which says the same, where all are few
        text = f"Of these the test reviews hold: {', '.join(rare)}. What is said of them is uncertain."
        found.append(Caveat("Rare classes.", text))
    return found


class Verdict(NamedTuple):
    """What the test reviews say, and whether the network is better than always giving one label."""

    sentence: str
    learned: bool


def judge(result: Evaluated) -> Verdict:
    """The network against the baseline that was the stronger one on the validation reviews."""
    assessment = result.assessment
    measure, baseline = assessment.measure, assessment.baseline
    mine, theirs, whole = (
        assessment.metrics[f"{prefix}test_accuracy"] for prefix in ("", baseline.prefix, CLASSIFIERS[WHOLE])
    )
    lead, lead_of_whole = assessment.lead(baseline.name), assessment.lead(WHOLE)
    reviews = count_text(len(assessment.labels), "test review")
    scored = f"The {result.cell} network labels {mine:.1%} of {reviews} right"
    points = f"{abs(mine - theirs) * 100:.1f} points"
    test = f"McNemar's exact test, {p_text(assessment.paired[baseline.name].p_value)}"
    if mine == theirs:
        said = [f"{scored}, as many as {baseline.name}."]
    elif lead > 0:
        said = [f"{scored}, {points} more than {baseline.name} ({theirs:.1%}; {test})."]
    elif lead < 0:
        said = [f"{scored}; {baseline.name} does better, by {points} ({theirs:.1%}; {test})."]
    else:
        said = [f"{scored}, {baseline.name} {theirs:.1%}: a difference that may be chance ({test})."]
    if result.gain_of_twice is not None:
        gain = f"{100 * result.gain_of_twice:.1f} points"
        said.append(f"By its learning curve {NAIVE_BAYES} would gain {gain} from twice the labels.")
    if assessment.only_label is not None:
        only = result.dataset["labels"][assessment.only_label]
        said.append(f"It gives every one of them the same label, {only}.")
    learned = assessment.better_than_a_guess
    if not learned:
        chosen_for = f"one label, by the {measure_name(measure)} that it was chosen for"
        guess = "the commoner label" if measure == ACCURACY else chosen_for
        said.append(f"It is not better than always giving {guess}.")
    if lead_of_whole:
        less = f", which is less ({p_text(assessment.paired[WHOLE].p_value)})" if lead_of_whole > 0 else ""
        said.append(f"Naive Bayes n-grams of whole reviews label {whole:.1%} right{less}.")
    if measure != ACCURACY:
        said.append(_by_measure(assessment))
    return Verdict(" ".join(said), learned)


def _by_measure(assessment: Assessment) -> str:
    """How it does by what it was chosen for; of two labels, at its own threshold."""
    measure, metrics, baseline = assessment.measure, assessment.metrics, assessment.baseline
    name = metric_names(assessment.num_labels)[measure].title
    theirs = f"{baseline.name} {metrics[f'{baseline.prefix}test_{measure}']:.4f}"
    if assessment.num_labels > 2:
        return f"It was chosen by {name}: {metrics[f'test_{measure}']:.4f}, {theirs}."
    served = metrics[f"test_{measure}_at_threshold"]
    return (
        f"Served, it gives the second label from {assessment.threshold:.4g} on, the best threshold for "
        f"{name} on validation: its {name} is {served:.4f} then, {theirs} at {THRESHOLD}."
    )
