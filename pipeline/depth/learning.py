"""Which networks learned anything: a network that stayed at chance says nothing of what depth does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.depth.grid import PLAIN, Fit
from pipeline.depth.records import Records
from pipeline.reporting.evaluated import CELLS


def guess_scores(dataset: Mapping[str, Any]) -> dict[str, float]:
    """The accuracy on each split, ``train_accuracy`` and so on, of always giving the training reviews'
    commonest label."""
    shares = dataset["class_shares"]
    commonest = max(shares["train"], key=shares["train"].__getitem__)
    return {f"{split}_accuracy": float(of_split[commonest]) for split, of_split in shares.items()}


def commoner_share(dataset: Mapping[str, Any]) -> float:
    """The accuracy of always giving the commonest label, on the validation reviews."""
    return float(max(dataset["class_shares"]["validation"].values()))


def chance_accuracy(dataset: Mapping[str, Any]) -> float:
    """What chance may reach on the validation reviews: 1.96 standard errors above the commoner share."""
    share = commoner_share(dataset)
    return share + 1.96 * math.sqrt(share * (1 - share) / dataset["sizes"]["validation"])


def did_not_learn(records: Records, dataset: Mapping[str, Any]) -> dict[Fit, int]:
    """The networks (as their fits of seed 0) that stayed at chance, with how many of their seeds.

    One seed is enough for a network to be named: were only that fit left out, the network would be judged by
    the seeds that went well.

    Args:
        records: of every fit.
        dataset: data/padded/dataset.json.
    """
    bound = chance_accuracy(dataset)
    failed = (
        fit._replace(seed=0) for fit in sorted(records) if records[fit].scores["validation_accuracy"] <= bound
    )
    return dict(Counter(failed))


def network_name(fit: Fit) -> str:
    """``LSTM of depth 4, residual, dropout``: the fit without its seed, in words."""
    extra = [value for value in (fit.skip, fit.variant) if value not in ("none", PLAIN)]
    return ", ".join([f"{CELLS[fit.cell]} of depth {fit.depth}", *extra])


def failures(records: Records, dataset: Mapping[str, Any]) -> list[str]:
    """The networks that did not learn, as ``LSTM of depth 4, residual (2 of 6 seeds)``."""
    seeds = len({fit.seed for fit in records})
    return [
        f"{network_name(fit)} ({count} of {seeds} seeds)"
        for fit, count in sorted(did_not_learn(records, dataset).items())
    ]
