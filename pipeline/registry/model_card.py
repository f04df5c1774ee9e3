"""The model card of an evaluated model (Mitchell et al., "Model Cards for Model Reporting", 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.intervals import RESAMPLES
from pipeline.evaluation.promotion import Registration
from pipeline.evaluation.threshold import THRESHOLD
from pipeline.reporting import TITLES, span
from pipeline.serving.classifier import UNDECIDED


def write(
    dataset: Mapping[str, Any],
    trained: Mapping[str, Any],
    assessment: Assessment,
    registration: Registration | None,
) -> str:
    """The card as Markdown, below MLflow's limit of 5,000 characters for a description.

    Args:
        dataset: data/padded/dataset.json.
        trained: reports/train.json.
        assessment: of the test reviews.
        registration: where the model was registered, if it was.
    """
    parts = [
        _model(dataset, trained, registration),
        _use(dataset),
        _data(dataset),
        _metrics(dataset, assessment),
        _limits(dataset),
        _rebuilding(registration),
    ]
    return "\n".join(parts)


def _model(dataset: Mapping[str, Any], trained: Mapping[str, Any], registration: Registration | None) -> str:
    chosen = trained["params"]
    options = ", ".join(
        f"{key.split('.')[1]} {value}" for key, value in chosen.items() if key.startswith("model.")
    )
    registered = (
        f"Registered as `{registration.name}` version {registration.version}, "
        f"{registration.alias}: {registration.reason}."
        if registration
        else "Not registered."
    )
    return f"""# Stacked recurrent network for the sentiment of {dataset["name"]} reviews

{registered}

- network: {options}
- trial {trained["trial"]} of its study, epoch {trained["best_epoch"]}, \
validation accuracy {trained["validation_accuracy"]:.4f}
- run: `{trained["run_id"]}`
"""


def _use(dataset: Mapping[str, Any]) -> str:
    negative, positive = dataset["labels"]
    return f"""## Intended use

Labels an English review like those it was trained on as {negative} or {positive}. Probabilities from \
{THRESHOLD} on are {positive}. Not meant for other languages, other kinds of text, or decisions about people.
"""


def _data(dataset: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"{size:,} {split}" for split, size in dataset["sizes"].items())
    positive = ", ".join(f"{share:.1%} {split}" for split, share in dataset["positive_share"].items())
    note = "" if dataset["requested"] == dataset["name"] else f" (asked for: {dataset['requested']})"
    return f"""## Data

- {dataset["name"]}{note}, digest `{dataset["digest"]}`
- {sizes} reviews; {positive} {dataset["labels"][1]}
- {dataset["citation"]}
- licence: {dataset["licence"]}
"""


def _metrics(dataset: Mapping[str, Any], assessment: Assessment) -> str:
    metrics, intervals, baseline = assessment.metrics, assessment.intervals, assessment.baseline
    rows = [
        f"| {each.name} | {metrics[f'{each.prefix}test_accuracy']:.4f} "
        f"| {span(intervals[f'{each.prefix}test_accuracy'])} | "
        + " | ".join(f"{metrics[f'{each.prefix}test_{name}']:.4f}" for name in list(TITLES)[1:])
        + " |"
        for each in assessment.classifiers
    ]
    return "\n".join(
        [
            f"## Metrics on {dataset['sizes']['test']:,} test reviews",
            "",
            f"| classifier | accuracy | 95 % interval | {' | '.join(list(TITLES.values())[1:])} |",
            f"| --- | --- | --- | {' | '.join(['---'] * (len(TITLES) - 1))} |",
            *rows,
            "",
            f"Intervals: Wilson for accuracy and F1, else {RESAMPLES:,} resamples of the test "
            "reviews; they don't hold the spread between trainings.",
            "",
            f"- {metrics['test_only_model_right']:,} reviews only this model labels right, "
            f"{metrics['test_only_baseline_right']:,} only {baseline.name}, the better baseline "
            f"on validation: McNemar exact p = {metrics['test_mcnemar_p_value']:.3g}",
            f"- from {metrics['threshold']:.4f} on, the threshold with the best validation accuracy: test "
            f"accuracy {metrics['test_accuracy_at_threshold']:.4f}, F1 {metrics['test_f1_at_threshold']:.4f}",
            "",
        ]
    )


def _limits(dataset: Mapping[str, Any]) -> str:
    kept = "last" if dataset["truncating"] == "pre" else "first"
    return f"""## Limits

- Reads the {kept} {dataset["max_length"]} tokens of a review and knows {dataset["vocab_size"] - 4:,} words; \
others are one unknown word. `unknown_share` says how many of those read were unknown; a text without one \
known word is labelled `{UNDECIDED}`.
- Irony, comparisons with other works and reviews that weigh both sides are where such models fail most.
- The training reviews carry their writers' preferences; no group of writers or subjects was examined alone.
"""


def _rebuilding(registration: Registration | None) -> str:
    if registration is None:
        return "## Rebuilding\n\nAn unregistered model has no record to rebuild it from.\n"
    return f"""## Rebuilding

`python -m pipeline trace {registration.uri}` prints the commit, data, parameters and packages; \
`python -m pipeline rebuild {registration.uri}` trains it again in a clean worktree and compares the metrics.
"""
