"""The study as one page: what came of it in a sentence, figures, claims, networks and sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.evaluation.baselines import MAJORITY
from pipeline.params import Params
from pipeline.reporting import counted, p_cell
from pipeline.reporting.evaluated import CELLS
from pipeline.reporting.page import Cell, Picture, Table, render
from studies.depth.claims import (
    LEVEL,
    MIN_SEEDS,
    Estimate,
    Finding,
    commoner_share,
    estimate,
    failures,
    guess_scores,
    judged,
    sentence,
)
from studies.depth.fits import PLAIN, Record, Records, grid
from studies.depth.tables import SCORES, repeats

# What others found, to be read beside the study's own findings; figures only where they were looked up.


class Source(NamedTuple):
    """A paper: what it found, and where it stands."""

    finding: str
    citation: str


SOURCES = {
    "graves": Source(
        "On TIMIT, Graves, Mohamed & Hinton (2013) reached a phoneme error of 17.7 % on the test set with "
        "deep LSTM networks and suitable regularization, the best on record at the time.",
        "A. Graves, A. Mohamed, G. Hinton: Speech Recognition with Deep Recurrent Neural Networks. "
        "ICASSP 2013, arXiv:1303.5778.",
    ),
    "pascanu_deep": Source(
        "Pascanu, Gulcehre, Cho & Bengio (2014) found that deep recurrent networks benefit from their depth "
        "on polyphonic music and language modelling, and that a network can be made deep in several places, "
        "of which stacking is one.",
        "R. Pascanu, C. Gulcehre, K. Cho, Y. Bengio: How to Construct Deep Recurrent Neural Networks. "
        "ICLR 2014, arXiv:1312.6026.",
    ),
    "irsoy": Source(
        "Irsoy & Cardie (2014), extracting opinion expressions, found deep and narrow networks better than "
        "shallow and wide ones of as many parameters.",
        "O. Irsoy, C. Cardie: Opinion Mining with Deep Recurrent Neural Networks. EMNLP 2014, D14-1080.",
    ),
    "peters": Source(
        "In bidirectional language models, Peters, Neumann, Zettlemoyer & Yih (2018) found local syntax in "
        "the lower layers and meaning of longer range in the upper ones.",
        "M. Peters, M. Neumann, L. Zettlemoyer, W. Yih: Dissecting Contextual Word Embeddings: Architecture "
        "and Representation. EMNLP 2018, arXiv:1808.08949.",
    ),
    "pascanu_difficulty": Source(
        "Pascanu, Mikolov & Bengio (2013) analysed how gradients vanish and explode over the time steps, and "
        "proposed clipping their norm against the exploding ones; against the vanishing ones they needed a "
        "regularizer.",
        "R. Pascanu, T. Mikolov, Y. Bengio: On the Difficulty of Training Recurrent Neural Networks. "
        "ICML 2013, arXiv:1211.5063.",
    ),
    "zaremba": Source(
        "Zaremba, Sutskever & Vinyals (2015) found that dropout between the layers, and not from one time "
        "step to the next, substantially reduces the overfitting of LSTM networks.",
        "W. Zaremba, I. Sutskever, O. Vinyals: Recurrent Neural Network Regularization. arXiv:1409.2329.",
    ),
    "chung": Source(
        "Chung, Gulcehre, Cho & Bengio (2014) found LSTM and GRU better than tanh units on music and speech, "
        "and GRU comparable to LSTM.",
        "J. Chung, C. Gulcehre, K. Cho, Y. Bengio: Empirical Evaluation of Gated Recurrent Neural Networks "
        "on Sequence Modeling. 2014, arXiv:1412.3555.",
    ),
    "srivastava": Source(
        "Srivastava, Greff & Schmidhuber (2015) trained highway networks of hundreds of layers, which are "
        "not recurrent, by plain gradient descent.",
        "R. K. Srivastava, K. Greff, J. Schmidhuber: Highway Networks. 2015, arXiv:1505.00387.",
    ),
    "shu": Source(
        "Translating, Shu & Miura (2016) saw plainly stacked recurrent layers slow the training and lower "
        "the quality, and residual connections between them repair that.",
        "R. Shu, A. Miura: Residual Stacking of RNNs for Neural Machine Translation. WAT 2016, W16-4623.",
    ),
}


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
    findings: Sequence[Finding],
    baseline: Mapping[str, float],
    drawn: Sequence[Picture],
) -> str:
    """The whole page, self-contained HTML.

    Args:
        params: whose section depth was run.
        dataset: data/padded/dataset.json.
        records: of every fit.
        findings: of ``judge``.
        baseline: validation_accuracy and test_accuracy of the better bag of n-grams.
        drawn: of ``pictures.write``.
    """
    study = params.depth
    tested = judged(findings)
    return render(
        "depth.html",
        title=f"What depth does: stacked recurrent networks, {dataset['name']}",
        sections=SECTIONS,
        verdict=_verdict(findings, baseline, records),
        at_chance=failures(records, dataset),
        commoner=commoner_share(dataset),
        drawn=drawn,
        claims=_claims(findings),
        sentences=[
            f"{sentence(finding, tested)} {SOURCES[finding.claim.source].finding}" for finding in findings
        ],
        scores=_scores(records, baseline, guess_scores(dataset)),
        fits=len(grid(study)),
        dataset=dataset,
        seconds=sum(record.seconds for record in records.values()),
        baseline=baseline,
        parameters=Table(
            ["parameter", "value"],
            [(f"depth.{key}", _shown(value)) for key, value in study.model_dump(exclude={"workers"}).items()],
            "Parameters of the study",
            folded=True,
        ),
        sources=[source.citation for source in SOURCES.values()],
    )


def _verdict(findings: Sequence[Finding], baseline: Mapping[str, float], records: Records) -> str:
    means = {fit: _accuracy(repeats(records, fit), "validation").mean for fit in records}
    best = max(means, key=means.__getitem__)
    mean = means[best]
    words = baseline["validation_accuracy"]
    skip = "" if best.skip == "none" else f", {best.skip} skips"
    variant = "" if best.variant == PLAIN else f", {best.variant}"
    than = "above" if mean > words else "below"
    return (
        f"{_of_claims(findings)} The best network on the validation reviews "
        f"({CELLS[best.cell]}, depth {best.depth}{skip}{variant}) has a mean accuracy of {mean:.1%}, {than} "
        f"the bag of n-grams ({words:.1%})."
    )


def _of_claims(findings: Sequence[Finding]) -> str:
    verdicts = Counter(finding.verdict for finding in findings)
    unjudged, claims = verdicts["cannot judge"], counted(len(findings), "claim")
    if unjudged == len(findings):
        return f"None of {claims} about depth can be judged from these fits."
    rest = f"; {unjudged} can't be judged" if unjudged else ""
    return (
        f"Of {claims} about depth the data support {verdicts['supports']}, contradict "
        f"{verdicts['contradicts']} and leave {verdicts['leaves open']} open{rest}."
    )


def _claims(findings: Sequence[Finding]) -> Table:
    return Table(
        ["claim", "the data", "difference [95 % interval]", "corrected p", "figure"],
        [
            (
                finding.claim.statement,
                finding.verdict,
                str(finding.difference) if finding.effects else "",
                "" if finding.corrected is None else p_cell(finding.corrected),
                str(finding.claim.figure),
            )
            for finding in findings
        ],
        f"A claim is supported or contradicted where p, after Holm's correction, is below {LEVEL}; with "
        f"fewer than {MIN_SEEDS} seeds it is not judged. Differences are taken between networks of one seed "
        "that are alike in all but what is compared, and averaged over the cells: the intervals speak of "
        "other seeds, not of other cells or reviews.",
    )


def _scores(records: Records, baseline: Mapping[str, float], guess: Mapping[str, float]) -> Table:
    columns = ["cell", "depth", "skip", "variant", "weights", "seconds", "training", "validation", "test"]
    others: list[list[Cell]] = [
        [name, *[""] * 5, *(f"{scores[each]:.4f}" if each in scores else "" for each in SCORES)]
        for name, scores in (("bag of n-grams", baseline), (MAJORITY, guess))
    ]
    return Table(
        columns,
        [_score_row(repeats(records, fit)) for fit in sorted(records) if fit.seed == 0] + others,
        "Accuracy: the mean over the seeds and half the width of its 95 % interval. Weights are those above "
        "the embeddings.",
    )


def _score_row(records: Sequence[Record]) -> list[Cell]:
    """The row of one network, from its records with every seed."""
    fit = records[0].fit
    return [
        CELLS[fit.cell],
        fit.depth,
        fit.skip,
        "" if fit.variant == PLAIN else fit.variant,
        records[0].parameters,
        round(sum(record.seconds for record in records) / len(records)),
        *(_with_interval(_accuracy(records, split)) for split in ("train", "validation", "test")),
    ]


def _accuracy(records: Sequence[Record], split: str) -> Estimate:
    return estimate([record.scores[f"{split}_accuracy"] for record in records])


def _with_interval(accuracy: Estimate) -> str:
    mean, bounds, _ = accuracy
    return f"{mean:.4f}" if bounds is None else f"{mean:.4f} ± {bounds[1] - mean:.4f}"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
