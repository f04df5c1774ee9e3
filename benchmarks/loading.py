"""From imdb.npz to padded arrays: the notebook's cell beside the stages download and pad.

Both read the file from the cache and start a process of their own, imports included: what a person waits for.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.measure import watch
from benchmarks.notebook import notebook_params
from benchmarks.results import ratio, shown, table
from pipeline.reviews.sources.fetching import fetch
from pipeline.runtime.files import read_json
from pipeline.runtime.paths import RAW_DATASET

REPEATS = 5
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


def loading_table() -> str:
    """Seconds and peak memory of both, in turn, after a round that fills the page cache."""
    source = read_json(RAW_DATASET)["source"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "imdb.npz").write_bytes(fetch(source["url"], source["hash"]))
        where = {f"data.{key}": source[key] for key in ("url", "hash", "word_index_url", "word_index_hash")}
        params = notebook_params({"data.source": "imdb", "data.fallback": None, **where})
        (folder / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json")), encoding="utf-8")
        found = []
        for _ in range(REPEATS + 1):
            notebook = watch([sys.executable, "-c", NOTEBOOK, "imdb.npz"], folder)
            stages = [
                watch([sys.executable, "-m", "pipeline", stage], folder, {"DVC_ROOT": name})
                for stage in ("download", "pad")
            ]
            found.append((notebook, stages))
    seconds = [
        [each.seconds for each, _ in found[1:]],
        [sum(s.seconds for s in both) for _, both in found[1:]],
    ]
    memory = [
        [each.peak_mb for each, _ in found[1:]],
        [max(s.peak_mb for s in both) for _, both in found[1:]],
    ]
    rows = [
        ["the notebook's load and `pad_sequences`", shown(seconds[0]), shown(memory[0])],
        ["the stages `download` and `pad`", shown(seconds[1]), shown(memory[1])],
        ["times less", ratio(*seconds), ratio(*memory)],
    ]
    return table(["", "seconds", "peak MB"], rows)
