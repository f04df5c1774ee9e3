"""A million reviews as a folder of Parquet parts through `predict --input`: rate, memory, going on.

    nice taskset -c 0 python -m benchmarks.tables

Takes the champion of the data set in data/padded and its whole test reviews, repeated.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow
import pyarrow.parquet

from benchmarks.results import machine, table, write_section
from pipeline.commands.store import chosen_version, open_store
from pipeline.reviews.dataset import read_splits
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays
from pipeline.runtime.paths import RAW_REVIEWS, RAW_VOCABULARY

ROWS = 1_000_000
PART = 12_500  # rows of each part
_SUMMARY = re.compile(r"([\d,]+) rows, ([\d,]+) a second")


def main() -> None:
    """Measures and writes the section; the scored parts are thrown away."""
    found = machine()
    client = open_store()
    version = chosen_version(client, None, None)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        source, target = Path(folder) / "reviews", Path(folder) / "scored"
        write_parts(source)
        first = run(source, target)
        again = run(source, target)
        shutil.rmtree(target)
    header = ("", "rows scored", "rows a second", "seconds", "peak MB")
    rows = [("all parts", *first), ("again: every part is kept", *again)]
    values = client.get_run(str(version.run_id)).data.params
    network = f"{values['model.depth']} layers of {values['model.units']} units ({values['model.cell']})"
    about = (
        f"{found}. `models:/{version.name}/{version.version}`: {network}, {values['pad.max_length']} tokens."
    )
    text = (
        f"{ROWS:,} whole test reviews, repeated, in {ROWS // PART} Parquet parts; `predict --input FOLDER`."
    )
    report = "\n\n".join(["## Large tables", about, text, table(header, rows)])
    write_section("tables", report)
    print(report)


def write_parts(folder: Path) -> None:
    """The parts, all of the same reviews: one file under many names."""
    folder.mkdir()
    reviews = read_splits(read_arrays(RAW_REVIEWS))["test"]
    vocabulary = Vocabulary.load(RAW_VOCABULARY)
    texts = [vocabulary.decode(reviews.review(row % len(reviews))) for row in range(PART)]
    first = folder / "part-000.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": range(PART), "text": texts}), first)
    for number in range(1, ROWS // PART):
        (folder / f"part-{number:03}.parquet").hardlink_to(first)


def run(source: Path, target: Path) -> tuple[str, str, str, str]:
    """Rows scored, rows a second, seconds and peak memory of one command."""
    words = ["-m", "pipeline", "predict", "--input", str(source), "--output", str(target)]
    started, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        process = psutil.Popen([sys.executable, *words], stderr=output)
        while process.poll() is None:
            # Not getrusage, which counts what this process held when it started the other.
            peak = max(peak, rss(process))
            time.sleep(0.2)
        seconds = time.perf_counter() - started
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise RuntimeError(said)
    rows, rate = _SUMMARY.findall(said)[-1]
    return rows, rate, f"{seconds:,.0f}", f"{peak / 2**20:,.0f}"


def rss(process: psutil.Process) -> float:
    """Resident bytes of a process; 0 if it has ended."""
    try:
        return float(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    main()
