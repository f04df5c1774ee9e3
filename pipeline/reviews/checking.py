"""What a careful person looks at before training: the data set's figures, and findings about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.reviews.dataset import Dataset
from pipeline.reviews.findings import EveryReview, find
from pipeline.reviews.splitting import TRAIN
from pipeline.reviews.vocabulary import OOV_ID


def check(dataset: Dataset, vocab_size: int | None = None, max_length: int | None = None) -> dict[str, Any]:
    """Facts and findings as JSON can hold them.

    Args:
        dataset: as its source gives it.
        vocab_size: ``pad.vocab_size``; ids from there on are unknown words. None: all words of the
            training reviews are known.
        max_length: ``pad.max_length``; START_ID takes one place of it. None where texts are not cut.

    Returns:
        ``rows`` and ``classes`` by split, ``tokens`` (words, characters or subwords), ``lengths`` (their
        quantiles), ``cut_share`` and
        ``unknown_share`` (None where ``max_length`` or ``vocab_size`` is), and ``findings``.
    """
    every = EveryReview.of(dataset)
    lengths, names = every.lengths, dataset.labels
    quantiles = np.quantile(lengths, [0, 0.5, 0.9, 0.99, 1]).tolist()
    return {
        "name": dataset.name,
        "rows": {name: len(reviews) for name, reviews in dataset.splits.items()},
        "rows_skipped": dataset.reading.get("rows_skipped", 0),
        "classes": {
            split: {name: int((reviews.labels == number).sum()) for number, name in enumerate(names)}
            for split, reviews in dataset.splits.items()
        },
        "tokens": dataset.vocabulary.tokenizer.kind,
        "lengths": dict(zip(("shortest", "median", "90 %", "99 %", "longest"), quantiles, strict=True)),
        "cut_share": None if max_length is None else float((lengths > max_length - 1).mean()),
        "unknown_share": None if vocab_size is None else _unknown_shares(every, vocab_size),
        "findings": [asdict(finding) for finding in find(every, max_length)],
    }


def lines_of(checked: dict[str, Any], with_examples: bool = True) -> list[str]:
    """What :func:`check` gave, as lines to print."""
    lines = []
    for split, counts in checked["classes"].items():
        total = max(sum(counts.values()), 1)
        shares = ", ".join(f"{name} {count:,} ({count / total:.1%})" for name, count in counts.items())
        lines.append(f"{split}: {checked['rows'][split]:,} rows: {shares}")
    lengths = ", ".join(f"{name} {value:,.0f}" for name, value in checked["lengths"].items())
    tokens = checked["tokens"]
    lines.append(f"{tokens} of a text: {lengths}")
    if checked["cut_share"] is not None:
        lines.append(f"{checked['cut_share']:.1%} of the texts are cut")
    if checked["unknown_share"] is not None:
        unknown = ", ".join(f"{share:.1%} in {split}" for split, share in checked["unknown_share"].items())
        lines.append(f"unknown {tokens}: {unknown}")
    if checked["rows_skipped"]:
        lines.append(f"{checked['rows_skipped']:,} rows can't be used and were skipped")
    for finding in checked["findings"]:
        lines.append(f"! {finding['name']}: {finding['count']:,}. {finding['advice']}")
        if with_examples:
            lines += [f"    {example}" for example in finding["examples"]]
    return lines if checked["findings"] else [*lines, "nothing else was found"]


def _unknown_shares(every: EveryReview, vocab_size: int) -> dict[str, float]:
    """The share of unknown words in the training reviews, and in all others."""
    unknown, counts = {TRAIN: 0, "others": 0}, {TRAIN: 0, "others": 0}
    for name, part in zip(every.names, every.parts, strict=True):
        kind = TRAIN if name == TRAIN else "others"
        unknown[kind] += int(np.count_nonzero((part.tokens == OOV_ID) | (part.tokens >= vocab_size)))
        counts[kind] += len(part.tokens)
    return {kind: unknown[kind] / count if count else 1.0 for kind, count in counts.items()}
