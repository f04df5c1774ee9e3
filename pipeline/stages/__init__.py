"""The stages of dvc.yaml: each reads files, calls the library, writes files."""

from __future__ import annotations

import importlib
from typing import Literal

from pipeline.params import Params

Stage = Literal["download", "pad", "train", "evaluate"]


def run_stage(name: Stage, params: Params) -> None:
    """Runs one stage. For those that train or predict, the tracking store is asked first, so that a
    server out of reach is an error before anything slow starts, and Keras' backend is chosen before
    anything imports Keras. ``train`` imports Keras itself, if it is to fit networks and not its workers.
    """
    if name in ("train", "evaluate"):
        _prepare(params)
    if name == "evaluate":
        from pipeline.training import backend  # noqa: PLC0415 - download and pad start without Keras

        backend.select_backend(params.train)
    importlib.import_module(f"pipeline.stages.{name}").run(params)


def _prepare(params: Params) -> None:
    from pipeline import tracking  # noqa: PLC0415 - download and pad start without MLflow
    from pipeline.training import backend  # noqa: PLC0415 - download and pad start without MLflow

    tracking.connect(params)
    backend.choose_backend(params.train)
