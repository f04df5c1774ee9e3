"""A project's folder with padded reviews and a small study, for tests that run the train stage."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.runtime.files import write_arrays, write_json
from plain import plain_tree

PROJECT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).parent / "stand_in"


def make_project(folder: Path, tune: Mapping[str, Any], **sections: Mapping[str, Any]) -> Path:
    """Writes params.yaml and data/padded: reviews of eight words, where word 30 makes them positive."""
    random = np.random.default_rng(0)
    for split, size in (("train", 64), ("validation", 32), ("test", 32)):
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
            "padded_digest": "sha256:" + "ab" * 32,
            "source": {"kind": "toy"},
            "labels": ["negative", "positive"],
            "vocab_size": 40,
            "max_length": 8,
            "sizes": {"train": 64, "validation": 32, "test": 32},
            "class_shares": {
                split: {"negative": 0.5, "positive": 0.5} for split in ("train", "validation", "test")
            },
        },
    )
    params = plain_tree()
    params["pad"] |= {"vocab_size": 40, "max_length": 8}
    params["model"] |= {"units": 16, "dropout": 0.2}
    params["train"] |= {"epochs": 2, "batch_size": 16}
    space = {"model.units": {"low": 8, "high": 32}, "model.dropout": {"low": 0.0, "high": 0.5}}
    params["tune"] |= {"pruner": "none", "search_space": space} | dict(tune)
    for section, values in sections.items():
        params[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


def environment(folder: Path, stand_in: bool, **extra: str) -> dict[str, str]:
    """What a command in ``folder`` needs to run this checkout's code on its own stores."""
    paths = [str(STAND_IN)] * stand_in + [str(PROJECT), os.environ.get("PYTHONPATH", "")]
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_RUN", "MLFLOW_TRA"))
    }
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "DVC_ROOT": str(folder)} | extra


def report(folder: Path) -> dict[str, Any]:
    """reports/train.json."""
    found: dict[str, Any] = json.loads((folder / "reports/train.json").read_text(encoding="utf-8"))
    return found
