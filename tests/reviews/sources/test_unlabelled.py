"""Unlabelled reviews: out of the original archive, out of a file, or none."""

import gzip
import io
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loopback import Server, sha256
from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import imdb, load_unlabelled
from pipeline.reviews.sources.imdb import read_unlabelled
from pipeline.reviews.vocabulary import Vocabulary
from reviews.own_files import write
from texts import reviews_of

UNSUP = "aclImdb/train/unsup"


pytestmark = pytest.mark.usefixtures("keras_home")


def make_archive(*members: tuple[str, bytes] | tuple[str, bytes, dict[str, object]]) -> bytes:
    """Of names, contents and other attributes: a member's type and link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content, *more in members:
            info = tarfile.TarInfo(name)
            for attribute, value in {"size": len(content)}.items() | dict(*more).items():
                setattr(info, attribute, value)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = make_archive(
    ("aclImdb/train/pos/0_9.txt", b"labelled"),
    ("aclImdb/test/neg/0_2.txt", b"labelled"),
    (f"{UNSUP}/10_0.txt", b"Word2, unheard word40!<br />"),
    ("aclImdb/train/urls_unsup.txt", b"http://host/"),
    (f"{UNSUP}/9_0.txt", "wörd word1".encode()),
)


def dataset(name: str = "imdb") -> Dataset:
    vocabulary = Vocabulary(tuple(f"word{rank}" for rank in range(1, 41)))
    splits = {split: reviews_of([[4]], [1]) for split in ("train", "test")}
    return Dataset(name, {}, splits, vocabulary, "", "", as_keras=name == "imdb")


def load(labelled: Dataset, **data: str) -> tuple[list[list[int]], dict[str, Any]]:
    """Token ids of the unlabelled reviews, and the facts."""
    params = Params().replace({f"data.{key}": value for key, value in data.items()})
    reviews, facts = load_unlabelled(params.data, labelled, pytest.fail)
    return [reviews.review(row).tolist() for row in range(len(reviews))], facts


@pytest.fixture
def served(server: Server) -> dict[str, str]:
    """The values that take the archive from the server."""
    server.answers["/a.tar.gz"] = [(200, ARCHIVE)]
    return {"unlabelled_url": f"{server.address}/a.tar.gz", "unlabelled_hash": sha256(ARCHIVE)}


def test_reviews_stand_in_the_order_of_their_number_and_nothing_is_written(here: Path) -> None:
    assert read_unlabelled(ARCHIVE) == ["wörd word1", "Word2, unheard word40!<br />"]
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "hostile",
    [
        (f"/{UNSUP}/1_0.txt", b"absolute"),
        (f"../{UNSUP}/1_0.txt", b"above"),
        (f"{UNSUP}/../unsup/1_0.txt", b"winding"),
        (f"./{UNSUP}/1_0.txt", b"dotted"),
        (f"{UNSUP}/1_0.txt\n", b"a line more"),
        (f"{UNSUP}/\u0661_0.txt", b"an Arabic digit"),
        (f"{UNSUP}/1_0.txt", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        (f"{UNSUP}/1_0.txt", b"", {"type": tarfile.LNKTYPE, "linkname": "aclImdb/train/pos/0_9.txt"}),
        *((f"{UNSUP}/1_0.txt", b"", {"type": kind}) for kind in (b"6", b"3", b"5")),  # fifo, device, folder
    ],
)
def test_a_member_that_is_no_plain_review_is_ignored(hostile: Any) -> None:
    assert read_unlabelled(make_archive(hostile, (f"{UNSUP}/2_0.txt", b"fine"))) == ["fine"]


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"no archive", "the archive of unlabelled reviews can't be read"),
        (gzip.compress(b"no tar" * 200, mtime=0), "the archive of unlabelled reviews can't be read"),
        (ARCHIVE[: len(ARCHIVE) // 2], "the archive of unlabelled reviews can't be read"),
        (make_archive(("aclImdb/README", b"Hello")), "holds no aclImdb/train/unsup/ID_STARS.txt"),
        (make_archive((f"{UNSUP}/1_0.txt", b"caf\xe9")), r"unsup/1_0.txt is not UTF-8 text \(byte 3\)"),
    ],
    ids=["no gzip", "gzip without tar", "cut short", "without reviews", "not UTF-8"],
)
def test_an_archive_that_is_another_is_refused(archive: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_unlabelled(archive)


def test_a_review_has_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imdb, "MAX_BYTES", 3)
    assert read_unlabelled(make_archive((f"{UNSUP}/1_0.txt", b"abc"))) == ["abc"]
    with pytest.raises(ValueError, match=r"1_0\.txt has 4 bytes, but a review has at most 3"):
        read_unlabelled(make_archive((f"{UNSUP}/1_0.txt", b"abcd")))


def test_imdbs_are_encoded_as_its_npz_was_without_unknown_words(served: dict[str, str]) -> None:
    reviews, facts = load(dataset(), **served)
    assert reviews == [[4], [5, 43]]
    assert facts["source"] == {"url": served["unlabelled_url"], "hash": sha256(ARCHIVE)}
    assert (facts["requested"], facts["size"]) == ("auto", 2)
    assert str(facts["digest"]).startswith("sha256:")


def test_for_others_the_archive_is_taken_by_name_alone(served: dict[str, str], server: Server) -> None:
    for labelled, asked in ((dataset("mine"), {}), (dataset(), {"unlabelled": "none"})):
        reviews, facts = load(labelled, **served, **asked)
        assert (reviews, facts["source"], server.requested) == ([], {}, [])
    assert load(dataset("snippets"), **served, unlabelled="imdb")[0] == [[2, 4], [5, 2, 43, 2]]


def test_a_file_needs_no_label_column(tmp_path: Path) -> None:
    path = write(tmp_path, "mine.jsonl", '{"words": "word1 Word3"}\n{"words": "other"}\n')
    values = {"unlabelled": "file", "unlabelled_path": str(path), "text_column": "words"}
    reviews, facts = load(dataset("mine"), **values)
    assert reviews == [[4, 6], [2]]
    assert facts["source"] == {"file": path.name, "hash": sha256(path.read_bytes())}


def test_a_missing_file_is_named_with_its_parameter() -> None:
    with pytest.raises(ValueError, match=r"data\.unlabelled_path: there is no file none\.csv"):
        load(dataset(), unlabelled="file", unlabelled_path="none.csv")


@pytest.mark.slow
def test_the_real_archive_is_encoded_as_the_real_npz_was(real_imdb: Path) -> None:
    """The test reviews stand in both, as texts and as ranks."""
    vocabulary = imdb.parse_word_index((real_imdb / "imdb_word_index.json").read_bytes())
    archive = (real_imdb / "aclImdb.tar.gz").read_bytes()
    assert len(read_unlabelled(archive)) == 50_000
    encoded: list[bytes] = []
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r|gz") as tar:
        for info in tar:
            file = tar.extractfile(info)
            if file and re.fullmatch(r"aclImdb/test/(pos|neg)/\d+_\d+\.txt", info.name):
                ids = vocabulary.encode_as_keras(file.read().decode())
                encoded.append(np.array(ids, np.int32).tobytes())
            if len(encoded) == 12_500:
                break
    reviews = imdb.parse_reviews((real_imdb / "imdb.npz").read_bytes())["test"]
    assert sorted(encoded) == sorted(reviews.keys())
