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
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import psutil
import requests

from benchmarks.results import described, each, machine, rate, shown, table, write_section
from pipeline.interface import find_version, open_store
from pipeline.reviews.vocabulary import Vocabulary
from pipeline.runtime.files import read_arrays
from pipeline.runtime.machine import THREAD_LIMITS
from pipeline.runtime.paths import RAW_VOCABULARY, padded_split
from pipeline.serving.classifier import CLASSIFIER, TextClassifier

SINGLE, BATCH = 1000, 2000
STARTS = 5
IMPORTS = {
    "Python and NumPy": "import numpy",
    "`import mlflow`": "import mlflow",
    "`import tensorflow`, which `predict` avoids": "import tensorflow",
}


def main() -> None:
    """Measures and writes the table."""
    found = machine()
    client = open_store()
    version = find_version()
    uri = f"models:/{version.name}/{version.version}"
    texts = test_texts(BATCH)
    folder = Path(mlflow.artifacts.download_artifacts(f"{uri}/artifacts/{CLASSIFIER}"))
    classifier, pyfunc = TextClassifier.load(folder), mlflow.pyfunc.load_model(uri)
    single: dict[str, list[float]] = {
        "in process, the classifier": each(lambda text: classifier.score([text]), texts[:SINGLE]),
        "in process, the registered pyfunc": each(
            lambda text: pyfunc.predict(pd.DataFrame({"text": [text]})), texts[:SINGLE]
        ),
    }
    with serving([sys.executable, "-m", "pipeline", "serve", "--model", uri]) as (port, _):
        post = poster(port)
        single["over HTTP, `python -m pipeline serve`, one client"] = each(
            lambda text: post([text]), texts[:SINGLE]
        )
        batches = {"over HTTP, one request": rate(post, texts)}
    batches |= {
        "in process, the classifier": rate(classifier.score, texts),
        "in process, the registered pyfunc": rate(
            lambda chosen: pyfunc.predict(pd.DataFrame({"text": chosen})), texts
        ),
    }
    starts = {name: seconds_of([sys.executable, "-c", code]) for name, code in IMPORTS.items()}
    starts["`python -m pipeline predict TEXT`, all of it"] = seconds_of(
        [sys.executable, "-m", "pipeline", "predict", texts[0]]
    )
    about = f"{found}. {described(uri, client.get_run(str(version.run_id)).data.params)}"
    report = render(about, single, batches, starts)
    write_section("serving", report)
    print(report)


def test_texts(count: int) -> list[str]:
    """The test reviews as text again, the first words of long ones cut off as they were."""
    vocabulary = Vocabulary.load(RAW_VOCABULARY)
    return [vocabulary.decode(row) for row in read_arrays(padded_split("test"))["token_ids"][:count]]


def seconds_of(command: list[str]) -> list[float]:
    """Wall time of a process, after one run that fills the page cache."""
    times = []
    for _ in range(STARTS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return times[1:]


def free_port() -> int:
    """One of loopback that nobody listens on."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@contextmanager
def serving(command: Sequence[str]) -> Iterator[tuple[int, psutil.Process]]:
    """The server while the block runs: its port and its process."""
    port = free_port()
    limits = dict.fromkeys(THREAD_LIMITS, "1")  # as `pipeline serve` sets them itself
    environment = os.environ | limits | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process)
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


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the server answers; RuntimeError if it ends or takes two minutes."""
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            if requests.get(address, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise RuntimeError(f"{address} doesn't answer")


def render(
    about: str,
    single: dict[str, list[float]],
    batches: dict[str, list[float]],
    starts: dict[str, list[float]],
) -> str:
    """The three tables as Markdown."""
    singles = [
        [name, f"{statistics.median(times):.2f}", f"{np.percentile(times, 99):.2f}"]
        for name, times in single.items()
    ]
    many = [
        [name, f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"]
        for name, rates in batches.items()
    ]
    return "\n\n".join(
        [
            "## Serving",
            about,
            table(["one review", "median ms", "99th percentile ms"], singles),
            table([f"{BATCH:,} reviews", "a second, median (least to most)"], many),
            table(
                ["start of a process", "seconds, median (least to most)"],
                [[name, shown(times)] for name, times in starts.items()],
            ),
        ]
    )


if __name__ == "__main__":
    main()
