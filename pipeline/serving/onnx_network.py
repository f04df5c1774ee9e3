"""Runs a network of `pipeline.serving.onnx_export` with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from pipeline.evaluation.probabilities import from_outputs
from pipeline.reviews.vocabulary import PAD_ID
from pipeline.runtime.machine import threads

Array = npt.NDArray[np.float32]

BATCH = 32  # rows; the states of so few stay in a core's cache


class Network(Protocol):
    """What gives probabilities for each padded row."""

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        """From int32 (num_reviews, max_length) to float64 (num_reviews, num_labels)."""


class OnnxNetwork:
    """A network in an ONNX Runtime session of its own; safe to call from several threads.

    A small recurrent network gains nothing from a second thread inside it, so the session has one and batches
    run side by side, one on each thread of this process' share of the cores. Where padding is masked, rows
    are sorted by length and cut to the longest of their batch.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it pays for one shape only, and batches differ
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (self._input,), (self._output,) = self._session.get_inputs(), self._session.get_outputs()
        facts = self._session.get_modelmeta().custom_metadata_map
        self._masked, self._step_multiple = facts["masked"] == "1", int(facts["step_multiple"])

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        """The probabilities of each row of ``token_ids``, as :class:`Network` says."""
        outputs = np.empty((len(token_ids), self._output.shape[-1]), np.float32)
        batches = list(self._batches(token_ids))

        def run(rows: np.ndarray) -> None:
            outputs[rows] = self._run(token_ids[rows])

        if len(batches) <= 1 or (limit := threads()) == 1:
            for rows in batches:
                run(rows)
            return from_outputs(outputs)
        with ThreadPoolExecutor(min(len(batches), limit)) as pool:
            list(pool.map(run, batches))  # the list raises what a thread raised
        return from_outputs(outputs)

    def _batches(self, token_ids: np.ndarray) -> Iterator[np.ndarray]:
        """Indices of the rows of each batch; the longest rows first, so that no core ends with them alone."""
        order = np.arange(len(token_ids))
        if self._masked:
            order = np.argsort(-(token_ids != PAD_ID).sum(1), kind="stable")
        for start in range(0, len(order), BATCH):
            yield order[start : start + BATCH]

    def _run(self, token_ids: np.ndarray) -> Array:
        rows = cut_padding(token_ids, self._step_multiple) if self._masked else token_ids
        (output,) = self._session.run([self._output.name], {self._input.name: rows})
        return np.asarray(output)


def cut_padding(token_ids: np.ndarray, step_multiple: int) -> np.ndarray:
    """Rows without the columns at either end that are padding in all of them.

    Columns on the left are cut by a multiple of ``step_multiple``, and as many are kept on the right, so that
    steps that are pooled together stay together.

    >>> cut_padding(np.array([[0, 0, 0, 1, 4, 0], [0, 0, 0, 0, 1, 0]]), step_multiple=2)
    array([[0, 1, 4, 0],
           [0, 0, 1, 0]])

    Args:
        token_ids: (num_reviews, steps), 1 or more reviews.
        step_multiple: 1 or more.
    """
    used = np.flatnonzero((token_ids != PAD_ID).any(0))
    first, end = (used[0], used[-1] + 1) if len(used) else (0, 1)
    start = first // step_multiple * step_multiple
    kept = -(-(end - start) // step_multiple) * step_multiple
    return token_ids[:, start : start + kept]
