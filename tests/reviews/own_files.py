"""Files of one's own reviews: written, and read as records or as a data set."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.params import Params, Value
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import file
from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.files import files_of
from pipeline.reviews.sources.records import Reader


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(rows: Iterable[str], header: str = "text,label") -> str:
    return "".join(f"{row}\n" for row in (header, *rows))


def json_lines(records: Iterable[object]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def of_pairs(folder: Path, pairs: Iterable[tuple[object, object]]) -> Path:
    """mine.jsonl, a text and its label a line."""
    return write(folder, "mine.jsonl", json_lines({"text": text, "label": label} for text, label in pairs))


def read(path: Path, *names: str, **form: Any) -> list[tuple[str, dict[str, Any]]]:
    """The records of a file or a folder's files."""
    reader = Reader(names or ("text", "label"), Format(**form))
    return [
        record for each in files_of(path) for record in reader.read(each, path if path.is_dir() else None)
    ]


def values(path: Path, *names: str, **form: Any) -> list[tuple[Any, ...]]:
    """The records' values under ``names``, or as text and label."""
    wanted = names or ("text", "label")
    return [tuple(map(row.get, wanted)) for _, row in read(path, *wanted, **form)]


def load(path: Path, **data: Value) -> Dataset:
    """The data set of the file, by the values of ``data``."""
    given = {"data.source": "file", "data.path": str(path)} | {f"data.{key}": data[key] for key in data}
    return file.load(Params().replace(given).data, seed=42)


def sizes(dataset: Dataset) -> dict[str, int]:
    return {name: len(reviews) for name, reviews in dataset.splits.items()}


def size(dataset: Dataset) -> int:
    return sum(sizes(dataset).values())
