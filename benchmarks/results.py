"""The page of results, benchmarks/RESULTS.md: each benchmark writes its own section and leaves the others."""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.runtime.files import write_text

RESULTS = Path("benchmarks/RESULTS.md")


def write_section(name: str, text: str) -> None:
    """Puts ``text`` between the marks of section ``name``, at the end if it isn't there yet."""
    start, end = f"<!-- {name}: benchmarks/{name}.py writes from here -->", f"<!-- {name}: to here -->"
    section = f"{start}\n{text.strip()}\n{end}"
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Benchmarks\n"
    marked = re.compile(rf"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    found = marked.search(page)
    page = marked.sub(lambda _: section, page) if found else f"{page.rstrip()}\n\n{section}\n"
    write_text(RESULTS, page)


def machine() -> str:
    """The date, the processor, its cores, Python, and the load that the benchmark found."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    processor = model.group(1) if model else platform.processor()
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {processor}, {cores} core{'s' * (cores != 1)}; "
        f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the start"
    )


def described(uri: str, params: Mapping[str, str]) -> str:
    """A version and its network, from the parameters of its run."""
    kind = "bidirectional " * (params["model.bidirectional"] == "True") + params["model.cell"]
    size = f"{params['model.depth']} layers of {params['model.units']} units"
    return f"`{uri}`: {kind}, {size}, {params['pad.max_length']} tokens."


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(figures: Sequence[float]) -> str:
    """The median, and the range over the repeats."""
    return f"{statistics.median(figures):.3g} ({min(figures):.3g} to {max(figures):.3g})" if figures else "-"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """How many times faster: of the medians, and the least and most that the repeats allow."""
    if not slow or not fast:
        return "-"
    middle = statistics.median(slow) / statistics.median(fast)
    digits = 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} ({min(slow) / max(fast):.{digits}f} to {max(slow) / min(fast):.{digits}f})"


def each(function: Callable[[Any], object], items: Sequence[Any]) -> list[float]:
    """Milliseconds of each call, after a few that don't count."""
    for item in items[:10]:
        function(item)
    times = []
    for item in items:
        started = time.perf_counter()
        function(item)
        times.append((time.perf_counter() - started) * 1000)
    return times


def rate(function: Callable[[Any], object], items: Sequence[Any] | np.ndarray) -> list[float]:
    """Items a second in each of five calls with all of them, after one that doesn't count."""
    function(items)
    rates = []
    for _ in range(5):
        started = time.perf_counter()
        function(items)
        rates.append(len(items) / (time.perf_counter() - started))
    return rates
