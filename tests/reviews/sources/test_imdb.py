"""IMDb in Keras' preparation."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from loopback import ImdbFiles, Server
from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import imdb

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
def test_another_word_index(server: Server, imdb_files: ImdbFiles, word_index: bytes, message: str) -> None:
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
