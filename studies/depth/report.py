"""The study as one page: what came of it in a sentence, figures, claims, networks and sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.evaluation.baselines import MAJORITY
from pipeline.params import Params
from pipeline.reporting import cell_name, count_text, p_cell
from pipeline.reporting.page import Picture, Table, TableCell, render
from pipeline.reporting.tables import parameter_table
from pipeline.reviews.splitting import SPLITS
from studies.depth.claims import (
    LEVEL,
    MIN_SEEDS,
    WORDS,
    Judgement,
    SeedMean,
    commoner_share,
    count_judged,
    estimate,
    failures,
    guess_scores,
    sentence,
)
from studies.depth.fits import PLAIN, Record, Records, grid
from studies.depth.tables import SCORES, repeats

SECTIONS = {
    "figures": "Figures",
    "claims": "What the data say",
    "networks": "Every network",
    "setting": "What was trained",
    "sources": "Sources",
}


def render_report(
    params: Params,
    dataset: Mapping[str, Any],
    records: Records,
    findings: Sequence[Judgement],
    baseline: Mapping[str, float],
    drawn: Sequence[Picture],
) -> str:
    """The whole page, self-contained HTML.

    ``baseline`` has validation_accuracy and test_accuracy of the better bag of n-grams; ``drawn`` is of
    ``pictures.write``.
    """
    study = params.depth
    tested = count_judged(findings)
    return render(
        "page.html",
        Path(__file__).parent,
        title=f"What depth does: stacked recurrent networks, {dataset['name']}",
        sections=SECTIONS,
        verdict=_verdict(findings, baseline, records),
        at_chance=failures(records, dataset),
        commoner=commoner_share(dataset),
        drawn=drawn,
        claims=_claims(findings),
        sentences=[f"{sentence(finding, tested)} {finding.claim.literature}" for finding in findings],
        scores=_scores(records, baseline, guess_scores(dataset)),
        fits=len(grid(study)),
        dataset=dataset,
        seconds=sum(record.seconds for record in records.values()),
        baseline=baseline,
        parameters=parameter_table(
            {f"depth.{key}": value for key, value in study.model_dump(exclude={"workers"}).items()},
            "Parameters of the study",
        ),
        sources=[source["citation"] for source in WORDS["sources"].values()],
    )


def _verdict(findings: Sequence[Judgement], baseline: Mapping[str, float], records: Records) -> str:
    verdicts = Counter(finding.verdict for finding in findings)
    unjudged, claims = verdicts["cannot judge"], count_text(len(findings), "claim")
    rest = f"; {unjudged} can't be judged" if unjudged else ""
    said = (
        f"Of {claims} about depth the data support {verdicts['supports']}, contradict "
        f"{verdicts['contradicts']} and leave {verdicts['leaves open']} open{rest}."
    )
    if unjudged == len(findings):
        said = f"None of {claims} about depth can be judged from these fits."
    means = {fit: _accuracy(repeats(records, fit), "validation").mean for fit in records}
    best = max(means, key=means.__getitem__)
    words = baseline["validation_accuracy"]
    skip = "" if best.skip == "none" else f", {best.skip} skips"
    variant = "" if best.variant == PLAIN else f", {best.variant}"
    than = "above" if means[best] > words else "below"
    return (
        f"{said} The best network on the validation reviews ({cell_name(best.cell)}, depth {best.depth}{skip}"
        f"{variant}) has a mean accuracy of {means[best]:.1%}, {than} the bag of n-grams ({words:.1%})."
    )


def _claims(findings: Sequence[Judgement]) -> Table:
    rows = []
    for finding in findings:
        difference = str(finding.difference) if finding.effects else ""
        p_value = "" if finding.corrected is None else p_cell(finding.corrected)
        claim = finding.claim
        rows.append((claim.statement, finding.verdict, difference, p_value, str(claim.figure)))
    return Table(
        ["claim", "the data", "difference [95 % interval]", "corrected p", "figure"],
        rows,
        f"A claim is supported or contradicted where p, after Holm's correction, is below {LEVEL}; with "
        f"fewer than {MIN_SEEDS} seeds it is not judged. Differences are taken between networks of one seed "
        "that are alike in all but what is compared, and averaged over the cells: the intervals speak of "
        "other seeds, not of other cells or reviews.",
    )


def _scores(records: Records, baseline: Mapping[str, float], guess: Mapping[str, float]) -> Table:
    columns = ["cell", "depth", "skip", "variant", "weights", "seconds", "training", "validation", "test"]
    rows: list[list[TableCell]] = []
    for fit in sorted(fit for fit in records if fit.seed == 0):
        seeds = repeats(records, fit)
        seconds = round(sum(record.seconds for record in seeds) / len(seeds))
        variant = "" if fit.variant == PLAIN else fit.variant
        accuracies = [_accuracy(seeds, split) for split in SPLITS]
        shown = [
            f"{mean:.4f}" if bounds is None else f"{mean:.4f} ± {bounds[1] - mean:.4f}"
            for mean, bounds, _ in accuracies
        ]
        rows.append([cell_name(fit.cell), fit.depth, fit.skip, variant, seeds[0].parameters, seconds, *shown])
    for name, scores in (("bag of n-grams", baseline), (MAJORITY, guess)):
        rows.append([name, *[""] * 5, *(f"{scores[each]:.4f}" if each in scores else "" for each in SCORES)])
    return Table(
        columns,
        rows,
        "Accuracy: the mean over the seeds and half the width of its 95 % interval. Weights are those above "
        "the embeddings.",
    )


def _accuracy(records: Sequence[Record], split: str) -> SeedMean:
    return estimate([record.scores[f"{split}_accuracy"] for record in records])
