"""What evaluate shows: curves and figures as files, the report as a page, the summary on the terminal."""

from pipeline.evaluation.binning import Interval
from pipeline.reporting.page import Cell

TITLES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "expected calibration error",
}


def span(interval: Interval | tuple[Cell, Cell]) -> str:
    """An interval as it is shown everywhere: ``0.8341 to 0.8469``."""
    low, high = interval
    return f"{low:.4f} to {high:.4f}"
