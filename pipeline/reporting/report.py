"""The report: all of an evaluated network on one page that opens without a network connection.

What stands on it is in templates/report.html; here are the values and excerpts that it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.assessment import LEVEL, Assessment
from pipeline.evaluation.baselines import CLASSIFIERS, MAJORITY
from pipeline.evaluation.metrics import ACCURACY
from pipeline.reporting import count_text, measure_name, tables
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.page import Picture, render
from pipeline.reporting.stack import draw_stack
from pipeline.reporting.verdict import caveats, judge
from pipeline.reviews.tokenizing import Tokenizer
from pipeline.runtime.files import Row
from pipeline.runtime.paths import FIGURES_DIR, STUDY_DIR
from pipeline.runtime.plotting import names_in_figures

LINE_BREAK = "br"  # what is left of "<br />" where a source took the brackets away
LEAST = 0.5  # log-odds: words of a review that says less than this are not coloured as if they decided it
_STEPS = (0.1, 0.35, 0.7)  # of the strongest word's contribution; from the last one on, the deepest colour

SECTIONS = {
    "training": "Training",
    "network": "The network",
    "scores": "Scores",
    "comparison": "Better or worse?",
    "curves": "ROC, precision and recall",
    "calibration": "Calibration",
    "slices": "By length and unknown share",
    "errors": "Most confident errors",
    "study": "The study",
    "data": "The data",
}
STUDY_PICTURES = {
    "history": ("Trials", ""),
    "epochs": ("Trials by epoch", "How far each trial came, and where pruned ones were stopped."),
    "slices": ("Score by parameter", ""),
    "importance": ("Importance", "How much of the scores' variance each parameter explains."),
}


class Word(NamedTuple):
    """One word; ``level`` is from -3, strongly against the label that is spoken of, to 3, strongly for it."""

    text: str
    contribution: float
    level: int


class Excerpt(NamedTuple):
    """A wrongly labelled review, as far as the network reads it.

    Attributes:
        about: the label that probability and words speak of: the second of two, of more the one given.
        probability: of that label.
        words: in the review's order.
        between: what stands between two of them.
        cut: where the network reads no further: ``start``, ``end``, or "" where it reads everything.
    """

    about: str
    probability: float
    words: tuple[Word, ...]
    between: str
    cut: str


class Tile(NamedTuple):
    """One classifier's accuracy at a glance; ``look`` is the note's style: ahead, behind or none."""

    name: str
    accuracy: float
    low: float
    high: float
    note: str = ""
    look: str = ""


def write_report(result: Evaluated) -> str:
    """The page as HTML; the same result and pictures always give the same text.

    The pictures of the run lie in reports/figures, those of the study in reports/study.
    """
    dataset, assessment, registration = result.dataset, result.assessment, result.registration
    names = dataset["labels"]
    model = f"{registration.name} version {registration.version}" if registration else "unregistered model"
    about = "Labels of texts" if dataset["requested"] == "file" else "Sentiment of reviews"
    numbers = zip(names_in_figures(names), names, strict=True)
    compared = registration and registration.comparison
    objective = compared.rule.objective if compared else ACCURACY
    drawn = {path.stem: path for path in sorted(STUDY_DIR.glob("*.png"))}
    return render(
        "report.html",
        title=f"{about}, {dataset['name']}: {model}",
        sections=SECTIONS,
        verdict=judge(result),
        became=became(result),
        caveats=caveats(result),
        result=result,
        assessment=assessment,
        dataset=dataset,
        trained=result.trained,
        several=len(names) > 2,
        tiles=tiles(assessment),
        stack=draw_stack(result.layers, dataset["max_length"]),
        tables=tables,
        figure=lambda stem, name, reading="": Picture(FIGURES_DIR / f"{stem}.png", name, reading),
        numbered=", ".join(f"{title} is {name}" for title, name in numbers if title != name),
        compared_by="" if objective == ACCURACY else measure_name(objective),
        errors=_errors(result),
        study=[
            Picture(drawn[stem], *STUDY_PICTURES.get(stem, (stem.replace("_", " "),)))
            for stem in dict.fromkeys([*STUDY_PICTURES, *drawn])
            if stem in drawn
        ],
        trial_sentence=_trial_sentence(result),
    )


def became(result: Evaluated) -> str:
    """What the registry did with the network: one sentence."""
    if (found := result.registration) is None:
        return "Not registered."
    return f"Registered as {found.name} version {found.version}, {found.alias}: {found.reason}."


def tiles(assessment: Assessment) -> list[Tile]:
    """The network's accuracy, then each rival's, which says where it is better or worse than the network."""
    found, mine = [], assessment.metrics["test_accuracy"]
    for each in assessment.classifiers:
        accuracy = assessment.metrics[f"{each.prefix}test_accuracy"]
        name, note, look = each.name, "", ""
        if each is assessment.classifiers[0]:
            name = "accuracy of the network"
        elif each.name == MAJORITY:
            name = f"{MAJORITY}, a mere guess"
        elif assessment.paired[each.name].p_value >= LEVEL:
            note = "no clear difference"
        else:
            way, look = ("above", "ahead") if accuracy > mine else ("below", "behind")
            note = f"{abs(accuracy - mine) * 100:.1f} points {way} the network"
        found.append(Tile(name, accuracy, *assessment.intervals[f"{each.prefix}test_accuracy"], note, look))
    return found


def excerpt(
    error: Row, every: Sequence[str], contributions: np.ndarray, dataset: Mapping[str, Any]
) -> Excerpt:
    """One error with its words, each with how strongly it spoke for which label.

    Args:
        error: a row of ``confident_errors``.
        every: the review's words.
        contributions: (num_words,), of the words that the network reads: the text's last, or its first
            where ``dataset["truncating"]`` is post.
        dataset: data/padded/dataset.json.
    """
    read = len(contributions)
    from_start = dataset["truncating"] == "post"
    kept = every[:read] if from_start else every[len(every) - read :]
    cut = "" if len(kept) == len(every) else "end" if from_start else "start"
    joined: list[tuple[str, float]] = []
    pairs = zip(kept, map(float, contributions), strict=True)
    for is_break, group in groupby(pairs, lambda pair: pair[0] == LINE_BREAK):
        found = list(group)  # two or more breaks are one between paragraphs, with their sum
        joined += [("¶", sum(value for _, value in found))] if is_break and len(found) > 1 else found
    scale = max([LEAST, *(abs(value) for _, value in joined)])
    words = tuple(
        Word(text, value, int(np.sign(value)) * sum(abs(value / scale) >= step for step in _STEPS))
        for text, value in joined
    )
    names = dataset["labels"]
    about = names[1] if len(names) == 2 else str(error["predicted"])
    return Excerpt(about, float(error["probability"]), words, Tokenizer(dataset["tokens"]).between, cut)


def _errors(result: Evaluated) -> dict[str, list[Excerpt]]:
    """Those of each label under its heading."""
    names, kinds = result.dataset["labels"], {}
    every = list(zip(result.errors, result.error_words, result.contributions, strict=True))
    for actual in names:
        found = [excerpt(*each, result.dataset) for each in every if each[0]["actual"] == actual]
        others = [name for name in names if name != actual]
        given = others[0] if len(others) == 1 else "otherwise"
        kinds[f"Called {given}, but {actual}" if found else f"No {actual} review was called {given}"] = found
    return kinds


def _trial_sentence(result: Evaluated) -> str:
    states = [str(row["state"]) for row in result.trials]
    if len(states) < 2:
        return "One network was trained: there was nothing to search."
    ends = {"COMPLETE": "ran to their end", "PRUNED": "were stopped early", "FAIL": "failed"}
    said = [
        f"{count} {words.replace('were', 'was') if count == 1 else words}"
        for state, words in ends.items()
        if (count := states.count(state))
    ]
    score = f"validation_{result.assessment.measure}"
    scores = [float(row[score]) for row in result.trials if row["state"] == "COMPLETE"]
    guess = result.assessment.metrics[f"{CLASSIFIERS[MAJORITY]}{score}"]
    sentence = (
        f"Of {count_text(len(states), 'trial')}, {', '.join(said)}. The trial with the best validation "
        f"{measure_name(result.trained['objective'])} won; the test reviews played no part in the choice."
    )
    if scores and max(scores) <= guess:
        sentence += (
            " None of them was better than always giving one label, so the study tells nothing of the values "
            "it tried: give trials more epochs (tune.epochs)."
        )
    return sentence
