"""The tables of the report, each from what was found of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.baselines import MAJORITY, PREFIXES
from pipeline.evaluation.intervals import RESAMPLES
from pipeline.evaluation.metrics import ACCURACY, LOG_LOSS
from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.evaluation.promotion import Comparison
from pipeline.reporting import counted, measure_name, metric_names, p_text, span
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.page import Cell, Table
from pipeline.reporting.stack import stacked, times, title_of
from pipeline.reviews.splitting import HELD_BACK
from pipeline.reviews.tokenizing import WORDS

_AT_THRESHOLD = ("accuracy", "balanced_accuracy", "f1")


def layer_table(result: Evaluated) -> Table:
    rows: list[list[Cell]] = [
        [title_of(layer), times(layer.shape), layer.parameters] for layer in stacked(result.layers)
    ]
    rows.append(["all layers", "", result.parameters])
    return Table(["layer", "output", "parameters"], rows, "Weights of each layer, the lowest first.")


def classifier_table(assessment: Assessment) -> Table:
    metrics = metric_names(assessment.num_labels)
    rows: list[list[Cell]] = [
        [each.name, *(assessment.metrics[f"{each.prefix}test_{name}"] for name in metrics)]
        for each in assessment.classifiers
    ]
    return Table(
        ["classifier", *(name.arrow for name in metrics.values())],
        rows,
        f"The n-grams read the same tokens as the {assessment.classifiers[0].name}, or the whole review "
        f"where it says so; the {MAJORITY} knows the shares of the training labels and nothing else.",
    )


def interval_table(assessment: Assessment) -> Table:
    model, baseline, guess = assessment.classifiers[0], assessment.baseline, assessment.classifiers[-1]
    rows = [
        [
            each.arrow,
            *_with_intervals(assessment, f"test_{name}", f"{baseline.prefix}test_{name}"),
            assessment.metrics[f"{guess.prefix}test_{name}"],
        ]
        for name, each in metric_names(assessment.num_labels).items()
    ]
    return Table(
        ["metric", model.name, "95 % interval", baseline.name, "95 % interval", guess.name],
        rows,
        f"Intervals: Wilson for accuracy{' and F1' if assessment.num_labels == 2 else ''}, else "
        f"{RESAMPLES:,} resamples of the test reviews. They don't hold the spread between trainings.",
    )


def class_table(assessment: Assessment, names: Sequence[str]) -> Table:
    columns = ["class", "reviews", "labelled so"]
    columns += [cell for name in ("precision ↑", "recall ↑", "F1 ↑") for cell in (name, "95 % interval")]
    rows: list[list[Cell]] = [
        [
            names[int(row["label"])],
            row["reviews"],
            row["given"],
            *(
                cell
                for key in ("precision", "recall", "f1")
                for cell in (row[key], span((float(row[f"{key}_low"]), float(row[f"{key}_high"]))))
            ),
        ]
        for row in assessment.by_class
    ]
    return Table(columns, rows, "The network by class, with Wilson's intervals.")


def threshold_table(assessment: Assessment, second: str) -> Table:
    rows: list[list[Cell]] = []
    chosen = assessment.metrics["threshold"]
    by = f"best {measure_name(assessment.measure)} on the validation reviews"
    for threshold, origin, suffix in ((THRESHOLD, "the default", ""), (chosen, by, "_at_threshold")):
        cells = _with_intervals(assessment, *(f"test_{name}{suffix}" for name in _AT_THRESHOLD))
        rows.append([threshold, origin, *cells])
    guess = assessment.classifiers[-1].prefix
    rows.append(
        ["", MAJORITY, *_with_intervals(assessment, *(f"{guess}test_{name}" for name in _AT_THRESHOLD))]
    )
    names = metric_names(2)
    return Table(
        [
            "threshold",
            "chosen as",
            *(cell for name in _AT_THRESHOLD for cell in (names[name].arrow, "95 % interval")),
        ],
        rows,
        f"Test metrics of the network where a review counts as {second} from this probability on; a served "
        f"model takes {assessment.threshold:.4g}.",
    )


def _with_intervals(assessment: Assessment, *metrics: str) -> list[Cell]:
    """Each metric and, as the next cell, its interval."""
    return [cell for name in metrics for cell in (assessment.metrics[name], span(assessment.intervals[name]))]


def paired_table(result: Evaluated) -> Table:
    assessment, registration = result.assessment, result.registration
    metrics = assessment.metrics
    rows: list[list[Cell]] = [
        [
            each.name,
            counted(len(assessment.labels), "test review"),
            metrics["test_accuracy"],
            metrics[f"{each.prefix}test_accuracy"],
            paired.only_first,
            paired.only_second,
            p_text(paired.p_value),
        ]
        for each in assessment.classifiers[1:]
        for paired in [assessment.paired[each.name]]
    ]
    comparison = registration.comparison if registration else None
    if comparison:
        rows.append(
            [
                "the champion then",
                counted(comparison.reviews, "held-back review"),
                *_scores_of(comparison),
                comparison.only_challenger,
                comparison.only_champion,
                f"{p_text(comparison.p_value)}, one-sided"
                + ("" if comparison.rule.objective == ACCURACY else ", randomization"),
            ]
        )
    columns = [
        "against",
        "on",
        "network's accuracy",
        "the other's",
        "only the network right",
        "only the other right",
        "McNemar",
    ]
    return Table(columns, rows)


def _scores_of(comparison: Comparison) -> list[Cell]:
    """The challenger's and the champion's, named unless they are accuracies."""
    objective, scores = comparison.rule.objective, (comparison.score, comparison.champion_score)
    if objective == ACCURACY:
        return list(scores)
    sign = -1 if objective == LOG_LOSS else 1
    return [f"{sign * score:.4f} ({measure_name(objective)})" for score in scores]


def reliability_table(assessment: Assessment, share: str) -> Table:
    model = assessment.classifiers[0]
    rows: list[list[Cell]] = [
        [
            f"{row['from']:.2f} to {row['to']:.2f}",
            row["reviews"],
            row["probability"],
            row["positive_share"],
            span((float(row["low"]), float(row["high"]))),
        ]
        for row in assessment.curves["reliability"][model.name]
    ]
    columns = ["probabilities", "reviews", "mean probability", f"share {share}", "95 % interval"]
    return Table(columns, rows, f"The bins of the {model.name}, with Wilson's intervals", folded=True)


def slice_table(assessment: Assessment, column: str, curve: str, form: str) -> Table:
    names = assessment.classifiers[0].name, assessment.baseline.name, MAJORITY
    model, baseline, guess = (assessment.curves[curve][name] for name in names)
    rows = [
        [
            f"{form.format(row['from'])} to {form.format(row['to'])}",
            row["reviews"],
            *(
                cell
                for each in (row, other)
                for cell in (each["accuracy"], span((float(each["low"]), float(each["high"]))))
            ),
            least["accuracy"],
        ]
        for row, other, least in zip(model, baseline, guess, strict=True)
    ]
    columns = [column, "reviews", names[0], "95 % interval", names[1], "95 % interval", MAJORITY]
    return Table(columns, rows, f"Accuracy by {column}, with Wilson's intervals", folded=True)


def trial_table(result: Evaluated) -> Table | None:
    if not result.trials:
        return None
    columns = [
        key.removeprefix("model.").removeprefix("train.").replace("_", " ") for key in result.trials[0]
    ]
    rows = [[_trial_cell(value) for value in row.values()] for row in result.trials]
    guess = {
        name.removeprefix(PREFIXES[MAJORITY]): value
        for name, value in result.assessment.metrics.items()
        if name.startswith(f"{PREFIXES[MAJORITY]}validation_")
    }
    rows.append(["", MAJORITY, *(guess.get(key, "") for key in list(result.trials[0])[2:])])
    return Table(columns, rows, "All trials", folded=True)


def _trial_cell(value: Cell) -> Cell:
    return value.lower() if isinstance(value, str) and value.isupper() else value


def size_table(dataset: Mapping[str, Any]) -> Table:
    names = dataset["labels"] if len(dataset["labels"]) > 2 else dataset["labels"][1:]
    blank = [""] * len(names)
    read = ("cut_shares", "unknown_shares")

    def shares_read(split: str) -> list[Cell]:
        return [f"{dataset[key][split]:.1%}" if key in dataset else "" for key in read]

    rows: list[list[Cell]] = []
    for split, size in dataset["sizes"].items():
        classes = (f"{dataset['class_shares'][split][name]:.1%}" for name in names)
        rows.append([split, size, *classes, *shares_read(split)])
        if split == "validation":
            held = "of these held back for the champion's comparison"
            rows.append([held, dataset[HELD_BACK], *blank, "", ""])
    rows.append(["unlabelled", dataset["unlabelled"]["size"], *blank, *shares_read("unlabelled")])
    columns = [f"longer than {dataset['max_length']}", f"unknown {dataset.get('tokens', WORDS)}"]
    return Table(["split", "reviews", *names, *columns], rows)
