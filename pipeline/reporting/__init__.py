"""What evaluate shows: figures as files, the report as a page, the summary on the terminal."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.evaluation.calibration import Interval


class MetricName(NamedTuple):
    """How a metric is shown, and whether a higher value is the better one."""

    title: str
    higher_is_better: bool

    @property
    def arrow(self) -> str:
        """``accuracy ↑`` or ``log loss ↓``: which way is good."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"


METRIC_NAMES = {
    "accuracy": MetricName("accuracy", True),
    "balanced_accuracy": MetricName("balanced accuracy", True),
    "f1": MetricName("F1", True),
    "roc_auc": MetricName("ROC AUC", True),
    "log_loss": MetricName("log loss", False),
    "brier": MetricName("Brier score", False),
    "ece": MetricName("expected calibration error", False),
}


_SEVERAL = {
    **{name: METRIC_NAMES[name] for name in ("accuracy", "balanced_accuracy")},
    "f1": MetricName("macro F1", True),
    "roc_auc": MetricName("macro ROC AUC", True),
    **{name: METRIC_NAMES[name] for name in ("log_loss", "brier", "ece")},
}


def metric_names(num_labels: int) -> dict[str, MetricName]:
    """The metrics that are shown of a classifier of so many labels, by their names in metrics.json."""
    return METRIC_NAMES if num_labels == 2 else _SEVERAL


def measure_name(measure: str) -> str:
    """What a study or a threshold was chosen by, as ``tune.objective`` names it: ``balanced accuracy``."""
    return METRIC_NAMES[measure].title


def value_text(value: object) -> str:
    """A parameter's value: ``0.3945`` of 0.39449263258102085, anything but a float as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def span(interval: Interval) -> str:
    """An interval as it is shown everywhere: ``0.8341 to 0.8469``."""
    low, high = interval
    return f"{low:.4f} to {high:.4f}"


def p_text(p_value: float) -> str:
    """``p = 0.031``, or ``p < 0.0001``, which no reader needs to know more exactly."""
    shown = p_cell(p_value)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def p_cell(p_value: float) -> str:
    """The same in a column that is called p: ``0.031`` or ``< 0.0001``."""
    return "< 0.0001" if p_value < 0.0001 else f"{p_value:.2g}"


def counted(count: int, noun: str) -> str:
    """``1 review``, ``12,500 reviews``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
