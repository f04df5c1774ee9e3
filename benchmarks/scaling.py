"""Made reviews of 200 words from a CSV file to a registered version: seconds and memory of each stage.

    nice python -m benchmarks.scaling [ROWS ...]

10,000 and 100,000 rows unless it is told others; each size is a `dvc repro` in a clone of this project, stage
by stage, with the values of presets/quick.yaml. Words are drawn at random, as often as Zipf's law says, from
200,000; the exponent is such that the 10,000 commonest make up 95 %, as in IMDb's reviews. Each label has
words that it alone uses. Writes its section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from benchmarks.measure import PROJECT, watch
from benchmarks.results import Section, table
from pipeline.params import load_params, read_preset
from pipeline.runtime.source import read_stages

ROWS = (10_000, 100_000)
WORDS = 200  # of a review, on average
LABELS = ("negative", "positive")
_VOCABULARY, _OWN = 200_000, 1_000  # words, and of them those of one label
_EXPONENT = 1.3
_BATCH = 10_000


def main(sizes: list[int]) -> None:
    """Measures each size, and writes the section after each."""
    section, measured = Section("scaling", "From a CSV file to a registered version"), []
    stages = [name for name in read_stages() if name in ("download", "pad", "train", "evaluate")]
    for rows in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "project"
            prepare(folder, rows)
            gigabytes = (folder / "data/reviews.csv").stat().st_size / 1e9
            measured.append([f"{rows:,}", f"{gigabytes:.2f}"])
            for stage in stages:
                command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
                used = watch(command, folder, {"PYTHONPATH": str(folder)})
                measured[-1].append(f"{used.seconds:,.0f} s, {used.cpu_seconds:,.0f}, {used.peak_mb:,.0f} MB")
        section.write(
            f"Rows of about {WORDS} words in a CSV file, two labels; values of the preset `quick`. Each "
            "cell: seconds, CPU seconds, and the most memory of all processes of the stage, DVC's too. Where "
            "other work shares the core, CPU seconds say what a free one takes.",
            table(["rows", "GB", *stages], measured),
        )


def prepare(folder: Path, rows: int) -> None:
    """A clone of the project with a file of reviews and the values that read it."""
    subprocess.run(["git", "clone", "--quiet", PROJECT, folder], check=True)
    values = {"data.source": "file", "data.path": "data/reviews.csv", "data.unlabelled": "none"}
    params = load_params().replace({**read_preset("quick"), **values}).model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    with (folder / "data/reviews.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([params["data"]["text_column"], params["data"]["label_column"]])
        for texts, labels in reviews(rows):
            writer.writerows(zip(texts, labels, strict=True))


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
        labels = random.integers(0, len(LABELS), count)
        # One word of each review is its label's own.
        starts = np.cumsum(sizes) - sizes
        drawn[starts] = _VOCABULARY - 1 - labels * _OWN - random.integers(0, _OWN, count)
        texts = [
            f"{' '.join(map(words.__getitem__, part.tolist())).capitalize()}, he said. Fine!"
            for part in np.split(drawn, starts[1:])
        ]
        yield texts, [LABELS[label] for label in labels]


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(ROWS))
