"""A project's folder with padded reviews and a small study, for tests that run the train stage."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.params import load_params
from pipeline.runtime.files import write_arrays, write_json
from pipeline.tuning.study import open_search
from plain import plain_text

PROJECT = Path(__file__).resolve().parents[2]
PADDED_DIGEST = "sha256:" + "ab" * 32
STAND_IN = Path(__file__).parent / "stand_in"


def make_project(folder: Path, tune: Mapping[str, Any], **sections: Mapping[str, Any]) -> Path:
    """Writes params.yaml and data/padded: reviews of eight words, where word 30 makes them positive."""
    random, sizes = np.random.default_rng(0), {"train": 64, "validation": 32, "test": 32}
    for split, size in sizes.items():
        labels = random.integers(0, 2, size).astype(np.int8)
        token_ids = random.integers(3, 30, (size, 8)).astype(np.int32)
        token_ids[labels == 1, 4] = 30
        held_back = {"held_back": np.zeros(size, bool)} if split == "validation" else {}
        write_arrays(
            folder / f"data/padded/{split}.npz",
            token_ids=token_ids,
            labels=labels,
            rows=np.arange(size),
            tokens=token_ids.ravel(),
            offsets=np.arange(0, 8 * size + 1, 8),
            **held_back,
        )
    write_arrays(
        folder / "data/padded/unlabelled.npz",
        token_ids=np.zeros((0, 8), np.int32),
        tokens=np.zeros(0, np.int32),
        offsets=np.zeros(1, np.int64),
    )
    write_json(
        folder / "data/padded/dataset.json",
        {
            "name": "toy",
            "requested": "file",
            "digest": "sha256:" + "cd" * 32,
            "padded_digest": PADDED_DIGEST,
            "source": {"kind": "toy"},
            "labels": ["negative", "positive"],
            "vocab_size": 40,
            "max_length": 8,
            "sizes": sizes,
            "class_shares": {split: {"negative": 0.5, "positive": 0.5} for split in sizes},
        },
    )
    space = {"model.units": {"low": 8, "high": 32}, "model.dropout": {"low": 0.0, "high": 0.5}}
    values: dict[str, Any] = {
        "pad": {"vocab_size": 40, "max_length": 8},
        "model": {"units": 16, "dropout": 0.2},
        "train": {"epochs": 2, "batch_size": 16},
        "tune": {"pruner": "none", "search_space": space, **tune},
    }
    values |= {section: values.get(section, {}) | dict(changed) for section, changed in sections.items()}
    (folder / "params.yaml").write_text(plain_text(**values), encoding="utf-8")
    return folder


def environment(folder: Path, stand_in: bool, **extra: str) -> dict[str, str]:
    """What a command in ``folder`` needs to run this checkout's code on its own stores."""
    paths = [str(STAND_IN)] * stand_in + [str(PROJECT), os.environ.get("PYTHONPATH", "")]
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_RUN", "MLFLOW_TRA"))
    }
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "DVC_ROOT": str(folder)} | extra


def run_stage(folder: Path, stage: str, **extra: str) -> str:
    """Runs a stage on formulas to its end; returns what it prints."""
    command = [sys.executable, "-m", "pipeline", stage]
    env = environment(folder, stand_in=True, **extra)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def finished_trials(folder: Path, **changes: Any) -> tuple[str, dict[int, Any]]:
    """The study's name, and parameters and score of each finished trial, by number."""
    params = load_params(folder / "params.yaml").replace(changes)
    study = open_search(params, {"name": "toy", "padded_digest": PADDED_DIGEST})
    return study.name, {trial.number: (trial.params, trial.value) for trial in study.ranked_trials()}


def report(folder: Path) -> dict[str, Any]:
    """reports/train.json."""
    return dict(json.loads((folder / "reports/train.json").read_text(encoding="utf-8")))
