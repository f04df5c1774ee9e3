"""Sharing out the cores of a machine."""

from __future__ import annotations

import os

import pytest

from pipeline.runtime.cores import available_cores, share_cores, worker_count


@pytest.mark.parametrize(
    ("cores", "workers", "shares"),
    [
        ([0, 1, 2, 3], 2, [[0, 2], [1, 3]]),
        ([0, 1, 2, 3, 4], 2, [[0, 2, 4], [1, 3]]),
        ([4, 6], 2, [[4], [6]]),
        ([4, 6], 3, [[4], [6], [4]]),
    ],
)
def test_cores_are_shared_out(cores: list[int], workers: int, shares: list[list[int]]) -> None:
    assert share_cores(cores, workers) == shares


def test_auto_is_a_worker_a_core() -> None:
    assert worker_count("auto") == len(available_cores()) == len(os.sched_getaffinity(0))
    assert worker_count(3) == 3
