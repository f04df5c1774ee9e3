"""Where each stage's files lie, relative to the project's folder; dvc.yaml names the same paths."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

RAW_DIR = Path("data/raw")
RAW_REVIEWS = RAW_DIR / "reviews.npz"
RAW_UNLABELLED = RAW_DIR / "unlabelled.npz"
RAW_VOCABULARY = RAW_DIR / "vocabulary.json"
RAW_DATASET = RAW_DIR / "dataset.json"
RAW_CHECK = RAW_DIR / "check.json"

PADDED_DIR = Path("data/padded")
PADDED_DATASET = PADDED_DIR / "dataset.json"

MODEL = Path("models/stacked_rnn.keras")

REPORTS_DIR = Path("reports")
TRAIN_REPORT = REPORTS_DIR / "train.json"
STUDY_DIR = REPORTS_DIR / "study"
METRICS = REPORTS_DIR / "metrics.json"
SCORES = REPORTS_DIR / "scores.json"
INTERVALS = REPORTS_DIR / "intervals.json"
ERRORS = REPORTS_DIR / "errors.csv"
REGISTRATION = REPORTS_DIR / "registration.json"
MODEL_CARD = REPORTS_DIR / "model_card.md"
REPORT = REPORTS_DIR / "report.html"
FIGURES_DIR = REPORTS_DIR / "figures"
PLOTS_DIR = REPORTS_DIR / "plots"
TRAINING_CURVE = PLOTS_DIR / "training_curve.csv"
TRIALS = PLOTS_DIR / "trials.csv"
DEPTH_DIR = REPORTS_DIR / "depth"
DEPTH_REPORT = DEPTH_DIR / "report.html"
DEPTH_SUMMARY = DEPTH_DIR / "summary.json"

CELLS_DIR = REPORTS_DIR / "cells"
CELLS_REPORT = CELLS_DIR / "report.html"

CROSS_VALIDATION = REPORTS_DIR / "cross_validation" / "scores.json"
LEARNING_CURVE_DIR = REPORTS_DIR / "learning_curve"
CROSS_VALIDATION_REPORT = REPORTS_DIR / "cross_validation" / "report.html"


def padded_split(split: str) -> Path:
    """The padded rows of ``split``: train, validation, test or unlabelled."""
    return PADDED_DIR / f"{split}.npz"


def project_folder() -> Path:
    """The project's folder; DVC_ROOT names it where a stage works in a copy (`dvc exp run --temp`)."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


# Which tracking store is meant; found without importing MLflow, which takes seconds.

SQLITE = "sqlite:///"


def store_address(configured: str | None) -> str:
    """MLFLOW_TRACKING_URI, else ``configured``, else mlflow.db in the project's folder."""
    configured = os.environ.get("MLFLOW_TRACKING_URI") or configured
    return anchor(f"{SQLITE}mlflow.db" if configured is None else configured)


def anchor(address: str) -> str:
    """``address``; that of an SQLite file, if it is relative, means the project's folder.

    A stage of `dvc exp run --temp` works in another, which is deleted afterwards.
    """
    if not address.startswith(SQLITE):
        return address
    path = Path(address.removeprefix(SQLITE))
    unquoted = Path(unquote(str(path)))  # `mlflow run` writes a blank in its folder's path as %20
    if not path.exists() and unquoted.parent.exists():
        path = unquoted
    return sqlite_address(project_folder() / path)


def sqlite_address(file: Path) -> str:
    """The address of ``file`` for SQLAlchemy, which reads %20 as a blank, and options behind a ?."""
    return SQLITE + str(file).replace("%", "%25").replace("?", "%3F")


def sqlite_file(address: str) -> Path:
    """The file of such an address."""
    return Path(unquote(address.removeprefix(SQLITE)))
