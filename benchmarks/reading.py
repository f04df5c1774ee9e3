"""A million reviews of 200 words through the download stage: seconds and memory, from a CSV and from Parquet.

    nice taskset -c 0,1 python -m benchmarks.reading

The words are drawn at random, as often as Zipf's law says, from a list of 200,000.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow
import pyarrow.parquet
import yaml

from benchmarks.results import machine, table, write_section
from benchmarks.tables import rss

ROWS = 1_000_000
WORDS = 200  # of a review, on average
_VOCABULARY = 200_000
_BATCH = 10_000
_PROJECT = Path(__file__).resolve().parents[1]


def main(rows: int = ROWS) -> None:
    """Measures, and writes the section where all rows were asked for."""
    found = machine()
    with tempfile.TemporaryDirectory(dir=".") as temporary:
        folder = Path(temporary)
        files = {
            "CSV": write_csv(folder / "reviews.csv", rows),
            "Parquet": write_parquet(folder / "reviews.parquet", rows),
        }
        measured = [(kind, *run(folder, file)) for kind, file in files.items()]
    header = ("file", "GB", "seconds", "rows a second", "peak MB")
    shown = [
        (kind, f"{size / 1e9:.2f}", f"{seconds:.0f}", f"{rows / seconds:,.0f}", f"{peak / 2**20:,.0f}")
        for kind, size, seconds, peak in measured
    ]
    text = (
        f"{rows:,} reviews of about {WORDS} words, two classes; the stage `download`: read, cut into words, "
        "split, checked and written to data/raw, with imports; memory of all its processes."
    )
    report = "\n\n".join(["## Reading a file of reviews", f"{found}.", text, table(header, shown)])
    print(report)
    if rows == ROWS:
        write_section("reading", report)


def reviews(rows: int) -> Iterator[tuple[list[str], list[str]]]:
    """Batches of texts and labels."""
    random = np.random.default_rng(0)
    spelled = random.integers(0, 26, (_VOCABULARY, 10), np.uint8) + ord("a")
    lengths = random.integers(2, 11, _VOCABULARY)
    words = np.array([bytes(word[:length]).decode() for word, length in zip(spelled, lengths, strict=True)])
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        sizes = random.integers(WORDS // 2, 3 * WORDS // 2, count)
        drawn = words[random.zipf(1.15, int(sizes.sum())) % _VOCABULARY]
        parts = np.split(drawn, np.cumsum(sizes)[:-1])
        texts = [f"{' '.join(part.tolist()).capitalize()}, he said. Fine!" for part in parts]
        yield texts, [("negative", "positive")[row % 2] for row in range(start, start + count)]


def write_csv(path: Path, rows: int) -> Path:
    """The reviews as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for texts, labels in reviews(rows):
            writer.writerows(zip(texts, labels, strict=True))
    return path


def write_parquet(path: Path, rows: int) -> Path:
    """The reviews as Parquet, a row group a batch."""
    schema = pyarrow.schema([("text", pyarrow.string()), ("label", pyarrow.string())])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for texts, labels in reviews(rows):
            writer.write_table(pyarrow.table({"text": texts, "label": labels}, schema))
    return path


def run(folder: Path, file: Path) -> tuple[int, float, int]:
    """Bytes of the file, seconds, and the most memory of the stage's processes together."""
    values = yaml.safe_load((_PROJECT / "params.yaml").read_text(encoding="utf-8"))
    values["data"] |= {"source": "file", "path": file.name}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(_PROJECT)}
    started, peak = time.perf_counter(), 0.0
    process = psutil.Popen(
        [sys.executable, "-m", "pipeline", "download"], cwd=folder, env=environment, stderr=subprocess.DEVNULL
    )
    while process.poll() is None:
        try:
            peak = max(peak, rss(process) + sum(map(rss, process.children(recursive=True))))
        except psutil.NoSuchProcess:
            break
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    if process.wait():
        raise RuntimeError(f"the stage download failed on {file}")
    return file.stat().st_size, seconds, int(peak)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
