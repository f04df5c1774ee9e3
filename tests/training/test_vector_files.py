"""Word vectors as GloVe, word2vec and fastText publish them."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from pipeline.params import Params
from pipeline.training.vector_files import check_vectors, read_vectors
from plain import plain_params

PLAIN = plain_params()
WORDS = ["good", "bad", "it's", "paris", "rare"]  # ids 4 to 8, of which the last is beyond the vocabulary
VECTORS = {"the": [9, 9, 9], "good": [1, 0, 0], "Paris": [0, 0, 3], "bad": [-1, 2, 0], "rare": [5, 5, 5]}
GLOVE = "".join(f"{word} {' '.join(map(str, values))}\n" for word, values in VECTORS.items())


KINDS = ["glove.txt", "glove.txt.gz", "fasttext.vec", "blanks.txt"]
KINDS += ["word2vec.txt", "word2vec.bin", "word2vec.bin.gz"]


def params_of(path: Path, dimension: int = 3) -> Params:
    values = {"vectors.path": str(path), "model.embedding_dim": dimension, "pad.vocab_size": 8}
    return PLAIN.replace({**values, "vectors.deviation": 0.5})


def write(folder: Path, kind: str) -> Path:
    """GloVe 6B's form, and what gensim 4.4 writes as word2vec's; fastText ends lines with a blank."""
    path = folder / kind
    if kind.startswith("word2vec"):
        vectors = KeyedVectors(3)
        vectors.add_vectors(list(VECTORS), np.array([*VECTORS.values()], np.float32))
        vectors.save_word2vec_format(str(path), binary=".bin" in kind)
        return path
    lines = {
        "glove.txt": GLOVE,
        "glove.txt.gz": GLOVE,
        "fasttext.vec": "5 3\n" + GLOVE.replace("\n", " \n"),
        "blanks.txt": f". . . 7 7 7\n{GLOVE}",  # as in GloVe's 840B
    }[kind]
    path.write_bytes(gzip.compress(lines.encode()) if kind.endswith(".gz") else lines.encode())
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_words_of_the_vocabulary_have_the_files_vectors_scaled(kind: str, tmp_path: Path) -> None:
    params = params_of(write(tmp_path, kind))
    check_vectors(params)
    vectors, found = read_vectors(params, WORDS)
    raw = np.zeros((8, 3))
    raw[4], raw[5], raw[7] = [1, 0, 0], [-1, 2, 0], [0, 0, 3]
    assert vectors == pytest.approx(raw * 0.5 / raw[[4, 5, 7]].std())
    assert found == 0.75
    assert vectors.dtype == np.float32


def test_a_word_as_it_is_goes_before_one_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Good 7 7 1\ngood 1 0 0\nGOOD 8 8 1\n")
    vectors, _ = read_vectors(params_of(tmp_path / "a.txt"), WORDS)
    assert np.argmax(vectors[4]) == 0


@pytest.mark.parametrize("kind", ["glove.txt", "fasttext.vec", "word2vec.bin"])
def test_another_dimension_is_said_before_any_work(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind)
    with pytest.raises(ValueError, match=r"have 3 dimensions, but model.embedding_dim is 4: set it to 3"):
        check_vectors(params_of(path, 4))
    searched = {"tune.trials": 2, "tune.search_space": {"model.embedding_dim": {"choices": [3, 5]}}}
    with pytest.raises(ValueError, match=r"model.embedding_dim is 5"):
        check_vectors(params_of(path).replace(searched))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"good": [1, 2, 3]}), "a pickle, which is never loaded"),
        (b"\xba\x16\x4f\x2f\x0c\x00\x00\x00", "a fastText model"),
        (b"PK\x03\x04", "a zip archive: unpack it"),
        (b"text,label\nFine,1\n", "holds no word vectors"),
        (b"", "holds no word vectors"),
        (b"the 1 2 3\ngood 1 2\n", "line 2: no 3 numbers follow"),
        (b"le 1 2 3\n", "no word of the vocabulary"),
        (b"5 3\nthe \x00\x00", "can't be read as word2vec's binary form"),
    ],
)
def test_what_is_no_file_of_vectors_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_vectors(params_of(tmp_path / "a.txt"), WORDS)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"vectors.path: there is no file"):
        check_vectors(params_of(tmp_path / "none.txt"))
