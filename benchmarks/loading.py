"""From imdb.npz to padded arrays: the notebook's cell beside the stages download and pad.

Both read the file from the cache and start a process of their own, imports included: what a person waits for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.notebook import notebook_params
from benchmarks.results import ratio, shown, table
from pipeline.reviews.sources.fetching import fetch

REPEATS = 5
RAW_DATASET = Path("data/raw/dataset.json")
# The notebook's first cells. The file is given, since Keras would reach for its host when another copy of
# the reviews is in use.
NOTEBOOK = """
import sys
import tensorflow as tf
from tensorflow.keras.preprocessing.sequence import pad_sequences
from keras.src.datasets import imdb
imdb.get_file = lambda *_, **__: sys.argv[1]
(x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10000)
x_train = pad_sequences(x_train, maxlen=100)
x_test = pad_sequences(x_test, maxlen=100)
"""
Usage = tuple[float, float]  # seconds, peak resident megabytes


def loading_table() -> str:
    """Seconds and peak memory of both, in turn, after a round that fills the page cache."""
    source = json.loads(RAW_DATASET.read_text(encoding="utf-8"))["source"]
    notebook, stages = [], []
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "imdb.npz"
        archive.write_bytes(fetch(source["url"], source["hash"]))
        for _ in range(REPEATS + 1):
            notebook.append(usage([sys.executable, "-c", NOTEBOOK, str(archive)], Path()))
            stages.append(run_stages(source))
    seconds = [[one[0] for one in both[1:]] for both in (notebook, stages)]
    memory = [[one[1] for one in both[1:]] for both in (notebook, stages)]
    rows = [
        ["the notebook's load and `pad_sequences`", shown(seconds[0]), shown(memory[0])],
        ["the stages `download` and `pad`", shown(seconds[1]), shown(memory[1])],
        ["times less", ratio(*seconds), ratio(*memory)],
    ]
    return table(["", "seconds", "peak MB"], rows)


def run_stages(source: dict[str, str]) -> Usage:
    """Both stages in a folder of their own."""
    where = {f"data.{key}": source[key] for key in ("url", "hash", "word_index_url", "word_index_hash")}
    params = notebook_params({"data.source": "imdb", "data.fallback": None, **where}).model_dump(mode="json")
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        used = [usage([sys.executable, "-m", "pipeline", stage], folder) for stage in ("download", "pad")]
    finally:
        shutil.rmtree(folder)
    return sum(seconds for seconds, _ in used), max(memory for _, memory in used)


def usage(command: list[str], folder: Path) -> Usage:
    """Wall time and peak memory of a process.

    Raises:
        RuntimeError: if it failed.
    """
    variables = os.environ | {"PYTHONPATH": str(Path.cwd()), "DVC_ROOT": str(folder)}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[:4]} failed:\n{output.read()[-2000:].decode()}")
    return seconds, used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1024)
