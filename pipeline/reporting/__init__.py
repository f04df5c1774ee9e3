"""What evaluate shows: figures as files, the report as a page, the summary on the terminal."""

from __future__ import annotations

import math
from typing import NamedTuple

from pipeline.evaluation.calibration import Interval


class MetricName(NamedTuple):
    """How a metric is shown, whether a higher value is the better one, and its least and greatest value."""

    title: str
    higher_is_better: bool = True
    ends: tuple[float, float] = (0, 1)

    @property
    def arrow(self) -> str:
        """``accuracy ↑`` or ``log loss ↓``: which way is good."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"


METRIC_NAMES = {
    "accuracy": MetricName("accuracy"),
    "balanced_accuracy": MetricName("balanced accuracy"),
    "f1": MetricName("F1"),
    "roc_auc": MetricName("ROC AUC"),
    "log_loss": MetricName("log loss", higher_is_better=False, ends=(0, math.inf)),
    "brier": MetricName("Brier score", higher_is_better=False, ends=(0, 2)),
    "ece": MetricName("expected calibration error", higher_is_better=False),
}


def metric_names(num_labels: int) -> dict[str, MetricName]:
    """The metrics that are shown of a classifier of so many labels, by their names in metrics.json."""
    if num_labels == 2:
        return METRIC_NAMES
    return METRIC_NAMES | {"f1": MetricName("macro F1"), "roc_auc": MetricName("macro ROC AUC")}


def measure_name(measure: str) -> str:
    """What a study or a threshold was chosen by, as ``tune.objective`` names it: ``balanced accuracy``."""
    return METRIC_NAMES[measure].title


def cell_name(cell: str) -> str:
    """A cell of ``model.cell`` as a page says it.

    >>> cell_name("simple_rnn"), cell_name("gru")
    ('simple RNN', 'GRU')
    """
    return "simple RNN" if cell == "simple_rnn" else cell.upper()


def value_text(value: object) -> str:
    """A parameter's value: ``0.3945`` of 0.39449263258102085, a list with commas, anything else as it is."""
    if isinstance(value, tuple | list):
        return ", ".join(map(value_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def span(interval: Interval) -> str:
    """An interval as it is shown everywhere: ``0.8341 to 0.8469``."""
    low, high = interval
    return f"{low:.4f} to {high:.4f}"


def p_cell(p_value: float) -> str:
    """``0.031``, or ``< 0.0001``, which no reader needs to know more exactly."""
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"


def p_text(p_value: float) -> str:
    """``p = 0.031`` or ``p < 0.0001``."""
    shown = p_cell(p_value)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def count_text(count: int, noun: str) -> str:
    """``1 review``, ``12,500 reviews``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """``41 s``, ``12 min 5 s`` or ``2 h 3 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 else "less than 1 s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
