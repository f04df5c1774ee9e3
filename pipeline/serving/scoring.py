"""Scores the parts of a table on the engine: in this process, on all cores, or on a cluster.

The classifier travels to the workers with the code; the parts don't: each worker reads and writes them
itself, so that those of a cluster must see the folders under the same paths, as Spark's must.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.cluster import Job, OnMessage, Outcome, open_pool
from pipeline.cluster.jobs import Data
from pipeline.params import ClusterParams
from pipeline.runtime.errors import UserError, described
from pipeline.serving.classifier import FACTS, NETWORK, VOCABULARY
from pipeline.serving.parts import Done, Options, Part, loaded, score_part

_SHARED = "--input and --output must be the same folders for all workers of a cluster"

OnRows = Callable[[int], None]
OnEnd = Callable[[Part, Done | UserError], None]


def score_parts(
    classifier: Path,
    parts: Sequence[Part],
    options: Options,
    cluster: ClusterParams,
    workers: int | Literal["auto"],
    on_rows: OnRows,
    on_end: OnEnd,
) -> None:
    """Scores all parts; one that can't be read or written doesn't stop the others.

    Args:
        classifier: a folder of :func:`pipeline.serving.classifier.write_classifier`.
        parts: of one table, one or more.
        options: how they are scored.
        cluster: its ``address`` is read.
        workers: processes on this machine, where there is no address; 1 is this process.
        on_rows: told how many more rows are scored; fewer, where a part starts again as its worker died.
        on_end: told how each part ended, in the order in which they do.

    Raises:
        UserError: if ``options.threshold`` is out of range, or the cluster can't be reached.
    """
    loaded(classifier).decided(np.empty(0), options.threshold)
    # A process is as good after many parts as after the first: it compiles nothing.
    lasting = cluster.model_copy(update={"jobs_a_process": sys.maxsize})
    name = f"scoring-{hashlib.sha256(str(parts[0].folder.absolute()).encode()).hexdigest()[:12]}"
    with open_pool(name, lasting, workers, len(parts), _contents(classifier)) as pool:
        pool.run(_Parts(parts, options, on_rows, on_end))


class _Parts:
    """The jobs; see :class:`pipeline.cluster.Jobs`."""

    def __init__(self, parts: Sequence[Part], options: Options, on_rows: OnRows, on_end: OnEnd) -> None:
        self._parts = {part.name: part for part in parts}
        self._waiting = list(reversed(parts))
        self._options, self._on_rows, self._on_end = options, on_rows, on_end
        self._rows: Counter[str] = Counter()

    def next_job(self) -> Job | None:
        """The parts in their order."""
        if not self._waiting:
            return None
        part = self._waiting.pop()
        here = replace(part, source=part.source.absolute(), folder=part.folder.absolute())
        return Job(part.name, score_job, (here, self._options))

    def is_wanted(self, _job: Job) -> bool:
        """Every part is."""
        return True

    def heard(self, job: Job, rows: int) -> bool:
        """Told of the rows of a part so far."""
        self._on_rows(rows - self._rows[job.key])
        self._rows[job.key] = rows
        return True

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Passes on how."""
        if outcome.error is not None and not isinstance(outcome.error, UserError):
            raise outcome.error
        part, done = self._parts[job.key], outcome.error or outcome.value
        if isinstance(done, Done) and not part.record.exists():
            done = UserError(f"{part.target} was written, but elsewhere: {_SHARED}")
        self._on_end(part, done)


def score_job(part: Part, options: Options, data: Data, on_message: OnMessage) -> Done:
    """Scores one part with the classifier whose files ``data`` holds; says how many rows are done.

    Raises:
        UserError: if it can't be read or written.
    """
    rows = 0

    def on_batch(more: int) -> None:
        nonlocal rows
        rows += more
        on_message(rows)

    try:
        return score_part(_unpacked(data), part, options, on_batch)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is gone, or the worker doesn't see it: {_SHARED}") from None
    except OSError as error:  # the pool would take it for a lost connection
        raise UserError(described(error)) from None


def _contents(classifier: Path) -> dict[str, np.ndarray]:
    """The files that decide an answer, as bytes."""
    return {
        name: np.frombuffer((classifier / name).read_bytes(), np.uint8)
        for name in (NETWORK, VOCABULARY, FACTS)
    }


def _unpacked(data: Mapping[str, np.ndarray]) -> Path:
    """A folder of these files that lasts as long as the process."""
    digest = hashlib.sha256(b"".join(hashlib.sha256(content.data).digest() for content in data.values()))
    folder = Path(_folder(digest.hexdigest()).name)
    for name, content in data.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(content.tobytes())
    return folder


@lru_cache(maxsize=1)
def _folder(_digest: str) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="classifier-")
