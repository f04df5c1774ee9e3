"""One fit of the study as the engine runs it, in this process or in a worker's."""

from __future__ import annotations

import logging

from pipeline.depth.grid import Fit
from pipeline.depth.records import Record
from pipeline.params import Params
from pipeline.training.backend import select_backend
from pipeline.training.task import Data, OnMessage

SPLITS = ("train", "validation", "test")


def measure(params: Params, fit: Fit, data: Data, on_message: OnMessage) -> Record:
    """Fits the network of ``fit`` and measures it; see ``fitting.run_fit``."""
    select_backend(params.train)
    # TensorFlow takes several networks in one process, a program each, for a mistake and says so at length.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from pipeline.depth import fitting  # noqa: PLC0415 - Keras loads in the processes that fit

    splits = {name: fitting.Split(data[f"{name}.token_ids"], data[f"{name}.labels"]) for name in SPLITS}
    return fitting.run_fit(params, fit, splits, on_message)
