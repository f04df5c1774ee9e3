"""The Large Movie Review Dataset: in Keras' preparation, and the unlabelled reviews of its original archive.

Arrays of lists, as in imdb.npz, can't be stored but as pickles. ``numpy.load(allow_pickle=True)`` would run
whatever a pickle names; the unpickler here knows three names, those that rebuild an array. The archive
aclImdb_v1.tar.gz is read as a stream: nothing of it is written to disk and none of its paths is followed.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile
import zlib
from typing import Any, NoReturn

import numpy as np
from numpy._core.multiarray import _reconstruct

from pipeline.params import DataParams
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.ragged import Reviews, flatten
from pipeline.reviews.sources.fetching import fetch, public_url
from pipeline.reviews.vocabulary import INDEX_FROM, Vocabulary
from pipeline.runtime.errors import UserError

SHUFFLE_SEED = 113  # of keras.datasets.imdb.load_data, whose order the rows have
CITATION = (
    "Maas, Daly, Pham, Huang, Ng & Potts: Learning Word Vectors for Sentiment Analysis. ACL 2011. "
    "https://ai.stanford.edu/~amaas/data/sentiment/"
)
LICENCE = "none stated; the authors ask to be cited"
_REVIEW = re.compile(r"aclImdb/train/unsup/([0-9]{1,9})_[0-9]{1,2}\.txt", re.ASCII)
MAX_BYTES = 1 << 20  # of a review; the longest of the real ones has 14,282
# numpy 1 and 2 name the module differently. Nothing is imported by name.
_ARRAY_PARTS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}
_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load(data: DataParams) -> Dataset:
    """IMDb's reviews, row for row those of ``keras.datasets.imdb.load_data()``, from ``data``'s addresses.

    Raises:
        UnreachableError: if a file is not in the cache and can't be reached.
        UserError: if a file has another hash, or is not of the form.
    """
    archive, word_index = fetch(data.url, data.hash), fetch(data.word_index_url, data.word_index_hash)
    source = {"url": public_url(data.url), "hash": data.hash}
    source |= {"word_index_url": public_url(data.word_index_url), "word_index_hash": data.word_index_hash}
    try:
        splits, vocabulary = parse_reviews(archive), parse_word_index(word_index)
        return Dataset("imdb", source, splits, vocabulary, CITATION, LICENCE, as_keras=True)
    except ValueError as error:
        raise UserError(f"{source['url']} with {source['word_index_url']}: {error}") from None


def parse_reviews(archive: bytes) -> dict[str, Reviews]:
    """The train and test splits of an imdb.npz whose hash has been checked, in Keras' order.

    Raises:
        ValueError: if it isn't of the form.
    """
    arrays = read_keras_npz(archive, ragged=("x_train", "x_test"), flat=("y_train", "y_test"))
    generator = np.random.RandomState(SHUFFLE_SEED)
    splits = {}
    for split in ("train", "test"):
        ranks, labels = arrays.pop(f"x_{split}"), arrays.pop(f"y_{split}")
        if len(ranks) != len(labels):
            raise ValueError(f"{len(ranks)} {split} reviews have {len(labels)} labels")
        order = np.arange(len(ranks))
        generator.shuffle(order)
        flat, offsets = flatten(ranks[order])
        splits[split] = Reviews(flat + np.int32(INDEX_FROM), offsets, labels[order].astype(np.int8))
    return splits


def parse_word_index(content: bytes) -> Vocabulary:
    """The vocabulary of an imdb_word_index.json.

    Raises:
        ValueError: if it doesn't map words to the ranks 1, 2, 3, ...
    """
    try:
        ranks = json.loads(content)
    except ValueError as error:
        raise ValueError(f"the word index is not JSON: {error}") from None
    ranked = ranks.values() if isinstance(ranks, dict) else ()
    if not ranked or {rank for rank in ranked if isinstance(rank, int)} != set(range(1, len(ranked) + 1)):
        raise ValueError("the word index must map each word to its rank, from 1 without gaps")
    return Vocabulary(tuple(sorted(ranks, key=ranks.__getitem__)))


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays of lists and numbers; any other name in the pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """The array part of that name."""
        if (module, name) not in _ARRAY_PARTS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no part of an array")
        return _ARRAY_PARTS[module, name]

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuses references to objects outside the pickle."""
        raise pickle.UnpicklingError("it refers to something outside itself")


def read_keras_npz(content: bytes, ragged: tuple[str, ...], flat: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays of an .npz whose hash has been checked.

    Args:
        content: the file.
        ragged: names of arrays of lists: object (num_sequences,).
        flat: names of arrays of numbers: (num_sequences,).

    Raises:
        ValueError: if it is no .npz, lacks an array, or holds anything but arrays of lists and numbers.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            arrays = {name: _read_lists(archive.read(f"{name}.npy")) for name in ragged}
            for name in flat:
                with archive.open(f"{name}.npy") as member:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    except KeyError as error:
        raise ValueError(f"the .npz lacks an array: {error.args[0]}") from None
    # What a broken pickle may raise, after the pickle module's documentation.
    except (zipfile.BadZipFile, pickle.PickleError, EOFError, AttributeError, IndexError, TypeError) as error:
        raise ValueError(f"the .npz can't be read: {error}") from None
    for name, values in arrays.items():
        if values.ndim != 1:
            raise ValueError(f"the .npz's array {name} must be flat, but its shape is {values.shape}")
    return arrays


def _read_lists(npy: bytes) -> np.ndarray:
    """The object array of lists in a .npy file."""
    file = io.BytesIO(npy)
    version = np.lib.format.read_magic(file)
    if version not in _HEADER_READERS:
        raise ValueError(f"the .npy version must be 1.0 or 2.0, but is {version}")
    _, _, dtype = _HEADER_READERS[version](file)
    if dtype.kind != "O":
        raise ValueError(f"the reviews must be an array of lists, but they are of type {dtype}")
    values = ArrayUnpickler(file).load()
    if not isinstance(values, np.ndarray) or set(map(type, values.flat)) - {list}:
        raise ValueError("the reviews must be an array of lists, but something else is in the pickle")
    return values


def read_unlabelled(archive: bytes) -> list[str]:
    """The texts of ``aclImdb/train/unsup/ID_STARS.txt`` in an archive whose hash was checked, by their ID.

    A member is read only if its whole name is that of an unlabelled review and it is a regular file.

    Raises:
        UserError: if it is no gzipped tar archive, is broken, holds no such review, or one that is longer
            than MAX_BYTES or not UTF-8.
    """
    texts: dict[int, str] = {}
    try:
        # tarfile's own "r|gz" takes a stream that breaks off for one that ends.
        with gzip.open(io.BytesIO(archive)) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                name = _REVIEW.fullmatch(member.name)
                if not name or not member.isreg() or member.issparse():
                    continue
                if member.size > MAX_BYTES:
                    raise UserError(
                        f"{member.name} has {member.size:,} bytes, but a review has at most {MAX_BYTES:,}"
                    )
                file = tar.extractfile(member)
                texts[int(name[1])] = file.read().decode() if file else ""
    except UnicodeDecodeError as error:
        raise UserError(f"{member.name} is not UTF-8 text (byte {error.start})") from None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise UserError(f"the archive of unlabelled reviews can't be read: {error}") from None
    if not texts:
        raise UserError("the archive holds no aclImdb/train/unsup/ID_STARS.txt: take aclImdb_v1.tar.gz")
    return [texts[number] for number in sorted(texts)]
