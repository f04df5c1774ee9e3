"""The model card of an evaluated model (Mitchell et al., "Model Cards for Model Reporting", 2019).

What stands on it is in templates/model_card.md; here are the values and the table that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.intervals import RESAMPLES
from pipeline.reporting import count_text, measure_name, metric_names, span, value_text
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.page import Table, TableCell, render
from pipeline.reporting.report import became
from pipeline.reporting.stack import stack_text
from pipeline.reporting.verdict import judge
from pipeline.serving.classifier import UNDECIDED


def write(result: Evaluated) -> str:
    """The card as Markdown, below MLflow's limit of 5,000 characters for a description."""
    trained, dataset, assessment, verdict = result.trained, result.dataset, result.assessment, judge(result)
    metrics, values = assessment.metrics, trained["params"]
    names = metric_names(assessment.num_labels)
    rows: list[list[TableCell]] = []
    for each in assessment.classifiers:
        accuracy, *others = (metrics[f"{each.prefix}test_{name}"] for name in names)
        rows.append([each.name, accuracy, span(assessment.intervals[f"{each.prefix}test_accuracy"]), *others])
    first, *arrows = (name.arrow for name in names.values())
    is_english = dataset["name"] in ("imdb", "snippets")  # of a user's own texts the language isn't known
    return render(
        "model_card.md",
        result=result,
        trained=trained,
        dataset=dataset,
        assessment=assessment,
        metrics=metrics,
        verdict=verdict,
        said=f"{verdict.sentence} {became(result)}",
        stack=stack_text(result.layers),
        options=", ".join(
            f"{key.split('.')[1]} {value_text(value)}"
            for key, value in values.items()
            if key.startswith("model.")
        ),
        texts="an English review" if is_english else "a text (language and subject unknown)",
        shares=_shares(dataset),
        skipped=_skipped_text,
        scores=Table(["classifier", first, "95 % interval", *arrows], rows),
        resamples=RESAMPLES,
        weights=values.get("train.class_weights", "none"),
        measure=measure_name(assessment.measure),
        token=result.tokens.removesuffix("s"),
        undecided=UNDECIDED,
    )


def description(card: str) -> str:
    """The card as MLflow's pages show it, below a heading of their own: its headings one level down.

    The first one is plain text: MLflow's tables show a description as it is written, and where a heading of
    its pages takes two lines, one lies on the other.
    """
    return re.sub(r"^#", "##", card.removeprefix("# "), flags=re.MULTILINE)


def _skipped_text(reading: Mapping[str, Any]) -> str:
    count = reading.get("rows_skipped", 0)
    return f"; {count_text(count, 'row')} could not be used and left out" if count else ""


def _shares(dataset: Mapping[str, Any]) -> str:
    """Of two labels the second one's share of each split, of more all shares of the training reviews."""
    names, shares = dataset["labels"], dataset["class_shares"]
    if len(names) == 2:
        return ", ".join(f"{shares[split][names[1]]:.1%} {split}" for split in shares) + f" {names[1]}"
    return "in training " + ", ".join(f"{name} {share:.1%}" for name, share in shares["train"].items())
