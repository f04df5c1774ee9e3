"""What a prediction costs: one review and many, in process and over HTTP, and where `predict`'s start goes.

    python -m benchmarks.serving

Takes the champion of the data set in data/padded and its test reviews. Servers listen on loopback.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import mlflow
import numpy as np
import pandas as pd
import psutil
import requests

from benchmarks.measure import rate, time_each
from benchmarks.results import Section, shown, table
from pipeline.interface import RegisteredClassifier, load_champion, open_store
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays
from pipeline.runtime.machine import THREAD_LIMITS
from pipeline.runtime.paths import RAW_VOCABULARY, padded_split

SINGLE, BATCH = 1000, 2000
STARTS = 5
PIPELINE = [sys.executable, "-m", "pipeline"]


def main() -> None:
    """Measures and writes the tables."""
    section, champion, texts = Section("serving", "Serving"), load_champion(), test_texts(BATCH)
    pyfunc = mlflow.pyfunc.load_model(champion.address)

    def ask_pyfunc(asked: list[str]) -> object:
        return pyfunc.predict(pd.DataFrame({"text": asked}))

    ways: dict[str, Callable[[list[str]], object]] = {
        "in process, the classifier": champion.texts.score,
        "in process, the registered pyfunc": ask_pyfunc,
    }
    with serving([*PIPELINE, "serve", "--model", champion.address]) as (port, _):
        ways["over HTTP, `python -m pipeline serve`, one client"] = poster(port)
        singles = {name: time_each(way, [[text] for text in texts[:SINGLE]]) for name, way in ways.items()}
        batches = {name: rate(way, texts) for name, way in ways.items()}
    starts = {
        "Python and NumPy": [sys.executable, "-c", "import numpy"],
        "`import mlflow`": [sys.executable, "-c", "import mlflow"],
        "`import tensorflow`, which `predict` avoids": [sys.executable, "-c", "import tensorflow"],
        "`python -m pipeline predict TEXT`, all of it": [*PIPELINE, "predict", texts[0]],
    }
    section.write(
        describe(champion),
        table(
            ["one review", "median ms", "99th percentile ms"],
            [
                [name, f"{1000 * statistics.median(times):.2f}", f"{1000 * np.percentile(times, 99):.2f}"]
                for name, times in singles.items()
            ],
        ),
        table(
            [f"{BATCH:,} reviews", "a second, median (least to most)"],
            [[name, shown(rates, ",.0f")] for name, rates in batches.items()],
        ),
        table(
            ["start of a process", "seconds, median (least to most)"],
            [[name, shown(seconds_of(command))] for name, command in starts.items()],
        ),
    )


def describe(champion: RegisteredClassifier) -> str:
    """A version and its network, from the parameters of its run."""
    params = open_store().get_run(champion.run_id).data.params
    kind = "bidirectional " * (params["model.bidirectional"] == "True") + params["model.cell"]
    size = f"{params['model.depth']} layers of {params['model.units']} units"
    return f"`{champion.address}`: {kind}, {size}, {params['pad.max_length']} tokens."


def test_texts(count: int) -> list[str]:
    """The test reviews as text again, the first words of long ones cut off as they were."""
    vocabulary = Vocabulary.load(RAW_VOCABULARY)
    return [vocabulary.decode(row) for row in read_arrays(padded_split("test"))["token_ids"][:count]]


def seconds_of(command: list[str]) -> list[float]:
    """Wall time of a process, after one run that fills the page cache."""
    return time_each(
        lambda _: subprocess.run(command, check=True, capture_output=True), range(STARTS), uncounted=1
    )


@contextmanager
def serving(command: Sequence[str]) -> Iterator[tuple[int, psutil.Process]]:
    """The server while the block runs: its port and its process."""
    with socket.socket() as chosen:  # a port that nobody listens on
        chosen.bind(("127.0.0.1", 0))
        port = int(chosen.getsockname()[1])
    limits = dict.fromkeys(THREAD_LIMITS, "1")  # as `pipeline serve` sets them itself
    environment = os.environ | limits | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield port, psutil.Process(process.pid)
    finally:
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            process.wait(timeout=30)
            for child in children:  # MLflow's server leaves its workers
                if child.is_running():
                    child.terminate()


def poster(port: int) -> Callable[[list[str]], object]:
    """What posts texts to a server, over a connection that stays open."""
    session = requests.Session()

    def post(texts: list[str]) -> object:
        body = {"dataframe_records": [{"text": text} for text in texts]}
        answer = session.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    return post


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the server answers; RuntimeError if it ends before."""
    while process.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(address, timeout=1).ok:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{address} doesn't answer")


if __name__ == "__main__":
    main()
