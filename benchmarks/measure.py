"""How long, and in how much memory; in a process of its own, so that no library reaches into another's."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

PROJECT = Path(__file__).resolve().parents[1]
Clock = Callable[[], float]


def measure(function: Callable[..., Any], cores: int | None = None, **case: Any) -> Any:
    """What ``function`` gives for ``case`` in a fresh process that is held to ``cores`` cores."""
    allowed = os.sched_getaffinity(0)
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.sched_setaffinity(0, sorted(allowed)[:cores])  # libraries look as they are loaded
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(function, **case).result()
    finally:
        os.sched_setaffinity(0, allowed)


class Usage(NamedTuple):
    """What a command took, its children counted; the memory is the most that all had together."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def watch(
    command: Sequence[str | Path], folder: Path = PROJECT, variables: Mapping[str, str] | None = None
) -> Usage:
    """Runs ``command`` in ``folder`` with this project's modules.

    Raises:
        RuntimeError: if it failed; holds the end of what it wrote.
    """
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), **(variables or {})}
    started, before, peak = time.perf_counter(), os.times(), 0.0
    with tempfile.TemporaryFile("w+") as written:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=written, stderr=written)
        while process.poll() is None:
            # Not getrusage, which counts what this process held when it started the other.
            peak = max(peak, rss(process.pid))
            time.sleep(0.1)
        seconds, after = time.perf_counter() - started, os.times()
        written.seek(0)
        output = written.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{output[-2000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Usage(seconds, spent, peak / 2**20, output)


def rss(pid: int) -> float:
    """Resident bytes of a process and its children; 0 if it has ended."""
    try:
        process = psutil.Process(pid)
        return float(sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]))
    except psutil.NoSuchProcess:
        return 0.0


def time_each(
    function: Callable[[Any], object],
    items: Sequence[Any],
    clock: Clock = time.perf_counter,
    uncounted: int = 10,
) -> list[float]:
    """Seconds of each call, after a few that don't count."""
    for item in items[:uncounted]:
        function(item)
    times = []
    for item in items:
        started = clock()
        function(item)
        times.append(clock() - started)
    return times


def rate(
    function: Callable[[Any], object], items: Sequence[Any] | np.ndarray, clock: Clock = time.perf_counter
) -> list[float]:
    """Items a second in each of five calls with all of them, after one that doesn't count."""
    return [len(items) / seconds for seconds in time_each(function, [items] * 5, clock, uncounted=1)]
