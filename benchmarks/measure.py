"""One measurement in a process of its own, so that no library's threads or caches reach into another's.

    python -m benchmarks.measure benchmarks.peers:ours '{"cell": "lstm", "units": 64}'

prints as JSON, on its last line, what the function gives for these arguments.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

PROJECT = Path(__file__).resolve().parents[1]


def measure(what: str, cores: int | None = None, **case: Any) -> Any:
    """What the function ``what``, as "module:name", gives for ``case`` in a process held to ``cores`` cores.

    Raises:
        RuntimeError: if it failed; holds the end of what it wrote.
    """
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", what, json.dumps(case)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )
    if result.returncode:
        raise RuntimeError(f"{what} {case} failed:\n{result.stderr[-2000:]}")
    return json.loads(result.stdout.splitlines()[-1])


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


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    print(json.dumps(getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))))
