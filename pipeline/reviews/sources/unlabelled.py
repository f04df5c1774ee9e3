"""Reviews without labels: those of IMDb's original archive, a file of the user's, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.params import DataParams
from pipeline.reviews.dataset import Dataset, content_digest
from pipeline.reviews.ragged import Sequences, offsets_of
from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.fetching import UnreachableError, fetch, public_url
from pipeline.reviews.sources.file import LISTED, Ids, read_table
from pipeline.reviews.sources.files import hash_of
from pipeline.reviews.sources.imdb import read_unlabelled


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Unlabelled reviews and where they come from.

    Attributes:
        reviews: their token ids, made as those of the labelled reviews.
        source: the file and its hash; empty where there are none.
        skipped: what was wrong with rows that could not be used.
    """

    reviews: Sequences
    source: dict[str, str]
    skipped: list[str] = field(default_factory=list)

    def facts(self, requested: str) -> dict[str, object]:
        """What dataset.json says of them; ``requested`` is data.unlabelled."""
        arrays: dict[str, np.ndarray] = {"tokens": self.reviews.tokens, "offsets": self.reviews.offsets}
        return {
            "requested": requested,
            "source": self.source,
            "size": len(self.reviews),
            "digest": content_digest(arrays),
            "rows_skipped": len(self.skipped),
            "skipped": self.skipped[:LISTED],
        }


def load_unlabelled(data: DataParams, dataset: Dataset, warn: Callable[[str], None]) -> Unlabelled:
    """The unlabelled reviews that ``data.unlabelled`` asks for, encoded as those of ``dataset``.

    Args:
        data: the ``unlabelled`` values, ``source``, ``text_column`` and how files are written are read.
        dataset: the labelled reviews, whose vocabulary is used.
        warn: is told why there are none although some were asked for.

    Raises:
        ValueError: if what came is not what it must be, or the user's file can't be read.
    """
    kind = data.unlabelled
    if kind == "auto":  # after the data set that came, which is not IMDb where the fallback was taken
        kind = "imdb" if dataset.name == "imdb" else "none"
    ids, source, skipped = Ids(dataset.encode), dict[str, str](), list[str]()
    rows: np.ndarray | slice = slice(None)
    if kind == "imdb":
        try:
            archive = fetch(data.unlabelled_url, data.unlabelled_hash)
        except UnreachableError as error:
            warn(
                f"{error}; going on without unlabelled reviews. When it can be reached: "
                "dvc repro --force download; or set data.unlabelled_url to a mirror, data.unlabelled to none"
            )
        else:
            for text in read_unlabelled(archive):
                ids.add(text)
            source = {"url": public_url(data.unlabelled_url), "hash": data.unlabelled_hash}
    elif kind == "file":
        path = Path(data.unlabelled_path)
        table = read_table(path, [str(data.text_column)], Format.of(data), ids, "data.unlabelled_path", warn)
        rows, skipped = table.usable(data.bad_rows)
        if skipped:
            warn(f"{path}: {len(skipped):,} rows skipped, the first because of {skipped[0]}")
        source = {"file": path.name, "hash": hash_of(path)}
    kept = np.frombuffer(ids.lengths, np.int64)[rows]  # the others have no tokens
    return Unlabelled(Sequences(np.frombuffer(ids.tokens, np.int32), offsets_of(kept)), source, skipped)
