"""All that is known of an evaluated network: what report, model card and terminal are written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.assessment import Assessment
from pipeline.evaluation.promotion import Registration
from pipeline.networks.summary import LayerSummary
from pipeline.reporting import cell_name, count_text
from pipeline.runtime.files import Row


@dataclass(frozen=True, eq=False)
class Evaluated:
    """An evaluated network.

    Attributes:
        dataset: data/padded/dataset.json.
        trained: reports/train.json.
        trials: rows of reports/plots/trials.csv, an empty cell as "".
        layers: of the network, bottom first.
        known_words: how many words have a token id of their own.
        assessment: of the test reviews.
        errors: of ``confident_errors``.
        error_words: all words of each error.
        contributions: of each error's words, of ``explanation.contributions``.
        registration: where the network was registered, if it was.
        label_issues: training reviews whose label looks wrong, the surest first: row, given, likely,
            probability, text.
        gain_of_twice: accuracy that twice the labels would give the naive Bayes baseline, where the network
            isn't surely ahead of it.
    """

    dataset: Mapping[str, Any]
    trained: Mapping[str, Any]
    trials: Sequence[Row]
    layers: Sequence[LayerSummary]
    known_words: int
    assessment: Assessment
    errors: Sequence[Row]
    error_words: Sequence[Sequence[str]]
    contributions: Sequence[np.ndarray]
    registration: Registration | None
    label_issues: Sequence[Row] = ()
    gain_of_twice: float | None = None

    @property
    def cell(self) -> str:
        """``GRU``, ``LSTM`` or ``simple RNN``."""
        return cell_name(self.trained["params"]["model.cell"])

    @property
    def shape(self) -> str:
        """``2 bidirectional layers of 64 and 32 units with residual skips``."""
        chosen = self.trained["params"]
        depth, units = chosen["model.depth"], chosen["model.units"]
        widths = [units] if isinstance(units, int) else sorted(set(units), key=units.index)
        directions = "bidirectional " if chosen.get("model.bidirectional") else ""
        skip = chosen.get("model.skip", "none")
        skips = "" if skip == "none" else f" with {skip} skips"
        return f"{count_text(depth, f'{directions}layer')} of {' and '.join(map(str, widths))} units{skips}"

    @property
    def tokens(self) -> str:
        """What the network reads: ``words``, ``characters`` or ``subwords``."""
        return str(self.dataset["tokens"])

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def duplicates(self) -> dict[str, int]:
        """How many reviews of the first split were dropped for being in the second, unlabelled ones too."""
        return self.dataset["duplicates_dropped"] | self.dataset["unlabelled"]["duplicates_dropped"]

    @property
    def seconds(self) -> float | None:
        """How long the network took to train: in full, or as a trial; None where the study didn't say."""
        if "seconds_in_full" in self.trained:
            return float(self.trained["seconds_in_full"])
        taken = [row["seconds"] for row in self.trials if row["trial"] == self.trained["trial"]]
        return float(taken[0]) if taken and taken[0] != "" else None
