"""What the data can't support: the report's first lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.reporting import counted
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
    return [Caveat("Few reviews.", text, "python -m pipeline cross-validate" if few_judged else "")]


def _rare(result: Evaluated) -> list[Caveat]:
    names = result.dataset["labels"]
    members = np.bincount(result.assessment.labels, minlength=len(names))
    rare = [f"{name} {count:,}" for name, count in zip(names, members, strict=True) if count < FEW_OF_A_CLASS]
    if not rare or _few(result):  # which says the same, where all are few
        return []
    text = f"Of these the test reviews hold: {', '.join(rare)}. What is said of them is uncertain."
    return [Caveat("Rare classes.", text)]
