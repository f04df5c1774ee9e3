"""Scores a table of many files, its parts, on the engine: in this process, on all cores, or on a cluster.

Each part is written as it finishes, so that a killed run goes on. The classifier travels to the workers with
the code; the parts don't: each worker reads and writes them itself, so that those of a cluster must see the
folders under the same paths, as Spark's must. The output folder mirrors the input, and holds beside the parts

    _scored/PART.json      the record of a finished part: of which input and model, how many rows
    _rejected/PART.jsonl   its rows that can't be scored, where there are any

Spark, Dask and Arrow pass over names that begin with an underscore.
"""

from __future__ import annotations

import glob
import hashlib
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from pipeline.cluster.jobs import Data, Job, JobResult, Say
from pipeline.cluster.pool import open_pool
from pipeline.params import ClusterParams
from pipeline.reviews.sources.encodings import kind_of
from pipeline.reviews.sources.files import files_of, hash_of, is_hidden
from pipeline.reviews.sources.records import form_of_texts
from pipeline.runtime.errors import UserError, error_text
from pipeline.runtime.files import read_json, replaced_together, write_json
from pipeline.runtime.interruption import Interruption
from pipeline.serving.classifier import FACTS, NETWORK, VOCABULARY, TextClassifier
from pipeline.serving.tables import WRITERS, Counts, OnBatch, Options, score_file

_DECISIVE = (NETWORK, VOCABULARY, FACTS)  # the files that decide an answer
RECORDS, REJECTED = "_scored", "_rejected"
_LEFTOVER = re.compile(r"\.[0-9a-f]{32}\.\w+")  # a file that a killed run was writing
_SHARED = "--input and --output must be the same folders for all workers of a cluster"


@dataclass(frozen=True)
class Part:
    """One file, ``source``, of a table, and the scored file's path ``name`` in the output's ``folder``.

    Parts are named from the folder ``root``; folders in it may name columns: ``label=neg/``.
    """

    source: Path
    folder: Path
    name: str
    root: Path | None = None

    @property
    def target(self) -> Path:
        """The scored file."""
        return self.folder / self.name

    @property
    def record(self) -> Path:
        """What is written with the last byte of the part."""
        return self.folder / RECORDS / f"{self.name}.json"

    @property
    def rejects(self) -> Path:
        """Its rows that can't be scored."""
        return self.folder / REJECTED / f"{self.name}.jsonl"


class Done(NamedTuple):
    """A part that is scored; ``kept`` if an earlier run did it."""

    counts: Counts
    kept: bool


OnEnd = Callable[[Part, Done | UserError], None]


def is_table(source: Path) -> bool:
    """Whether ``source`` is a folder or a pattern, and so a table of parts."""
    return source.is_dir() or (glob.has_magic(str(source)) and not source.exists())


def find_parts(source: Path, folder: Path, kind: str | None = None) -> list[Part]:
    """The parts of a folder, those of its folders too, or of a pattern such as ``reviews/2026-*/*.csv``.

    Args:
        source: the folder or pattern; hidden files are passed over, and so is ``folder`` in it.
        folder: the output's.
        kind: .csv, .jsonl or .parquet, to write another kind than the input's.

    Raises:
        UserError: if there are none, two would be written to one file, or ``folder`` is the input's own.
    """
    if source.is_dir():
        root, files = source, files_of(source, "--input")
    else:
        names = source.parts
        first = next(place for place, name in enumerate(names) if glob.has_magic(name))
        root = Path(*names[:first])
        found = sorted(file for file in root.glob("/".join(names[first:])) if file.is_file())
        files = [file for file in found if not is_hidden(file, root)]
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"--output must be a folder, since --input is a table of parts, but {folder} is a file"
        )
    output = folder.resolve()
    if output == root.resolve():
        raise UserError(f"--output must be another folder than --input's, but is {folder}")
    is_inside = output.is_relative_to(root.resolve())
    parts: dict[str, Part] = {}
    for file in files:
        if is_inside and file.resolve().is_relative_to(output):
            continue
        read = kind_of(file)
        stem = file.name[: file.name.lower().rindex(read)] if read else file.name
        written = stem + (kind or (read if read in WRITERS else ".csv"))
        part = Part(file, folder, file.relative_to(root).with_name(written).as_posix(), root)
        if part.name in parts:
            both = f"{parts[part.name].source} and {file}"
            raise UserError(f"{both} would both be written to {part.target}: rename one of them")
        parts[part.name] = part
    if not parts:
        raise UserError(f"--input: {source} holds no file to score")
    return list(parts.values())


class LoadedClassifier(NamedTuple):
    """A classifier, and the digest of the files that decide its answers."""

    texts: TextClassifier
    digest: str


_latest: dict[str, TextClassifier] = {}  # by digest: a process scores many parts with one


