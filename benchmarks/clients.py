"""A served version under eight clients: requests a second, latencies, malformed requests, memory.

    python -m benchmarks.clients

Takes the champion of the data set in data/padded and its test reviews. Servers and clients share this
machine's cores and talk over loopback.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

import numpy as np
import psutil

from benchmarks.measure import rss
from benchmarks.results import Section, table
from benchmarks.serving import PIPELINE, describe, serving, test_texts
from pipeline.interface import load_champion
from pipeline.runtime.machine import cores

CLIENTS, SINGLE, MIXED = 8, 2000, 10_000
JSON = {"Content-Type": "application/json"}
Request = tuple[bytes, dict[str, str]]  # body, headers


class Answered(NamedTuple):
    """What clients found: statuses, milliseconds of each request, seconds in all."""

    statuses: list[int]
    times: list[float]
    seconds: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds


def main() -> None:
    """Measures and writes the section."""
    section, champion = Section("clients", "Over HTTP, eight clients"), load_champion()
    texts = test_texts(2000)
    requests = [well_formed([texts[number % len(texts)]]) for number in range(SINGLE)]
    served, rows = [*PIPELINE, "serve", "--model", champion.address], []
    options = ("--model-uri", champion.address, "--env-manager", "local")
    mlflows = [sys.executable, "-m", "mlflow", "models", "serve", *options]
    for name, command in (("python -m pipeline serve", served), ("mlflow models serve", mlflows)):
        for workers in sorted({1, cores()}):
            with serving([*command, "--workers", str(workers)]) as (port, process):
                ask(port, requests[:400])
                answered, used = ask_and_count(port, process, requests)
            percentiles = (f"{np.percentile(answered.times, share):.1f}" for share in (50, 95, 99))
            figures = f"{answered.rate:,.0f}", *percentiles, f"{used:.2f}", f"{1000 / used:,.0f}"
            rows.append((f"`{name} --workers {workers}`", *figures))
    of_times = ("requests a second", "median ms", "95th", "99th")
    section.write(
        f"{describe(champion)} The clients share the cores with the servers. The CPU time that a request "
        "costs depends least on what else runs there.",
        table(("one review a request", *of_times, "server's CPU ms", "requests a CPU second"), rows),
        many_reviews(served, texts),
        mixed(served, texts),
    )


def well_formed(texts: Sequence[str]) -> Request:
    """A request for these texts."""
    return json.dumps({"dataframe_records": [{"text": text} for text in texts]}).encode(), JSON


def ask(port: int, requests: Sequence[Request]) -> Answered:
    """Eight clients, each with a connection of its own, ask one request after the other."""
    shares = [requests[first::CLIENTS] for first in range(CLIENTS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(lambda share: _ask(port, share), shares))
    seconds = time.perf_counter() - started
    statuses, times = (list(chain.from_iterable(lists)) for lists in zip(*found, strict=True))
    return Answered(statuses, times, seconds)


def _ask(port: int, requests: Sequence[Request]) -> tuple[list[int], list[float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    statuses, times = [], []
    for body, headers in requests:
        started = time.perf_counter()
        connection.request("POST", "/invocations", body, headers)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - started) * 1000)
        statuses.append(answer.status)
    connection.close()
    return statuses, times


def ask_and_count(port: int, process: psutil.Process, requests: Sequence[Request]) -> tuple[Answered, float]:
    """The same, and the milliseconds of CPU time that a request cost the server's processes."""

    def cpu_seconds() -> float:
        return sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])

    before, answered = cpu_seconds(), ask(port, requests)
    return answered, (cpu_seconds() - before) / len(requests) * 1000


def many_reviews(command: list[str], texts: list[str]) -> str:
    """Requests of a hundred reviews, as a sentence."""
    requests = [well_formed(texts[first : first + 100]) for first in range(0, len(texts), 100)]
    with serving(command) as (port, process):
        ask(port, requests)
        answered, used = ask_and_count(port, process, requests * 3)
    return (
        f"A hundred reviews a request, `--workers {cores()}`: {answered.rate * 100:,.0f} reviews a second, "
        f"median {np.median(answered.times):.0f} ms a request, {used / 100:.2f} ms of CPU a review."
    )


MALFORMED: list[Request] = [
    (b'{"dataframe_records": [', JSON),
    (b"\xff\xfe", JSON),
    (b'{"dataframe_records": [{"text": 5}]}', JSON),
    (b'{"dataframe_records": [{"review": "fine"}]}', JSON),
    (b'{"inputs": ["fine"], "params": {"treshold": 0.4}}', JSON),
    (b'{"inputs": ["fine"], "params": {"threshold": 2}}', JSON),
    (b'{"inputs": ["fine"]}', {}),  # no Content-Type
    (b"text\na,b\n", {"Content-Type": "text/csv"}),
    (b"fine", {"Content-Type": "text/plain"}),
]


def mixed(command: list[str], texts: list[str]) -> str:
    """10,000 requests of which each tenth is malformed: statuses, and memory on the way, as sentences."""
    requests = [
        MALFORMED[number // 10 % len(MALFORMED)]
        if number % 10 == 9
        else well_formed([texts[number % len(texts)]])
        for number in range(MIXED)
    ]
    with serving(command) as (port, process):
        memory, statuses = [], Counter[int]()
        for first in range(0, MIXED, MIXED // 5):
            statuses.update(ask(port, requests[first : first + MIXED // 5]).statuses)
            memory.append(rss(process.pid) / 2**20)
    said = ", ".join(f"{count:,} x {status}" for status, count in sorted(statuses.items()))
    grown = ", ".join(f"{value:,.0f}" for value in memory)
    return (
        f"{MIXED:,} requests of which each tenth is malformed (broken JSON and CSV, wrong types, columns and "
        f"params, no or an unknown Content-Type): {said}. Memory of the server's processes after each fifth, "
        f"MB: {grown}."
    )


if __name__ == "__main__":
    main()
