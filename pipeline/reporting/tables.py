"""The tables of the report, each from what was found of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.baselines import CLASSIFIERS, MAJORITY
from pipeline.evaluation.intervals import RESAMPLES
from pipeline.evaluation.metrics import ACCURACY, BALANCED_ACCURACY, F1, LOG_LOSS
from pipeline.evaluation.probabilities import THRESHOLD
from pipeline.reporting import count_text, measure_name, metric_names, p_text, span, value_text
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.page import Table, TableCell
from pipeline.reporting.stack import stacked_layers, times, title_of
from pipeline.reviews.splitting import HELD_BACK
from pipeline.runtime.files import Row

_INTERVAL = "95 % interval"
_AT_THRESHOLD = (ACCURACY, BALANCED_ACCURACY, F1)
_ISSUES = 20  # labels that look wrong, of those found


def layer_table(result: Evaluated) -> Table:
    rows: list[list[TableCell]] = [
        [title_of(layer), times(layer.shape), layer.parameters] for layer in stacked_layers(result.layers)
    ]
    rows.append(["all layers", "", result.parameters])
    return Table(["layer", "output", "parameters"], rows, "Weights of each layer, the lowest first.")


def parameter_table(values: Mapping[str, Any], caption: str) -> Table:
    rows = [[key, value_text(value)] for key, value in values.items()]
    return Table(["parameter", "value"], rows, caption, folded=True)


def classifier_table(assessment: Assessment) -> Table:
    metrics = metric_names(assessment.num_labels)
    return Table(
        ["classifier", *(name.arrow for name in metrics.values())],
        [
            [each.name, *(assessment.metrics[f"{each.prefix}test_{name}"] for name in metrics)]
            for each in assessment.classifiers
        ],
        f"The n-grams read the same tokens as the {assessment.classifiers[0].name}, or the whole review "
        f"where it says so; the {MAJORITY} knows the shares of the training labels and nothing else.",
    )


def interval_table(assessment: Assessment) -> Table:
    model, baseline = assessment.classifiers[0], assessment.baseline
    rows = [
        [
            each.arrow,
            *_with_intervals(assessment, f"test_{name}", f"{baseline.prefix}test_{name}"),
            assessment.metrics[f"{CLASSIFIERS[MAJORITY]}test_{name}"],
        ]
        for name, each in metric_names(assessment.num_labels).items()
    ]
    return Table(
        ["metric", model.name, _INTERVAL, baseline.name, _INTERVAL, MAJORITY],
        rows,
        f"Intervals: Wilson for accuracy{' and F1' if assessment.num_labels == 2 else ''}, else "
        f"{RESAMPLES:,} resamples of the test reviews. They don't hold the spread between trainings.",
    )


def class_table(assessment: Assessment, names: Sequence[str]) -> Table:
    rows: list[list[TableCell]] = []
    for row in assessment.by_class:
        shares = [cell for key in ("precision", "recall", "f1") for cell in _with_ends(row, key, f"{key}_")]
        rows.append([names[int(row["label"])], row["reviews"], row["given"], *shares])
    titles = [cell for name in ("precision ↑", "recall ↑", "F1 ↑") for cell in (name, _INTERVAL)]
    caption = "The network by class, with Wilson's intervals."
    return Table(["class", "reviews", "labelled so", *titles], rows, caption)


def threshold_table(assessment: Assessment, second: str) -> Table:
    chosen = f"best {measure_name(assessment.measure)} on the validation reviews"
    rows = [
        [threshold, origin, *_with_intervals(assessment, *map(name.format, _AT_THRESHOLD))]
        for threshold, origin, name in (
            (THRESHOLD, "the default", "test_{}"),
            (assessment.metrics["threshold"], chosen, "test_{}_at_threshold"),
            ("", MAJORITY, f"{CLASSIFIERS[MAJORITY]}test_{{}}"),
        )
    ]
    titles = [cell for name in _AT_THRESHOLD for cell in (metric_names(2)[name].arrow, _INTERVAL)]
    return Table(
        ["threshold", "chosen as", *titles],
        rows,
        f"Test metrics of the network where a review counts as {second} from this probability on; a served "
        f"model takes {assessment.threshold:.4g}.",
    )


def paired_table(result: Evaluated) -> Table:
    assessment, registration = result.assessment, result.registration
    rows: list[list[TableCell]] = []
    reviews = count_text(len(assessment.labels), "test review")
    for each in assessment.classifiers[1:]:
        only_mine, only_its, p_value = assessment.paired[each.name]
        accuracies = (assessment.metrics[f"{prefix}test_accuracy"] for prefix in ("", each.prefix))
        rows.append([each.name, reviews, *accuracies, only_mine, only_its, p_text(p_value)])
    if registration and (found := registration.comparison):
        objective = found.rule.objective
        scores: list[TableCell] = [found.score, found.champion_score]
        tested = f"{p_text(found.p_value)}, one-sided"
        if objective != ACCURACY:
            sign = -1 if objective == LOG_LOSS else 1
            named = measure_name(objective)
            scores = [f"{sign * score:.4f} ({named})" for score in (found.score, found.champion_score)]
            tested += ", randomization"
        only = found.only_challenger, found.only_champion
        reviews = count_text(found.reviews, "held-back review")
        rows.append(["the champion then", reviews, *scores, *only, tested])
    scores_of = ["network's accuracy", "the other's", "only the network right", "only the other right"]
    return Table(["against", "on", *scores_of, "McNemar"], rows)


def reliability_table(assessment: Assessment, share: str) -> Table:
    model = assessment.classifiers[0].name
    rows: list[list[TableCell]] = []
    for row in assessment.curves["reliability"][model]:
        ends, share_of = f"{row['from']:.2f} to {row['to']:.2f}", _with_ends(row, "positive_share")
        rows.append([ends, row["reviews"], row["probability"], *share_of])
    columns = ["probabilities", "reviews", "mean probability", f"share {share}", _INTERVAL]
    return Table(columns, rows, f"The bins of the {model}, with Wilson's intervals", folded=True)


def slice_table(assessment: Assessment, column: str, curve: str, form: str) -> Table:
    """``form`` formats the ends of a bin, which are called ``column``."""
    names = assessment.classifiers[0].name, assessment.baseline.name, MAJORITY
    rows: list[list[TableCell]] = []
    for mine, its, least in zip(*(assessment.curves[curve][name] for name in names), strict=True):
        ends = f"{form.format(mine['from'])} to {form.format(mine['to'])}"
        accuracies = (*_with_ends(mine, ACCURACY), *_with_ends(its, ACCURACY), least[ACCURACY])
        rows.append([ends, mine["reviews"], *accuracies])
    columns = [column, "reviews", names[0], _INTERVAL, names[1], _INTERVAL, MAJORITY]
    return Table(columns, rows, f"Accuracy by {column}, with Wilson's intervals", folded=True)


def trial_table(result: Evaluated) -> Table:
    keys = list(result.trials[0])
    rows = [
        [value.lower() if isinstance(value, str) and value.isupper() else value for value in row.values()]
        for row in result.trials
    ]
    metrics, prefix = result.assessment.metrics, CLASSIFIERS[MAJORITY]
    rows.append(["", MAJORITY, *(metrics.get(f"{prefix}{key}", "") for key in keys[2:])])
    columns = [key.removeprefix("model.").removeprefix("train.").replace("_", " ") for key in keys]
    return Table(columns, rows, "All trials", folded=True)


def size_table(dataset: Mapping[str, Any]) -> Table:
    names = dataset["labels"] if len(dataset["labels"]) > 2 else dataset["labels"][1:]
    blank = [""] * len(names)
    rows: list[list[TableCell]] = []
    for split, size in (dataset["sizes"] | {"unlabelled": dataset["unlabelled"]["size"]}).items():
        shares = dataset["class_shares"].get(split)
        classes = [f"{shares[name]:.1%}" for name in names] if shares else blank
        read = [f"{dataset[key][split]:.1%}" for key in ("cut_shares", "unknown_shares")]
        rows.append([split, size, *classes, *read])
        if split == "validation":
            held = "of these held back for the champion's comparison"
            rows.append([held, dataset[HELD_BACK], *blank, "", ""])
    columns = [f"longer than {dataset['max_length']}", f"unknown {dataset['tokens']}"]
    return Table(["split", "reviews", *names, *columns], rows)


def duplicate_table(result: Evaluated) -> Table:
    rows: list[list[TableCell]] = [
        [where.replace("_", " "), count] for where, count in result.duplicates.items()
    ]
    caption = f"Reviews dropped from the first split because the second holds the same {result.tokens}."
    return Table(["in two splits", "dropped"], rows, caption)


def label_issue_table(result: Evaluated) -> Table:
    """The first of them: what more there is, `check --labels` lists."""
    columns = ["training review", "label", "likelier", "probability", "text"]
    rows = [list(row.values()) for row in result.label_issues[:_ISSUES]]
    return Table(columns, rows, f"The surest {len(rows)}", folded=True)


def _with_intervals(assessment: Assessment, *metrics: str) -> list[TableCell]:
    """Each metric and, as the next cell, its interval."""
    return [cell for name in metrics for cell in (assessment.metrics[name], span(assessment.intervals[name]))]


def _with_ends(row: Row, key: str, prefix: str = "") -> tuple[TableCell, TableCell]:
    """A share of the row and its interval."""
    return row[key], span((float(row[f"{prefix}low"]), float(row[f"{prefix}high"])))