def read_contents(folder: Path) -> dict[str, np.ndarray]:
    """The files of :func:`pipeline.serving.classifier.write_classifier` that decide an answer, as bytes."""
    return {name: np.frombuffer((folder / name).read_bytes(), np.uint8) for name in _DECISIVE}


def load_classifier(contents: Mapping[str, np.ndarray]) -> LoadedClassifier:
    """Reads such files, which lie on the disk only meanwhile, since a worker may be killed."""
    hashes = (f"sha256:{hashlib.sha256(content.data).hexdigest()}" for content in contents.values())
    digest = f"sha256:{hashlib.sha256(''.join(hashes).encode()).hexdigest()}"
    if digest not in _latest:
        with tempfile.TemporaryDirectory(prefix="classifier-") as folder:
            for name, content in contents.items():
                Path(folder, name).write_bytes(content.tobytes())
            texts = TextClassifier.load(Path(folder))
        _latest.clear()
        _latest[digest] = texts
    return LoadedClassifier(_latest[digest], digest)


def score_part(
    classifier: LoadedClassifier, part: Part, options: Options, on_batch: OnBatch = lambda _rows: None
) -> Done:
    """Scores a part, unless a part of the same content was scored here by the same model in the same way.

    The scored file, its rejected rows and the record are renamed to their names together; ``on_batch`` is
    told the number of rows after each batch.
    """
    made_of = {
        "input": hash_of(part.source),
        "model": classifier.digest,
        "text_column": options.text_column,
        "threshold": options.threshold,
        "form": repr(options.form),
    }
    if part.target.exists() and part.record.exists():
        record = read_json(part.record)
        if {key: record.get(key) for key in made_of} == made_of:
            return Done(Counts(record["scored"], record["rejected"]), kept=True)
    with replaced_together():
        counts = score_file(
            classifier.texts, part.source, part.target, options, part.root, part.rejects, on_batch
        )
        write_json(part.record, made_of | {"version": options.version} | counts._asdict())
    return Done(counts, kept=False)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Holds ``folder`` for one run, and clears away what a killed one or a killed worker was writing.

    Raises:
        UserError: if another run writes there.
    """
    (folder / RECORDS).mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / RECORDS / ".lock", timeout=0):
            _clear(folder)
            try:
                yield
            finally:
                _clear(folder)
    except Timeout:
        raise UserError(f"--output: another run is writing to {folder}: wait until it has ended") from None


def _clear(folder: Path) -> None:
    for file in folder.rglob(".*"):
        if _LEFTOVER.fullmatch(file.name):
            file.unlink(missing_ok=True)


def score_parts(
    classifier: Path,
    parts: Sequence[Part],
    options: Options,
    cluster: ClusterParams,
    workers: int | Literal["auto"],
    on_rows: OnBatch,
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
        UserError: if ``options.threshold`` is out of range, the cluster can't be reached, or the encoding of
            texts that are a file each isn't known.
    """
    contents = read_contents(classifier)
    load_classifier(contents).texts.score([], options.threshold)
    options = replace(options, form=form_of_texts([part.source for part in parts], options.form))
    # A process is as good after many parts as after the first: it compiles nothing.
    lasting = cluster.model_copy(update={"jobs_a_process": sys.maxsize})
    name = f"scoring-{hashlib.sha256(str(parts[0].folder.absolute()).encode()).hexdigest()[:12]}"
    by_name, told = {part.name: part for part in parts}, Counter[str]()

    def jobs() -> Iterator[Job]:
        for part in parts:
            root = part.root and part.root.absolute()
            source, folder = part.source.absolute(), part.folder.absolute()
            yield Job(part.name, score_job, (replace(part, source=source, folder=folder, root=root), options))

    def heard(job: Job, rows: int) -> bool:
        on_rows(rows - told[job.key])
        told[job.key] = rows
        return True

    def ended(job: Job, outcome: JobResult) -> None:
        part, done = by_name[job.key], outcome.error or outcome.value
        if isinstance(done, Done) and not part.record.exists():
            done = UserError(f"{part.target} was written, but elsewhere: {_SHARED}")
        on_end(part, done)

    with open_pool(name, lasting, workers, len(parts), contents, here=True) as pool:
        pool.run(jobs(), heard, ended, Interruption())


def score_job(part: Part, options: Options, data: Data, say: Say) -> Done:
    """Scores one part with the classifier whose files ``data`` holds; says how many rows are done."""
    rows = 0

    def on_batch(more: int) -> None:
        nonlocal rows
        rows += more
        say(rows)

    try:
        return score_part(load_classifier(data), part, options, on_batch)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is gone, or the worker doesn't see it: {_SHARED}") from None
    except OSError as error:  # the pool would take it for a lost connection
        raise UserError(error_text(error)) from None
