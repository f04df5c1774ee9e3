"""What a comparison of new reviews with a version's own says, as a page and as lines for a terminal."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline.monitoring.comparison import DriftReport
from pipeline.monitoring.drift import LARGE, LEVEL, MOVED, SHIFTED, SMALL, STABLE
from pipeline.reporting import count_text, p_cell, p_text, span
from pipeline.reporting.figures import histogram_figure, over_time_figure
from pipeline.reporting.page import Picture, Table, render
from pipeline.runtime.files import Row
from pipeline.runtime.plotting import save
from pipeline.serving.profile import LENGTH

SECTIONS = {
    "numbers": "Numbers",
    "told_apart": "Told apart",
    "words": "What they say",
    "accuracy": "Accuracy",
}
_VERDICTS = {
    STABLE: "These reviews are like those that the version was made with.",
    MOVED: "These reviews have moved a little from those that the version was made with.",
    SHIFTED: "These reviews are not like those that the version was made with.",
}


def page(comparison: DriftReport, version: str, table: Path) -> str:
    """The whole page, self-contained HTML.

    Args:
        comparison: what came out.
        version: what is watched: ``models:/NAME/VERSION``.
        table: what was looked at.
    """
    tokens, token = comparison.tokens, comparison.tokens.removesuffix("s")
    reference = comparison.reference
    shifts = Table(
        ["number", "median there", "median here", "PSI", "KS", "p", "verdict"],
        [
            (
                shift.name.replace("_", " "),
                f"{shift.expected:.4g}",
                f"{shift.found:.4g}",
                f"{shift.psi:.3f}",
                f"{shift.ks:.3f}",
                p_cell(shift.p_value),
                shift.verdict,
            )
            for shift in comparison.shifts
        ],
        f"Here: {count_text(len(comparison.found.numbers[LENGTH]), 'review')}; there: "
        f"{len(reference.rows):,} validation reviews of the version. Moved: the "
        f"Kolmogorov-Smirnov test has p below {LEVEL} and the population stability index is {SMALL} or more; "
        f"shifted: {LARGE} or more. With many reviews the test finds differences that don't matter, with few "
        "the index is large by chance.",
    )
    words = Table(
        [token, f"there, of 10,000 {tokens}", "here", "PSI"],
        [(text, 1e4 * word.expected, 1e4 * word.found, word.psi) for text, word in comparison.words],
        f"{tokens.capitalize()} whose shares differ most, by their part of the population stability index "
        f"over all {tokens}; there: in the training reviews. [OOV] is every {token} that the version doesn't "
        "know.",
    )
    accuracies = Table(
        ["since", "labelled reviews", "accuracy", "95 % interval"],
        [(each.since, each.reviews, each.accuracy, span(each.interval)) for each in comparison.accuracies],
        f"Wilson's intervals. The version's accuracy on test reviews was {reference.accuracy:.4f}.",
    )
    with tempfile.TemporaryDirectory() as folder:
        return render(
            "monitor.html",
            title=f"{version} on {table.name}",
            sections=SECTIONS,
            verdict=sentence(comparison),
            left_out=comparison.left_out,
            shifts=shifts,
            pictures=_histograms(comparison, Path(folder)),
            told_apart=comparison.told_apart,
            tokens=tokens,
            words=words,
            accuracies=accuracies,
            accuracy_pictures=_over_time(comparison, Path(folder)),
        )


def sentence(comparison: DriftReport) -> str:
    """The verdict, and what it rests on."""
    causes = [shift.name.replace("_", " ") for shift in comparison.shifts if shift.verdict != STABLE]
    if comparison.told_apart and comparison.told_apart.verdict != STABLE:
        causes.append(f"told apart with {comparison.told_apart.accuracy:.1%}")
    if comparison.accuracy_fell:
        expected = comparison.reference.accuracy
        causes.append(f"accuracy {comparison.accuracies[0].accuracy:.1%} instead of {expected:.1%}")
    return _VERDICTS[comparison.verdict] + (f" Different: {', '.join(causes)}." if causes else "")


def lines(comparison: DriftReport) -> list[str]:
    """The same as the page's tables, without its words."""
    found = [
        f"{shift.name}: {shift.verdict}; median {shift.found:.4g} instead of {shift.expected:.4g}, "
        f"PSI {shift.psi:.3f}, KS {shift.ks:.3f} ({p_text(shift.p_value)})"
        for shift in comparison.shifts
    ]
    if test := comparison.told_apart:
        found.append(
            f"told apart: {test.verdict}; a classifier is right on {test.accuracy:.1%} "
            f"of {count_text(test.reviews, 'review')} ({p_text(test.p_value)})"
        )
    if comparison.accuracies:
        overall = comparison.accuracies[0]
        found.append(
            f"accuracy: {overall.accuracy:.4f} ({span(overall.interval)}) of "
            f"{count_text(overall.reviews, 'label')}; {comparison.reference.accuracy:.4f} on test reviews"
        )
    found += [f"left out: {count:,} {what}" for what, count in comparison.left_out.items()]
    return [*found, sentence(comparison)]


def _histograms(comparison: DriftReport, folder: Path) -> list[Picture]:
    pictures = []
    for name, reference in comparison.reference.numbers.items():
        title = name.replace("_", " ")
        figure = histogram_figure({"there": reference, "here": comparison.found.numbers[name]}, title)
        save(figure, folder / f"{name}.png")
        pictures.append(Picture(folder / f"{name}.png", f"{title.capitalize()} there and here"))
    return pictures


def _over_time(comparison: DriftReport, folder: Path) -> list[Picture]:
    rows: list[Row] = [
        {"since": each.since, "accuracy": each.accuracy, "low": each.interval[0], "high": each.interval[1]}
        for each in comparison.accuracies[1:]
    ]
    if not rows:
        return []
    save(over_time_figure(rows, comparison.reference.accuracy), folder / "accuracy.png")
    title = "Accuracy over time with 95 % intervals"
    return [Picture(folder / "accuracy.png", title, "Dashed: on test reviews.")]
