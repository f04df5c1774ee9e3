"""IMDb in Keras' preparation."""

import dataclasses
import importlib.util
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from loopback import ImdbFiles, Server
from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import imdb
from pipeline.reviews.sources.imdb import read_keras_npz

pytestmark = pytest.mark.usefixtures("keras_home")


def load(files: ImdbFiles, server: Server) -> Dataset:
    return imdb.load(Params().replace(files.serve(server)).data)


def test_rows_and_ids_are_keras_without_unknown_words(server: Server, imdb_files: ImdbFiles) -> None:
    dataset = load(imdb_files, server)
    generator = np.random.RandomState(113)
    for split, count in (("train", 60), ("test", 30)):
        order = np.arange(count)
        generator.shuffle(order)
        reviews = dataset.splits[split]
        assert [reviews.review(row).tolist() for row in range(count)] == [
            [rank + 3 for rank in imdb_files.ranks[split][row]] for row in order
        ]
        assert reviews.labels.tolist() == [imdb_files.labels[split][row] for row in order]
    assert dataset.vocabulary.words == tuple(f"word{rank}" for rank in range(1, 41))
    assert dataset.vocabulary.decode([4, 43]) == "word1 word40"
    assert dataset.encode("word1 unheard word3") == [4, 6]


def test_the_facts_name_addresses_hashes_and_sizes(server: Server, imdb_files: ImdbFiles) -> None:
    facts = load(imdb_files, server).facts("imdb")
    assert facts["name"] == facts["requested"] == "imdb"
    names = ("url", "hash", "word_index_url", "word_index_hash")
    assert facts["source"] == {name: imdb_files.params(server.address)[f"data.{name}"] for name in names}
    assert (facts["sizes"], facts["words"]) == ({"train": 60, "test": 30}, 40)
    assert facts["digest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("word_index", "message"),
    [
        (b"no json", "the word index is not JSON"),
        (b"5", "must map each word to its rank"),
        (b'["the"]', "must map each word to its rank, from 1 without gaps"),
        (b'{"the": 1, "a": 3}', "must map each word to its rank, from 1 without gaps"),
        (b'{"the": 1, "a": [2]}', "must map each word to its rank, from 1 without gaps"),
        (json.dumps({f"w{rank}": rank for rank in range(1, 40)}).encode(), "rank 40, but .* has 39 words"),
    ],
)
def test_a_wrong_word_index(server: Server, imdb_files: ImdbFiles, word_index: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(dataclasses.replace(imdb_files, word_index=word_index), server)


def test_labels_must_be_as_many_as_reviews(server: Server, imdb_files: ImdbFiles, tmp_path: Path) -> None:
    with np.load(tmp_path / "imdb.npz", allow_pickle=True) as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "other.npz", **arrays | {"y_test": arrays["y_test"][:-1]})
    files = dataclasses.replace(imdb_files, npz=(tmp_path / "other.npz").read_bytes())
    with pytest.raises(ValueError, match="30 test reviews have 29 labels"):
        load(files, server)


def test_the_defaults_are_keras_own_files() -> None:
    """Keras names the word index's md5 and the reviews' sha256 in its own source."""
    keras = importlib.util.find_spec("keras")  # not imported, which takes seconds
    data, source = (
        Params().data,
        Path(keras.submodule_search_locations[0], "src/datasets/imdb.py").read_text(encoding="utf-8"),
    )
    for value in (data.hash, data.word_index_hash):
        assert f'"{value.partition(":")[2]}"' in source
    for url in (data.url, data.word_index_url):
        folder, _, name = url.rpartition("/")
        assert f'"{folder}/"' in source and f"{{origin_folder}}{name}" in source


# The unpickler that calls nothing.

HEADER = {"descr": "|O", "fortran_order": False, "shape": (2,)}


def lists(*values: object) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def npz(**members: bytes | np.ndarray) -> bytes:
    """An .npz; bytes stand for an object array's pickle, as they are."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            file = io.BytesIO()
            if isinstance(member, bytes):
                np.lib.format.write_array_header_1_0(file, HEADER)
                file.write(member)
            else:
                np.lib.format.write_array(file, member)
            archive.writestr(f"{name}.npy", file.getvalue())
    return content.getvalue()


@pytest.mark.parametrize("numpy_version", [1, 2])
def test_lists_are_read_as_numpy_1_and_2_write_them(numpy_version: int) -> None:
    content = pickle.dumps(lists([1, 70000], []), protocol=numpy_version + 2)  # each one's default in np.save
    if numpy_version == 1:
        assert b"cnumpy._core.multiarray\n" in content
        content = content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    arrays = read_keras_npz(npz(x=content, y=np.array([0, 1])), ragged=("x",), flat=("y",))
    assert arrays["x"].tolist() == [[1, 70000], []]
    assert arrays["y"].tolist() == [0, 1]


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_calls_something_is_refused(tmp_path: Path) -> None:
    made = tmp_path / "made"
    content = pickle.dumps(lists([1], Malicious(made)))
    with pytest.raises(ValueError, match=r"asks for (posix|nt)\.system, which is no part of an array"):
        read_keras_npz(npz(x=content), ragged=("x",), flat=())
    assert not made.exists()
    pickle.loads(content)  # noqa: S301  (shows that the pickle is what it is said to be)
    assert made.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip at all", "can't be read"),
        (npz(y=np.zeros(2)), "lacks an array"),
        (npz(x=np.zeros(2)), "must be an array of lists, but they are of type float64"),
        (npz(x=pickle.dumps([[1], [2]])), "something else is in the pickle"),
        (npz(x=pickle.dumps(lists((1,), (2,)))), "something else is in the pickle"),
        (npz(x=pickle.dumps(lists([1], [2]))[:-20]), "can't be read"),
        (npz(x=pickle.dumps(lists([1], [2]).reshape(1, 2))), r"must be flat, but its shape is \(1, 2\)"),
        (npz(x=b"Pid\n."), "can't be read: it refers to something outside itself"),
        (npz(x=b"cbuiltins\neval\n."), "asks for builtins.eval"),
        (npz(x=b"cnumpy\nload\n."), "asks for numpy.load"),
        (npz(x=b"cnumpy._core.multiarray\nfromfile\n."), "asks for numpy._core.multiarray.fromfile"),
    ],
)
def test_what_is_no_array_of_lists_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_keras_npz(content, ragged=("x",), flat=())


def test_a_flat_array_may_not_be_a_pickle() -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_keras_npz(npz(y=pickle.dumps(lists(1, 2))), ragged=(), flat=("y",))
