"""A million reviews of 200 words through the download stage: seconds and memory, from a CSV and from Parquet.

    nice taskset -c 0,1 python -m benchmarks.reading

The words are drawn at random, as often as Zipf's law says, from a list of 200,000; the exponent is such that
the 10,000 commonest make up 95 %, as in IMDb's reviews.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import yaml

from benchmarks.results import machine, table, write_section
from benchmarks.tables import rss

ROWS = 1_000_000
WORDS = 200  # of a review, on average
_VOCABULARY = 200_000
_EXPONENT = 1.3
_BATCH = 10_000
_PROJECT = Path(__file__).resolve().parents[1]


def main(rows: int = ROWS) -> None:
    """Measures, and writes the section where all rows were asked for."""
    found = machine()
    place = Path(".dvc/tmp")  # which git passes over
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary)
        files = write_files(folder, rows)
        measured = [(kind, *run(folder, file)) for kind, file in files.items()]
    header = ("file", "GB", "seconds", "CPU seconds", "rows a second", "peak MB")
    shown = [
        (
            kind,
            f"{size / 1e9:.2f}",
            f"{seconds:.0f}",
            f"{cpu:.0f}",
            f"{rows / seconds:,.0f}",
            f"{peak / 2**20:,.0f}",
        )
        for kind, size, seconds, cpu, peak in measured
    ]
    text = (
        f"{rows:,} reviews of about {WORDS} words, two classes; the stage `download`: read, cut into words, "
        "split, checked and written to data/raw, with imports; memory of all its processes."
    )
    report = "\n\n".join(["## Reading a file of reviews", f"{found}.", text, table(header, shown)])
    print(report)
    if rows == ROWS:
        write_section("reading", report)


def write_files(folder: Path, rows: int) -> dict[str, Path]:
    """The same reviews as CSV, and as Parquet with a row group a batch."""
    files = {"CSV": folder / "reviews.csv", "Parquet": folder / "reviews.parquet"}
    schema = pyarrow.schema([("text", pyarrow.string()), ("label", pyarrow.string())])
    with (
        files["CSV"].open("w", newline="", encoding="utf-8") as file,
        pyarrow.parquet.ParquetWriter(files["Parquet"], schema) as parquet,
    ):
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for texts, labels in reviews(rows):
            writer.writerows(zip(texts, labels, strict=True))
            parquet.write_table(pyarrow.table({"text": texts, "label": labels}, schema))
    return files


def reviews(rows: int) -> Iterator[tuple[list[str], list[str]]]:
    """Batches of texts and labels."""
    random = np.random.default_rng(0)
    spelled = random.integers(0, 26, (_VOCABULARY, 10), np.uint8) + ord("a")
    lengths = random.integers(2, 11, _VOCABULARY)
    words = [bytes(word[:length]).decode() for word, length in zip(spelled, lengths, strict=True)]
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        sizes = random.integers(WORDS // 2, 3 * WORDS // 2, count)
        drawn = random.zipf(_EXPONENT, int(sizes.sum())) % _VOCABULARY
        texts = [
            f"{' '.join(map(words.__getitem__, part.tolist())).capitalize()}, he said. Fine!"
            for part in np.split(drawn, np.cumsum(sizes)[:-1])
        ]
        yield texts, [("negative", "positive")[row % 2] for row in range(start, start + count)]


def run(folder: Path, file: Path) -> tuple[int, float, float, int]:
    """Bytes of the file, seconds, seconds of a core, and the most memory of all the stage's processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    values = yaml.safe_load((_PROJECT / "params.yaml").read_text(encoding="utf-8"))
    values["data"] |= {"source": "file", "path": file.name}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(_PROJECT)}
    started, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "download"], cwd=folder, env=environment, stderr=subprocess.DEVNULL
    )
    while process.poll() is None:
        peak = max(peak, rss(process.pid))
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    if process.wait():
        raise RuntimeError(f"the stage download failed on {file}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return file.stat().st_size, seconds, cpu, int(peak)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
