"""The report: all of an evaluated network on one page that opens without a network connection.

What stands on the page is in templates/report.html; here are the values, tables and pictures that it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.baselines import MAJORITY, PREFIXES, Scored
from pipeline.evaluation.metrics import ACCURACY
from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.reporting import counted, measure_name, value_text
from pipeline.reporting import tables as report_tables
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.figures import names_in_figures
from pipeline.reporting.page import Picture, Table, render
from pipeline.reporting.stack import draw_stack
from pipeline.reporting.verdict import LEVEL, caveats, judge
from pipeline.reviews.tokenizing import WORDS, Tokenizer
from pipeline.runtime.files import Row
from pipeline.runtime.paths import FIGURES_DIR, STUDY_DIR

# A wrongly labelled review as text, each word with how strongly it spoke for which label.

LINE_BREAK = "br"  # what is left of "<br />" where a source took the brackets away
LEAST = 0.5  # log-odds: words of a review that says less than this are not coloured as if they decided it
_STEPS = (0.1, 0.35, 0.7)  # of the strongest word's contribution; from the last one on, the deepest colour


class Word(NamedTuple):
    """One word; ``level`` is from -3, strongly against the label that is spoken of, to 3, strongly for it."""

    text: str
    contribution: float
    level: int


@dataclass(frozen=True)
class Excerpt:
    """As far as the network reads a review.

    Attributes:
        actual: its label.
        predicted: the one given.
        about: the label that probability and words speak of: the second of two, of more the one given.
        probability: of that label.
        words: in the review's order.
        between: what stands between two of them.
        cut: where the network reads no further: ``start``, ``end``, or "" where it reads everything.
    """

    actual: str
    predicted: str
    about: str
    probability: float
    words: tuple[Word, ...]
    between: str
    cut: str


def excerpt(
    error: Row, every: Sequence[str], contributions: np.ndarray, dataset: Mapping[str, Any]
) -> Excerpt:
    """One error with its words.

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
    joined = list(_without_markup(zip(kept, map(float, contributions), strict=True)))
    scale = max([LEAST, *(abs(value) for _, value in joined)])
    words = tuple(Word(text, value, _level(value / scale)) for text, value in joined)
    actual, given, names = str(error["actual"]), str(error["predicted"]), dataset["labels"]
    about = names[1] if len(names) == 2 else given
    between = Tokenizer(dataset.get("tokens", WORDS)).between
    return Excerpt(actual, given, about, float(error["probability"]), words, between, cut)


