"""The study as one page: verdicts, figures, tables and sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.depth.claims import LEVEL, Finding, sentence
from pipeline.depth.grid import PLAIN, grid
from pipeline.depth.literature import SOURCES
from pipeline.depth.pictures import Drawn
from pipeline.depth.records import Record, Records
from pipeline.depth.statistics import t_interval
from pipeline.depth.tables import repeats
from pipeline.params import Params
from pipeline.reporting.page import Cell, Picture, Section, Table, render


def render_report(
    params: Params,
    dataset: Mapping[str, Any],
    records: Records,
    findings: Sequence[Finding],
    baseline: Mapping[str, float],
    drawn: Sequence[Drawn],
) -> str:
    """The whole page, self-contained HTML."""
    sections = [
        Section("What was trained", _setting(params, dataset, records, baseline)),
        Section("What the data say", [_verdicts(findings), *_sentences(findings)]),
        *(
            Section(
                f"Figure {number}: {figure.caption.partition(':')[0]}", [Picture(figure.path, figure.caption)]
            )
            for number, figure in enumerate(drawn, start=1)
        ),
        Section("Every network", [_scores(records)]),
        Section("Sources", [source.citation for source in SOURCES.values()]),
    ]
    return render("What depth does", f"Stacked recurrent networks on {dataset['name']}", sections)


def _setting(
    params: Params, dataset: Mapping[str, Any], records: Records, baseline: Mapping[str, float]
) -> list[str | Table]:
    study = params.depth_study
    minutes = sum(record.seconds for record in records.values()) / 60
    sizes = "".join(f", {size:,} {split}" for split, size in dataset.get("sizes", {}).items())
    rows = [(key, _shown(value)) for key, value in study.model_dump().items() if key != "workers"]
    return [
        f"{len(grid(study))} networks were fitted on the reviews of {dataset['name']}{sizes}; the fits took "
        f"{minutes:.0f} minutes, added up over the processes. Whatever the table doesn't name is as in the "
        "sections model and train of params.yaml.",
        "Each network keeps the weights of its epoch of lowest validation loss. Nothing was chosen by the "
        "test reviews: their scores are reported only.",
        f"The better bag of n-grams, naive Bayes or TF-IDF, scores {baseline['validation_accuracy']:.4f} on "
        f"the validation and {baseline['test_accuracy']:.4f} on the test reviews.",
        "Every skip goes past each recurrent layer, the first one too, so that a single layer with a skip is "
        "another network than one without.",
        Table(["depth_study", "value"], rows, "Parameters of the study"),
    ]


def _verdicts(findings: Sequence[Finding]) -> Table:
    return Table(
        ["claim", "the data", "difference [95 % interval]", "corrected p", "figure"],
        [_verdict_row(finding) for finding in findings],
        f"A claim is supported or contradicted where p, after Holm's correction, is below {LEVEL}. The pairs "
        "are alike in all but what is compared; they share data, so the intervals speak of other seeds, not "
        "of other reviews.",
    )


def _verdict_row(finding: Finding) -> tuple[str, ...]:
    claim, interval = finding.claim, finding.interval
    numbers = ("", "")
    if interval is not None:
        mean, low, high = interval
        numbers = (f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]", f"{finding.corrected:.4f}")
    return (claim.statement, finding.verdict, *numbers, str(claim.figure))


def _sentences(findings: Sequence[Finding]) -> list[str]:
    tested = sum(finding.interval is not None for finding in findings)
    return [f"{sentence(finding, tested)} {SOURCES[finding.claim.source].finding}" for finding in findings]


def _scores(records: Records) -> Table:
    return Table(
        ["cell", "depth", "skip", "variant", "weights", "seconds", "training", "validation", "test"],
        [_score_row(repeats(records, fit)) for fit in sorted(records) if fit.seed == 0],
        "Accuracy: the mean over the seeds and half the width of its 95 % interval",
    )


def _score_row(records: Sequence[Record]) -> list[Cell]:
    """The row of one network, from its records with every seed."""
    fit = records[0].fit
    return [
        fit.cell,
        fit.depth,
        fit.skip,
        "" if fit.variant == PLAIN else fit.variant,
        records[0].parameters,
        round(sum(record.seconds for record in records) / len(records)),
        *(_interval(records, split) for split in ("train", "validation", "test")),
    ]


def _interval(records: Sequence[Record], split: str) -> str:
    interval = t_interval([record.scores[f"{split}_accuracy"] for record in records])
    return f"{interval.mean:.4f} ± {interval.high - interval.mean:.4f}"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
