"""Files are written whole or not at all: to a temporary name beside the target, then renamed.

What is renamed is on the disk first, so that a power cut leaves the old content or the new, never an
empty file. Several files change together inside ``replaced_together``.
"""

import csv
import json
import os
import uuid
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.runtime.errors import UserError
from pipeline.runtime.interruption import uninterrupted

Row = Mapping[str, float | int | str]
CSV_FIELD_LIMIT = 2**31 - 1  # the csv module's own limit, 131,072, is shorter than some reviews

# The renames that wait for the end of ``replaced_together``: temporary name, target.
_waiting: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("waiting", default=None)


@contextmanager
def replaced_together() -> Iterator[None]:
    """Every file that ``written_whole`` finishes inside is renamed at the end, or none if the block raises.

    Until then readers, those inside the block among them, find the old files. The renames follow one another
    with nothing between them and are not cut short by Ctrl-C; POSIX has no rename of several files at once,
    so a power cut between two of them is the one thing that can still part them.
    """
    if _waiting.get() is not None:  # the outer block renames
        yield
        return
    waiting: list[tuple[Path, Path]] = []
    token = _waiting.set(waiting)
    try:
        yield
        _rename(waiting)
    finally:
        _waiting.reset(token)
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; renames it on success and removes it on failure.

    The temporary name keeps ``path``'s suffix, since some writers choose a format or add an ending by it.

    Raises:
        OSError: naming ``path``, which the system's own error on a full disk doesn't.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    waiting = _waiting.get()
    try:
        try:
            yield temporary
            _flush(temporary)
        except OSError as error:
            if error.errno is None or error.filename not in (None, str(temporary)):
                raise
            raise OSError(error.errno, error.strerror, str(path)) from error
        if waiting is None:
            _rename([(temporary, path)])
        else:
            waiting.append((temporary, path))
    finally:
        if waiting is None or (temporary, path) not in waiting:
            temporary.unlink(missing_ok=True)


def _rename(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Renames all; the folders are flushed too, since a new name is a change of its folder."""
    with uninterrupted():
        for temporary, path in pairs:
            temporary.replace(path)
        if os.name == "posix":  # Windows opens no folder
            for folder in {path.parent for _, path in pairs}:
                _flush(folder)


def _flush(path: Path) -> None:
    """Waits until the disk has what was written to a file or folder."""
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented UTF-8 JSON with a final newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        UserError: if it holds something else.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): take it out and have it made again") from None


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes named arrays as one .npz; the same arrays always give the same bytes.

    Uncompressed: deflating the token ids of 37,500 reviews takes seconds and halves 35 MB.
    """
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path, but: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Reads an .npz that holds no pickle, without the arrays ``but``.

    Raises:
        UserError: if it is cut short, or is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name not in but}
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} can't be read ({error}): take it out and have it made again") from None


def write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str] = ()) -> None:
    """Writes rows of one shape under a header, as `dvc plots` reads them.

    Args:
        path: the file.
        rows: of one shape.
        columns: the header, which is needed where there may be no rows; by default the first row's names.

    Raises:
        ValueError: if there are neither rows nor columns.
    """
    if not rows and not columns:
        raise ValueError(f"{path}: there are no rows to write")
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(columns or rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, float]]:
    """Reads a file of `write_csv` that holds numbers only."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
