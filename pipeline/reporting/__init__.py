"""What evaluate shows: curves and figures as files, the report as a page, the summary on the terminal."""

TITLES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "expected calibration error",
}
