"""The model card of an evaluated model (Mitchell et al., "Model Cards for Model Reporting", 2019)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.evaluation.intervals import RESAMPLES
from pipeline.reporting import counted, measure_name, metric_names, p_text, span, value_text
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.report import became
from pipeline.reporting.stack import stack_text
from pipeline.reporting.verdict import judge
from pipeline.reviews.splitting import HELD_BACK
from pipeline.serving.classifier import UNDECIDED


def write(result: Evaluated) -> str:
    """The card as Markdown, below MLflow's limit of 5,000 characters for a description."""
    return "\n".join(part(result) for part in (_model, _use, _data, _metrics, _limits, _rebuilding))


def description(card: str) -> str:
    """The card as MLflow's pages show it, below a heading of their own: its headings one level down.

    The first one is plain text: MLflow's tables show a description as it is written, and where a heading of
    its pages takes two lines, one lies on the other.
    """
    return re.sub(r"^#", "##", card.removeprefix("# "), flags=re.MULTILINE)


def _model(result: Evaluated) -> str:
    trained = result.trained
    options = ", ".join(
        f"{key.split('.')[1]} {value_text(value)}"
        for key, value in trained["params"].items()
        if key.startswith("model.")
    )
    vectors = ""
    if "vectors_found" in trained:
        file = f"`{Path(trained['params']['vectors.path']).name}`"
        vectors = (
            f"- word vectors of {file}, which has {trained['vectors_found']:.1%} of the vocabulary's words\n"
        )
    verdict = judge(result)
    said = f"{verdict.sentence} {became(result)}"
    return f"""# {result.cell} network, {result.shape}

{said if verdict.learned else f"**{said}**"}

```
{stack_text(result.layers)}
```

- {counted(result.parameters, "parameter")}; {options}
- trial {trained["trial"]} of its study, epoch {trained["best_epoch"]}, \
validation accuracy {trained["validation_accuracy"]:.4f} (before calibration)
{vectors}- preset: {trained["preset"] or "none"}
- run: `{trained["run_id"]}`
"""


def _use(result: Evaluated) -> str:
    *others, last = result.dataset["labels"]
    answer = "The label of the highest probability is given."
    if len(others) == 1:
        answer = f"Probabilities from {result.assessment.threshold:.4g} on are {last}."
    english = result.dataset["name"] in ("imdb", "snippets")  # of a user's own texts the language isn't known
    text = "an English review" if english else "a text (language and subject unknown)"
    return f"""## Intended use

Labels {text} like those it was trained on as {", ".join(others)} or {last}. {answer} Not meant for other \
languages, other kinds of text, or decisions about people.
"""


def _data(result: Evaluated) -> str:
    dataset = result.dataset
    duplicates = ", ".join(
        f"{count:,} {where.replace('_', ' ')}" for where, count in result.duplicates.items()
    )
    sizes = ", ".join(f"{size:,} {split}" for split, size in dataset["sizes"].items())
    note = "" if dataset["requested"] == dataset["name"] else f" (asked for: {dataset['requested']})"
    return f"""## Data

- {dataset["name"]}{note}, digest `{dataset["digest"]}`
- {sizes} reviews; {_shares(dataset)}; {dataset[HELD_BACK]:,} validation reviews were held \
back to compare with the champion{_skipped(dataset.get("reading", {}))}
- {counted(dataset["unlabelled"]["size"], "unlabelled review")}{_skipped(dataset["unlabelled"])}
- left out as duplicates: {duplicates}
- {dataset["citation"]}
- licence: {dataset["licence"]}
"""


def _skipped(reading: Mapping[str, Any]) -> str:
    count = reading.get("rows_skipped", 0)
    return f"; {counted(count, 'row')} could not be used and left out" if count else ""


def _shares(dataset: Mapping[str, Any]) -> str:
    """Of two labels the second one's share of each split, of more all shares of the training reviews."""
    names, shares = dataset["labels"], dataset["class_shares"]
    if len(names) == 2:
        return ", ".join(f"{shares[split][names[1]]:.1%} {split}" for split in shares) + f" {names[1]}"
    return "in training " + ", ".join(f"{name} {share:.1%}" for name, share in shares["train"].items())


def _metrics(result: Evaluated) -> str:
    assessment, calibration = result.assessment, result.trained["calibration"]
    metrics, intervals, baseline = assessment.metrics, assessment.intervals, assessment.baseline
    names = metric_names(assessment.num_labels)
    others = [name for name in names if name != "accuracy"]
    rows = [
        f"| {each.name} | {metrics[f'{each.prefix}test_accuracy']:.4f} "
        f"| {span(intervals[f'{each.prefix}test_accuracy'])} | "
        + " | ".join(f"{metrics[f'{each.prefix}test_{name}']:.4f}" for name in others)
        + " |"
        for each in assessment.classifiers
    ]
    arrows = [names[name].arrow for name in others]
    weights = result.trained["params"].get("train.class_weights", "none")
    weighed = ""
    if weights != "none":
        weighed = f"; for labels as common as train.class_weights ({weights}) count them, not as they are"
    at_threshold = []
    if "threshold" in metrics:
        best = f"the threshold with the best validation {measure_name(assessment.measure)}"
        at_threshold.append(
            f"- from {metrics['threshold']:.4f} on, {best}: test "
            f"accuracy {metrics['test_accuracy_at_threshold']:.4f}, balanced "
            f"{metrics['test_balanced_accuracy_at_threshold']:.4f}, F1 {metrics['test_f1_at_threshold']:.4f}"
        )
    return "\n".join(
        [
            f"## Metrics on {counted(len(assessment.labels), 'test review')}",
            "",
            f"| classifier | accuracy ↑ | 95 % interval | {' | '.join(arrows)} |",
            f"| --- | --- | --- | {' | '.join(['---'] * len(others))} |",
            *rows,
            "",
            f"Intervals: Wilson for accuracy and F1, else {RESAMPLES:,} resamples of the test reviews; "
            "they don't hold the spread between trainings.",
            "",
            f"- {metrics['test_only_model_right']:,} reviews only this model labels right, "
            f"{metrics['test_only_baseline_right']:,} only {baseline.name}, the better baseline "
            f"on validation: McNemar's exact test, {p_text(metrics['test_mcnemar_p_value'])}",
            f"- calibrated on validation: error there {calibration['validation_ece_before']:.4f} before, "
            f"{calibration['validation_ece_after']:.4f} after{weighed}",
            *at_threshold,
            "",
        ]
    )


def _limits(result: Evaluated) -> str:
    dataset = result.dataset
    kept, token = "last" if dataset["truncating"] == "pre" else "first", result.tokens.removesuffix("s")
    return f"""## Limits

- Reads the {kept} {dataset["max_length"]} tokens of a review and knows \
{counted(result.known_words, token)}; others are one unknown {token}. \
`unknown_share` says how many of those read were unknown; a text without one known {token} is labelled \
`{UNDECIDED}`.
- Irony, comparisons with other works and reviews that weigh both sides are where such models fail most.
- The training reviews carry their writers' preferences; no group of writers or subjects was examined alone.
"""


def _rebuilding(result: Evaluated) -> str:
    if result.registration is None:
        return "## Rebuilding\n\nAn unregistered model has no record to rebuild it from.\n"
    uri = result.registration.uri
    return f"""## Rebuilding

`python -m pipeline trace {uri}` prints the commit, data, parameters and packages; \
`python -m pipeline rebuild {uri}` trains it again in a clean worktree and compares the metrics.
"""
