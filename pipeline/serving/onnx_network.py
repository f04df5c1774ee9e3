"""Runs a network of `pipeline.serving.onnx_export` with ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

# Before it is imported: else it sends its makers each network's name and hashes, and a number of the device.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidProtobuf

from pipeline.evaluation.probabilities import from_outputs
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import threads

BATCH = 16  # rows; what is computed of so few stays in a core's cache

# From padded rows, int32 (num_reviews, max_length), to probabilities, float64 (num_reviews, num_labels).
Network = Callable[[np.ndarray], np.ndarray]


class OnnxNetwork:
    """A :data:`Network` in an ONNX Runtime session of its own; safe to call from several threads.

    A small recurrent network gains nothing from a second thread inside it, so the session has one and batches
    run side by side, one on each thread of this process' share of the cores. Where padding is masked, rows
    are sorted by length and cut to the longest of their batch.
    """

    def __init__(self, path: Path) -> None:
        """Raises a UserError if the file was cut short, or is something else."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it pays for one shape only, and batches differ
        providers = ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except (Fail, InvalidArgument, InvalidProtobuf):
            raise UserError(f"{path} is not a whole network: take it out and have it made again") from None
        (self._input,), (self._output,) = self._session.get_inputs(), self._session.get_outputs()
        self._masked = self._session.get_modelmeta().custom_metadata_map["masked"] == "1"

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        """The probabilities of each row of ``token_ids``."""
        outputs = np.empty((len(token_ids), self._output.shape[-1]), np.float32)
        order = np.arange(len(token_ids))
        if self._masked:  # the longest first, so that no core ends with them alone
            order = np.argsort(-(token_ids != PAD_ID).sum(1), kind="stable")
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

        def run(rows: np.ndarray) -> None:
            batch = token_ids[rows]
            if self._masked:
                used = np.flatnonzero((batch != PAD_ID).any(0))
                batch = batch[:, used[0] : used[-1] + 1] if len(used) else batch[:, :1]
            (outputs[rows],) = self._session.run([self._output.name], {self._input.name: batch})

        if len(batches) <= 1 or (limit := threads()) == 1:
            for rows in batches:
                run(rows)
        else:
            with ThreadPoolExecutor(min(len(batches), limit)) as pool:
                list(pool.map(run, batches))  # the list raises what a thread raised
        return from_outputs(outputs)
