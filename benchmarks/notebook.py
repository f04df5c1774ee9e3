"""The notebook's task, for benchmarks that stand beside its code: its values, and IMDb as it pads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.params import Params, Value, load_params
from pipeline.params.presets import read_preset
from pipeline.reviews.splitting import split_reviews
from pipeline.runtime.files import write_arrays
from pipeline.stages.pad import padded_arrays, read_raw

PADDED = Path("studies/benchmarks")


def notebook_params(changes: Mapping[str, Value]) -> Params:
    """params.yaml with the preset notebook_lstm and ``changes``."""
    return load_params().replace({**read_preset("notebook_lstm"), **changes})


def pad_imdb() -> bool:
    """Pads data/raw with the notebook's values into ``PADDED``; False if it isn't IMDb or isn't there."""
    if not Path("data/raw/dataset.json").exists():
        return False
    facts, raw, _ = read_raw()
    if facts["name"] != "imdb":
        return False
    pad = notebook_params({}).pad
    splits, _ = split_reviews(raw, pad.validation_fraction, 0.0, 42, facts["labels"])
    for name, split in splits.items():
        write_arrays(PADDED / f"{name}.npz", **padded_arrays(split.reviews, split.rows, pad))
    return True


def padded(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Token ids, int32 (num_reviews, 100), and labels, (num_reviews,), that ``pad_imdb`` wrote."""
    with np.load(PADDED / f"{split}.npz") as arrays:
        return arrays["token_ids"], arrays["labels"]