def _without_markup(words: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """Two or more ``br`` in a row are a break between paragraphs: one ``¶`` with their sum."""
    for is_break, group in groupby(words, key=lambda word: word[0] == LINE_BREAK):
        found = list(group)
        if is_break and len(found) > 1:
            yield "¶", sum(value for _, value in found)
        else:
            yield from found


def _level(share: float) -> int:
    steps = sum(abs(share) >= step for step in _STEPS)
    return steps if share > 0 else -steps


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
    dataset, assessment, baseline = result.dataset, result.assessment, result.assessment.baseline
    names, several = dataset["labels"], assessment.num_labels > 2
    together = " All classes together." if several else ""
    chosen, tokens = result.trained["params"], result.tokens
    return render(
        "report.html",
        title=_title(result),
        sections=SECTIONS,
        verdict=judge(result),
        became=became(result),
        result=result,
        token=tokens.removesuffix("s"),
        caveats=caveats(result),
        dataset=dataset,
        trained=result.trained,
        tiles=tiles(assessment),
        curve=[
            _picture("training_accuracy", "Accuracy of the winning trial by epoch"),
            _picture("training_loss", "Loss of the winning trial by epoch"),
        ],
        stack=draw_stack(result.layers, dataset["max_length"]),
        layer_table=report_tables.layer_table(result),
        parameter_table=Table(
            ["parameter", "value"],
            [[key, value_text(value)] for key, value in chosen.items()],
            "All parameters of the winning trial",
            folded=True,
        ),
        classifier_table=report_tables.classifier_table(assessment),
        interval_table=report_tables.interval_table(assessment),
        class_table=report_tables.class_table(assessment, names),
        threshold_table=None if several else report_tables.threshold_table(assessment, names[1]),
        confusion=[
            _picture(
                "confusion",
                "Confusion: labels given and actual labels",
                "Shares are those of a row: of the reviews with that actual label."
                + ("" if several else f" The threshold is {THRESHOLD}."),
            )
        ],
        paired_table=report_tables.paired_table(result),
        baseline=baseline.name,
        numbered=_numbered(names),
        compared_by=_compared_by(result),
        several=several,
        curves=[
            _picture("roc", "ROC", f"The nearer to the top left corner, the better.{together}"),
            *([_picture("roc_by_class", "ROC of each class against all others")] if several else []),
            _picture(
                "precision_recall",
                "Precision and recall",
                f"The nearer to the top right corner, the better.{together}",
            ),
        ],
        ece=assessment.metrics["test_ece"],
        baseline_ece=assessment.metrics[f"{baseline.prefix}test_ece"],
        reliability=[
            _picture(
                "reliability",
                ("Share labelled right" if several else f"Share of {names[1]} reviews")
                + " by predicted probability",
            )
        ],
        reliability_table=report_tables.reliability_table(assessment, "right" if several else names[1]),
        slices=[
            _picture(
                "accuracy_by_length",
                f"Accuracy by the number of {tokens} of the whole review",
                f"Of a review the network reads {dataset['max_length']:,} {tokens} at most.",
            ),
            _picture(
                "accuracy_by_unknown_share", f"Accuracy by the share of unknown {tokens} among those read"
            ),
        ],
        slice_tables=[
            report_tables.slice_table(assessment, tokens, "accuracy_by_length", "{:,.0f}"),
            report_tables.slice_table(
                assessment, f"unknown {result.tokens}", "accuracy_by_unknown_share", "{:.1%}"
            ),
        ],
        errors=_errors(result),
        against="other classes" if several else names[0],
        speaks_for="the class given" if several else names[1],
        study=[
            Picture(path, *STUDY_PICTURES.get(path.stem, (path.stem.replace("_", " "),)))
            for path in sorted(STUDY_DIR.glob("*.png"), key=_study_order)
        ],
        trial_sentence=_trial_sentence(result),
        trial_table=report_tables.trial_table(result),
        calibration=result.trained["calibration"],
        size_table=report_tables.size_table(dataset),
        duplicate_table=Table(
            ["in two splits", "dropped"],
            [[where.replace("_", " "), count] for where, count in result.duplicates.items()],
            f"Reviews dropped from the first split because the second holds the same {tokens}.",
        ),
    )


def became(result: Evaluated) -> str:
    """What the registry did with the network: one sentence."""
    registration = result.registration
    if registration is None:
        return "Not registered."
    return (
        f"Registered as {registration.name} version {registration.version}, {registration.alias}: "
        f"{registration.reason}."
    )


def _numbered(names: Sequence[str]) -> str:
    """Which class has which number in the figures, where no font could draw the names."""
    shown = names_in_figures(names)
    pairs = [f"{title} is {name}" for name, title in zip(names, shown, strict=True) if title != name]
    return ", ".join(pairs)


def _compared_by(result: Evaluated) -> str:
    """What network and champion were compared by, where that isn't accuracy."""
    comparison = result.registration.comparison if result.registration else None
    if comparison is None or comparison.rule.objective == ACCURACY:
        return ""
    return measure_name(comparison.rule.objective)


def tiles(assessment: Assessment) -> list[Tile]:
    """The network's accuracy, then each rival's, which says where it is better or worse than the network."""
    return [_tile(assessment, each) for each in assessment.classifiers]


def _tile(assessment: Assessment, each: Scored) -> Tile:
    metrics, network = assessment.metrics, assessment.classifiers[0]
    accuracy, (low, high) = (
        metrics[f"{each.prefix}test_accuracy"],
        assessment.intervals[f"{each.prefix}test_accuracy"],
    )
    if each is network:
        return Tile("accuracy of the network", accuracy, low, high)
    paired = assessment.paired[each.name]
    if each.name == MAJORITY:
        return Tile(f"{each.name}, a mere guess", accuracy, low, high)
    points = (accuracy - metrics["test_accuracy"]) * 100
    if paired.p_value >= LEVEL:
        return Tile(each.name, accuracy, low, high, "no clear difference")
    note = f"{abs(points):.1f} points {'above' if points > 0 else 'below'} the network"
    return Tile(each.name, accuracy, low, high, note, "ahead" if points > 0 else "behind")


def _title(result: Evaluated) -> str:
    registration = result.registration
    model = f"{registration.name} version {registration.version}" if registration else "unregistered model"
    about = "Labels of texts" if result.dataset["requested"] == "file" else "Sentiment of reviews"
    return f"{about}, {result.dataset['name']}: {model}"


def _errors(result: Evaluated) -> list[dict[str, Any]]:
    names = result.dataset["labels"]
    every = [
        excerpt(*each, result.dataset)
        for each in zip(result.errors, result.error_words, result.contributions, strict=True)
    ]
    kinds = []
    for actual in names:
        found = [each for each in every if each.actual == actual]
        others = [name for name in names if name != actual]
        predicted = others[0] if len(others) == 1 else "otherwise"
        heading = (
            f"Called {predicted}, but {actual}" if found else f"No {actual} review was called {predicted}"
        )
        kinds.append({"heading": heading, "excerpts": found})
    return kinds


def _trial_sentence(result: Evaluated) -> str:
    states = [str(row["state"]) for row in result.trials]
    if len(states) < 2:
        return "One network was trained: there was nothing to search."
    said = [
        f"{states.count(state)} {words.replace('were', 'was') if states.count(state) == 1 else words}"
        for state, words in (
            ("COMPLETE", "ran to their end"),
            ("PRUNED", "were stopped early"),
            ("FAIL", "failed"),
        )
        if state in states
    ]
    score = f"validation_{result.assessment.measure}"
    scores = [float(row[score]) for row in result.trials if row["state"] == "COMPLETE"]
    guess = result.assessment.metrics[f"{PREFIXES[MAJORITY]}{score}"]
    at_chance = (
        " None of them was better than always giving one label, so the study tells nothing of the "
        "values it tried: give trials more epochs (tune.epochs)."
        if scores and max(scores) <= guess
        else ""
    )
    objective = measure_name(result.trained.get("objective", "accuracy"))
    return (
        f"Of {counted(len(states), 'trial')}, {', '.join(said)}. The trial with the best validation "
        f"{objective} won; the test reviews played no part in the choice.{at_chance}"
    )


def _study_order(path: Any) -> tuple[int, str]:
    known = list(STUDY_PICTURES)
    return (known.index(path.stem) if path.stem in known else len(known), path.stem)


def _picture(stem: str, name: str, reading: str = "") -> Picture:
    return Picture(FIGURES_DIR / f"{stem}.png", name, reading)
