"""The report: all of an evaluated model on one page that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.intervals import RESAMPLES
from pipeline.evaluation.promotion import Registration
from pipeline.evaluation.rivals import MAJORITY
from pipeline.evaluation.threshold import THRESHOLD
from pipeline.reporting import TITLES, span
from pipeline.reporting.page import Cell, Part, Picture, Section, Table, render
from pipeline.runtime.files import Row
from pipeline.runtime.paths import FIGURES_DIR, STUDY_DIR

Facts = Mapping[str, Any]


def write_report(
    dataset: Facts,
    trained: Facts,
    assessment: Assessment,
    errors: Sequence[Row],
    registration: Registration | None,
) -> str:
    """The page as HTML; the same arguments and pictures always give the same text.

    Args:
        dataset: data/padded/dataset.json.
        trained: reports/train.json.
        assessment: of the test reviews; its pictures lie in reports/figures, the study's in reports/study.
        errors: of ``confident_errors``.
        registration: where the model was registered, if it was.
    """
    model = f"{registration.name} version {registration.version}" if registration else "unregistered model"
    sections = [
        Section("Model", _model(trained, registration)),
        Section("Metrics", _metrics(assessment)),
        Section("Paired tests", _paired(dataset, assessment, registration)),
        Section("Curves", _pictures({"roc": "ROC", "precision_recall": "Precision and recall"})),
        Section("Calibration", _calibration(assessment)),
        Section("By length and unknown words", _slices(assessment)),
        Section("Most confident errors", _errors(dataset, errors)),
        Section("Training and study", _training(trained)),
        Section("Data", _data(dataset)),
    ]
    title = f"Sentiment of {dataset['name']} reviews: {model}"
    return render(title, f"Judged on {dataset['sizes']['test']:,} test reviews", sections)


def _model(trained: Facts, registration: Registration | None) -> list[Part]:
    became = (
        f"Registered as {registration.alias}: {registration.reason}." if registration else "Not registered."
    )
    origin = (
        f"Trial {trained['trial']} of its study, kept after epoch {trained['best_epoch']}, validation "
        f"accuracy {trained['validation_accuracy']:.4f}. MLflow run {trained['run_id']}."
    )
    return [became, origin]


def _metrics(assessment: Assessment) -> list[Part]:
    metrics, baseline, model = assessment.metrics, assessment.baseline, assessment.classifiers[0]
    classifiers: list[list[Cell]] = [
        [each.name, *(metrics[f"{each.prefix}test_{name}"] for name in TITLES)]
        for each in assessment.classifiers
    ]
    rows = [
        [title, *_with_intervals(assessment, f"test_{name}", f"{baseline.prefix}test_{name}")]
        for name, title in TITLES.items()
    ]
    thresholds: list[list[Cell]] = []
    for threshold, origin, suffix in (
        (THRESHOLD, "the default", ""),
        (metrics["threshold"], "best accuracy on the validation reviews", "_at_threshold"),
    ):
        cells = _with_intervals(assessment, f"test_accuracy{suffix}", f"test_f1{suffix}")
        thresholds.append([threshold, origin, *cells])
    return [
        Table(
            ["classifier", *TITLES.values()],
            classifiers,
            f"The n-grams read the same tokens as the {model.name}, or the whole review where that is said; "
            f"the {MAJORITY} knows the labels' shares in the training reviews and nothing else.",
        ),
        Table(
            ["metric", model.name, "95 % interval", baseline.name, "95 % interval"],
            rows,
            f"Intervals: Wilson for accuracy and F1, else {RESAMPLES:,} resamples of the test "
            "reviews. They don't hold the spread between trainings.",
        ),
        Table(
            ["threshold", "chosen as", "accuracy", "95 % interval", "F1", "95 % interval"],
            thresholds,
            "Test metrics of the model where a review counts as positive from this probability on.",
        ),
        *_pictures({"confusion": f"Labels given and actual labels at threshold {THRESHOLD}"}),
    ]


def _with_intervals(assessment: Assessment, *metrics: str) -> list[Cell]:
    """Each metric and, as the next cell, its interval."""
    return [cell for name in metrics for cell in (assessment.metrics[name], span(assessment.intervals[name]))]


def _paired(dataset: Facts, assessment: Assessment, registration: Registration | None) -> list[Part]:
    metrics = assessment.metrics
    rows: list[list[Cell]] = [
        [
            each.name,
            f"{dataset['sizes']['test']:,} test",
            metrics["test_accuracy"],
            metrics[f"{each.prefix}test_accuracy"],
            paired.only_first,
            paired.only_second,
            f"{paired.p_value:.3g}",
        ]
        for each in assessment.drawn[1:]
        for paired in [assessment.paired[each.name]]
    ]
    comparison = registration.comparison if registration else None
    if comparison:
        rows.append(
            [
                "the champion then",
                f"{comparison.reviews:,} held back",
                comparison.accuracy,
                comparison.champion_accuracy,
                comparison.only_challenger,
                comparison.only_champion,
                f"{comparison.p_value:.3g} (one-sided)",
            ]
        )
    columns = ["against", "reviews", "accuracy", "its accuracy", "only model right", "only it right", "p"]
    note = (
        "p is that of McNemar's exact test: how likely, were both equally good, a split at least as uneven "
        "is of the reviews that only one of the two labels right. Of the two baselines that read the same "
        f"tokens, {assessment.baseline.name} was the better one on the validation reviews: that is the test "
        "that counts."
    )
    judged = (
        "The champion is compared on the validation reviews that were held back from both models: neither "
        "was trained on them or chosen by them. The test reviews are for reporting only."
    )
    return [Table(columns, rows, note), judged]


def _calibration(assessment: Assessment) -> list[Part]:
    model, baseline = assessment.classifiers[0], assessment.baseline
    rows = [
        [
            f"{row['from']:.2f} to {row['to']:.2f}",
            row["reviews"],
            row["probability"],
            row["positive_share"],
            span((row["low"], row["high"])),
        ]
        for row in assessment.curves["reliability"][model.name]
    ]
    columns = ["probabilities", "reviews", "mean probability", "share positive", "95 % interval"]
    return [
        "A calibrated model lies on the diagonal: of the reviews given a probability of 0.8, eight in ten "
        f"are positive. Expected calibration error: {assessment.metrics['test_ece']:.4f}, of "
        f"{baseline.name} {assessment.metrics[f'{baseline.prefix}test_ece']:.4f} (Guo et al., 2017; ten bins "
        "of equal width).",
        *_pictures({"reliability": "Share of positive reviews by predicted probability"}),
        Table(columns, rows, f"The bins of the {model.name}, with Wilson's intervals."),
    ]


def _slices(assessment: Assessment) -> list[Part]:
    pictures = _pictures(
        {
            "accuracy_by_length": "Accuracy by the number of words of the whole review",
            "accuracy_by_unknown_share": "Accuracy by the share of unknown words among those read",
        }
    )
    tables = [
        _slice_table(assessment, "words", "accuracy_by_length", "{:,.0f}"),
        _slice_table(assessment, "unknown words", "accuracy_by_unknown_share", "{:.1%}"),
    ]
    return [*pictures, *tables]


def _slice_table(assessment: Assessment, column: str, curve: str, form: str) -> Table:
    names = assessment.classifiers[0].name, assessment.baseline.name
    model, baseline = (assessment.curves[curve][name] for name in names)
    rows = [
        [
            f"{form.format(row['from'])} to {form.format(row['to'])}",
            row["reviews"],
            *(
                cell
                for each in (row, other)
                for cell in (each["accuracy"], span((each["low"], each["high"])))
            ),
        ]
        for row, other in zip(model, baseline, strict=True)
    ]
    columns = [column, "reviews", names[0], "95 % interval", names[1], "95 % interval"]
    return Table(columns, rows, "Accuracy with Wilson's intervals.")


def _errors(dataset: Facts, errors: Sequence[Row]) -> list[Part]:
    negative, positive = dataset["labels"]
    parts: list[Part] = []
    for actual, predicted in ((negative, positive), (positive, negative)):
        rows = [
            [row["probability"], _excerpt(str(row["text"]), dataset)]
            for row in errors
            if row["actual"] == actual
        ]
        if rows:
            parts += [
                f"Called {predicted}, but {actual}:",
                Table([f"probability of {positive}", "review"], rows),
            ]
        else:
            parts.append(f"No {actual} review was called {predicted}.")
    return [*parts, "Words as the source gives them; … stands where the model reads no further."]


def _excerpt(text: str, dataset: Facts) -> str:
    """The words that the model reads; cut at the end, a review gives one place to START_ID."""
    words, at_end = text.split(" "), dataset["truncating"] == "post"
    most = dataset["max_length"] - at_end
    if len(words) <= most:
        return text
    return " ".join([*words[:most], "…"] if at_end else ["…", *words[-most:]])


def _training(trained: Facts) -> list[Part]:
    options = [[key, str(value)] for key, value in trained["params"].items()]
    study = [
        Picture(path, f"Study: {path.stem.replace('_', ' ')}") for path in sorted(STUDY_DIR.glob("*.png"))
    ]
    curve = _pictures({"training_curve": "Accuracy and loss of the best trial by epoch"})
    return [*curve, *study, Table(["parameter", "value"], options, "The winning trial's parameters.")]


def _data(dataset: Facts) -> list[Part]:
    asked = "" if dataset["requested"] == dataset["name"] else f" (asked for: {dataset['requested']})"
    sizes = [
        [split, size, f"{dataset['positive_share'][split]:.1%}"] for split, size in dataset["sizes"].items()
    ]
    duplicates = [[where.replace("_", " "), count] for where, count in dataset["duplicates_dropped"].items()]
    return [
        f"{dataset['name']}{asked}. {dataset['citation']}. Licence: {dataset['licence']}. "
        f"Digest {dataset['digest']}.",
        Table(["split", "reviews", dataset["labels"][1]], sizes),
        Table(
            ["same review", "dropped"],
            duplicates,
            "Reviews dropped from the first split because the second holds the same words.",
        ),
    ]


def _pictures(captions: Mapping[str, str]) -> list[Picture]:
    return [Picture(FIGURES_DIR / f"{stem}.png", caption) for stem, caption in captions.items()]
