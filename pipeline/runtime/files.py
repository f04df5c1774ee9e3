"""Files are written whole or not at all: to a temporary name beside the target, then renamed."""

import csv
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

Row = Mapping[str, float | int | str]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; renames it on success and removes it on failure.

    The temporary name keeps ``path``'s suffix, since some writers choose a format or add an ending by it.

    Raises:
        OSError: naming ``path``, which the system's own error on a full disk doesn't.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def written_together(*paths: Path) -> Iterator[list[Path]]:
    """``written_whole`` of several files: on success all are renamed, one after the other, else none."""
    with ExitStack() as stack:
        yield [stack.enter_context(written_whole(path)) for path in paths]


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented UTF-8 JSON with a final newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Writes named arrays as one .npz; the same arrays always give the same bytes.

    Uncompressed: deflating the token ids of 37,500 reviews takes seconds and halves 35 MB.
    """
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads an .npz that holds no pickle."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


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
