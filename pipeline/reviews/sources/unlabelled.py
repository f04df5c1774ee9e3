"""Reviews without labels: those of IMDb's original archive, a file of the user's, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.params import DataParams
from pipeline.reviews.dataset import Dataset, content_digest
from pipeline.reviews.ragged import Rows, Sequences, offsets_of
from pipeline.reviews.sources.fetching import UnreachableError, fetch, public_url
from pipeline.reviews.sources.file import LISTED, hash_of, progress, text_faults, usable, wanted
from pipeline.reviews.sources.imdb import read_unlabelled
from pipeline.reviews.sources.tables import read_table
from pipeline.reviews.sources.texts import Ids, Texts

Warn = Callable[[str], None]


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


def load_unlabelled(data: DataParams, dataset: Dataset, warn: Warn) -> Unlabelled:
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
    ids = Ids(dataset.encode)
    source: dict[str, str] = {}
    rows: Rows | None = None  # all
    skipped: list[str] = []
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
        path, column = Path(data.unlabelled_path), str(data.text_column)
        table = read_table(
            path,
            [column],
            "data.unlabelled_path",
            wanted(data),
            {column: Texts(ids).take},
            progress(path, warn),
        )
        faults = text_faults(table.columns[column])
        rows, skipped = usable(table, faults, data.bad_rows, path)
        if skipped:
            warn(f"{path}: {len(skipped):,} rows skipped, the first because of {skipped[0]}")
        source = {"file": path.name, "hash": hash_of(path)}
    lengths = np.frombuffer(ids.lengths, np.int64)
    kept = lengths if rows is None else lengths[rows]  # the others have no tokens
    return Unlabelled(Sequences(np.frombuffer(ids.tokens, np.int32), offsets_of(kept)), source, skipped)
