"""What a fit says while it runs: one message, from the compiled loop to the terminal and MLflow.

It stands alone since who hears it doesn't load Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Epoch(NamedTuple):
    """How far an epoch is; with its metrics once it has ended.

    Attributes:
        number: from 1; 0 is the language model that is learnt before.
        share: of the epoch's reviews that were read, from 0 to 1.
        metrics: as a row of ``fitting.Fitted.history``; none before the end.
    """

    number: int
    share: float
    metrics: Mapping[str, float]

    @property
    def has_ended(self) -> bool:
        """Whether ``metrics`` are there."""
        return bool(self.metrics)


Listen = Callable[[Epoch], object]
