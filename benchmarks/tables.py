"""Many reviews as a folder of Parquet parts through `predict --input`: rate, memory, going on.

    python -m benchmarks.tables [ROWS]

A million rows unless it is told another number. Takes the champion of the data set in data/padded and its
whole test reviews, repeated.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

import pyarrow
import pyarrow.parquet

from benchmarks.measure import watch
from benchmarks.results import Section, table
from benchmarks.serving import PIPELINE, describe
from pipeline.interface import load_champion
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays
from pipeline.runtime.machine import cores
from pipeline.runtime.paths import RAW_REVIEWS, RAW_VOCABULARY

ROWS = 1_000_000
PART = 12_500  # rows of each part
_SUMMARY = re.compile(r"([\d,]+) rows, ([\d,]+) a second")


def main(rows: int) -> None:
    """Measures and writes the section; the scored parts are thrown away."""
    section, champion, measured = Section("tables", "Large tables"), load_champion(), []
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        source, target = folder / "reviews", folder / "scored"
        words = write_parts(source, -(-rows // PART))
        for how, workers in (("one process", "1"), (f"`--workers {cores()}`", str(cores()))):
            if how == "one process" or cores() > 1:
                measured.append((how, *run(source, target, workers)))
                again = run(source, target, "1")
                shutil.rmtree(target)
    measured.append(("the same command again: every part is kept", *again))
    header = ("", "rows scored", "rows a second", "seconds", "CPU seconds", "rows a CPU second", "peak MB")
    section.write(
        f"{describe(champion)} Whole test reviews of {words:.0f} words on average, repeated, in "
        f"Parquet parts of {PART:,} rows; `predict --input FOLDER --output FOLDER`, start-up counted.",
        table(header, measured),
    )


def write_parts(folder: Path, count: int) -> float:
    """The parts, all of the same reviews: one file under many names. Returns the words of a review."""
    folder.mkdir()
    reviews = read_splits(read_arrays(RAW_REVIEWS))["test"]
    vocabulary = Vocabulary.load(RAW_VOCABULARY)
    texts = [vocabulary.decode(reviews.review(row % len(reviews))) for row in range(PART)]
    first = folder / "part-000.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": range(PART), "text": texts}), first)
    for number in range(1, count):
        (folder / f"part-{number:03}.parquet").hardlink_to(first)
    return sum(text.count(" ") + 1 for text in texts) / PART


def run(source: Path, target: Path, workers: str) -> tuple[str, ...]:
    """Rows scored, rows a second of the whole command, its seconds, those of CPU time and the peak memory."""
    used = watch([*PIPELINE, "predict", "--input", source, "--output", target, "--workers", workers])
    rows, _ = _SUMMARY.findall(used.output)[-1]
    count = int(rows.replace(",", ""))
    figures = (count / used.seconds, used.seconds, used.cpu_seconds, count / used.cpu_seconds, used.peak_mb)
    return rows, *(f"{value:,.0f}" for value in figures)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
