"""The notebook's task, for benchmarks that stand beside its code: its values, and IMDb as it pads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.accuracy import read_padded
from benchmarks.measure import PADDED
from pipeline.params import Params, Value, load_params
from pipeline.params.presets import read_preset
from pipeline.runtime.files import write_arrays
from pipeline.stages.pad import read_raw


def notebook_params(changes: Mapping[str, Value]) -> Params:
    """params.yaml with the preset notebook_lstm and ``changes``."""
    return load_params().replace({**read_preset("notebook_lstm"), **changes})


def pad_imdb() -> bool:
    """Pads data/raw with the notebook's values into ``PADDED``; False if it isn't IMDb or isn't there."""
    if not Path("data/raw/dataset.json").exists():
        return False
    if read_raw()[0]["name"] != "imdb":
        return False
    for name, arrays in read_padded(notebook_params({}), with_unlabelled=False).items():
        write_arrays(PADDED / f"{name}.npz", **arrays)
    return True
