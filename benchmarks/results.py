"""The page of results, benchmarks/RESULTS.md: each benchmark writes its own section and leaves the others."""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.runtime.files import write_text

RESULTS = Path("benchmarks/RESULTS.md")


class Section:
    """The section of benchmarks/``name``.py; made before anything is measured, it notes the load it finds."""

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title, self.machine = name, title, machine()

    def write(self, about: str, *parts: str) -> None:
        """Puts the section between its marks, at the page's end if it isn't there yet, and prints it.

        Args:
            about: what was measured, in the words that follow command, date and machine.
            parts: tables, and what stands between them.
        """
        start = f"<!-- {self.name}: benchmarks/{self.name}.py writes from here -->"
        end = f"<!-- {self.name}: to here -->"
        head = f"{start}\n## {self.title}"
        about = f"`python -m benchmarks.{self.name}`; {self.machine}. {about}".strip()
        section = "\n\n".join([head, about, *parts]) + f"\n{end}"
        page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Benchmarks\n"
        marked = re.compile(rf"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        found = marked.search(page)
        page = marked.sub(lambda _: section, page) if found else f"{page.rstrip()}\n\n{section}\n"
        write_text(RESULTS, page)
        print(section, flush=True)


def machine() -> str:
    """The date, the processor, its cores, Python, and the load at this moment."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    processor = model.group(1) if model else platform.processor()
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {processor}, {cores} core{'s' * (cores != 1)}; "
        f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f} at the start"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(figures: Sequence[float], form: str = ".3g") -> str:
    """The median, and the range over the repeats."""
    if not figures:
        return "-"
    return f"{statistics.median(figures):{form}} ({min(figures):{form}} to {max(figures):{form}})"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """How many times faster: of the medians, and the least and most that the repeats allow."""
    if not slow or not fast:
        return "-"
    middle = statistics.median(slow) / statistics.median(fast)
    digits = 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} ({min(slow) / max(fast):.{digits}f} to {max(slow) / min(fast):.{digits}f})"
