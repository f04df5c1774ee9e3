"""Unlabelled reviews: out of the original archive, out of a file, or none."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loopback import ImdbFiles, Server, closed_address, sha256
from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.ragged import Ragged
from pipeline.reviews.sources import fetching, imdb, load_unlabelled
from pipeline.reviews.sources.imdb import read_unlabelled
from pipeline.reviews.vocabulary import Vocabulary
from texts import reviews_of

UNSUP = "aclImdb/train/unsup"


@pytest.fixture(autouse=True)
def _quick_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "BACKOFF", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def member(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive; its type and link are ``attributes``."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def make_archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = make_archive(
    member("aclImdb/train/pos/0_9.txt", b"labelled"),
    member("aclImdb/test/neg/0_2.txt", b"labelled"),
    member(f"{UNSUP}/10_0.txt", b"Word2, unheard word40!<br />"),
    member("aclImdb/train/urls_unsup.txt", b"http://host/"),
    member(f"{UNSUP}/9_0.txt", "wörd word1".encode()),
)


def dataset(name: str = "imdb", as_keras: bool = True) -> Dataset:
    vocabulary = Vocabulary(tuple(f"word{rank}" for rank in range(1, 41)))
    splits = {split: reviews_of([[4]], [1]) for split in ("train", "test")}
    return Dataset(name, {}, splits, vocabulary, "", "", as_keras)


def load(params: Params, labelled: Dataset, values: dict[str, str | None]) -> tuple[Ragged, dict[str, Any]]:
    return load_unlabelled(params.replace(values).data, labelled, pytest.fail)


def served(server: Server, archive: bytes = ARCHIVE, unlabelled: str = "auto") -> dict[str, str | None]:
    server.answers["/a.tar.gz"] = [(200, archive)]
    return {
        "data.unlabelled": unlabelled,
        "data.unlabelled_url": f"{server.address}/a.tar.gz",
        "data.unlabelled_hash": sha256(archive),
    }


def test_the_reviews_of_the_archive_stand_in_the_order_of_their_number() -> None:
    assert read_unlabelled(ARCHIVE) == ["wörd word1", "Word2, unheard word40!<br />"]


@pytest.mark.parametrize(
    "hostile",
    [
        member(f"/{UNSUP}/1_0.txt", b"absolute"),
        member(f"../{UNSUP}/1_0.txt", b"above"),
        member(f"{UNSUP}/../unsup/1_0.txt", b"winding"),
        member(f"./{UNSUP}/1_0.txt", b"dotted"),
        member(f"{UNSUP}/1_0.txt\n", b"a line more"),
        member(f"{UNSUP}/\u0661_0.txt", b"an Arabic digit"),
        member(f"{UNSUP}/1_0.txt", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member(f"{UNSUP}/1_0.txt", type=tarfile.LNKTYPE, linkname="aclImdb/train/pos/0_9.txt"),
        member(f"{UNSUP}/1_0.txt", type=tarfile.FIFOTYPE),
        member(f"{UNSUP}/1_0.txt", type=tarfile.CHRTYPE),
        member(f"{UNSUP}/1_0.txt", type=tarfile.DIRTYPE),
    ],
    ids=lambda value: f"{value[0].name!r} of type {value[0].type!r}",
)
def test_a_member_that_is_no_plain_review_is_ignored(hostile: tuple[tarfile.TarInfo, bytes]) -> None:
    assert read_unlabelled(make_archive(hostile, member(f"{UNSUP}/2_0.txt", b"fine"))) == ["fine"]


def test_reading_an_archive_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read_unlabelled(ARCHIVE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"no archive", "the archive of unlabelled reviews can't be read"),
        (gzip.compress(b"no tar" * 200, mtime=0), "the archive of unlabelled reviews can't be read"),
        (ARCHIVE[: len(ARCHIVE) // 2], "the archive of unlabelled reviews can't be read"),
        (make_archive(member("aclImdb/README", b"Hello")), "holds no aclImdb/train/unsup/ID_STARS.txt"),
        (make_archive(member(f"{UNSUP}/1_0.txt", b"caf\xe9")), r"unsup/1_0.txt is not UTF-8 text \(byte 3\)"),
    ],
    ids=["no gzip", "gzip without tar", "cut short", "without reviews", "not UTF-8"],
)
def test_an_archive_that_is_another_is_refused(archive: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_unlabelled(archive)


def test_a_review_has_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imdb, "MAX_BYTES", 3)
    assert read_unlabelled(make_archive(member(f"{UNSUP}/1_0.txt", b"abc"))) == ["abc"]
    with pytest.raises(ValueError, match=r"1_0\.txt has 4 bytes, but a review has at most 3"):
        read_unlabelled(make_archive(member(f"{UNSUP}/1_0.txt", b"abcd")))


def test_imdbs_are_encoded_as_its_npz_was_without_unknown_words(
    params: Params, server: Server, keras_home: Path
) -> None:
    reviews, facts = load(params, dataset(), served(server))
    assert [reviews.review(row).tolist() for row in range(len(reviews))] == [[4], [5, 43]]
    assert facts["source"] == {"url": f"{server.address}/a.tar.gz", "hash": sha256(ARCHIVE)}
    assert (facts["requested"], facts["size"]) == ("auto", 2)
    assert str(facts["digest"]).startswith("sha256:")


def test_the_loaded_imdb_leaves_unknown_words_out(
    params: Params, server: Server, imdb_files: ImdbFiles, keras_home: Path
) -> None:
    loaded = imdb.load(params.replace(imdb_files.serve(server)).data)
    assert loaded.encode("word1 unheard word3") == [4, 6]


def test_auto_takes_the_archive_for_imdb_only(params: Params, server: Server, keras_home: Path) -> None:
    for name in ("snippets", "mine"):
        reviews, facts = load(params, dataset(name, as_keras=False), served(server))
        assert (len(reviews), facts["source"]) == (0, {})
    assert server.requested == []


def test_the_archive_asked_for_by_name_is_encoded_as_the_other_reviews_are(
    params: Params, server: Server, keras_home: Path
) -> None:
    reviews, _ = load(params, dataset("snippets", as_keras=False), served(server, unlabelled="imdb"))
    assert reviews.tokens.tolist() == [2, 4, 5, 2, 43, 2]
    assert reviews.offsets.tolist() == [0, 2, 6]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_file_needs_no_label_column(params: Params, tmp_path: Path, suffix: str) -> None:
    content = {
        "csv": "words\nword1 Word3\nother\n",
        "jsonl": '{"words": "word1 Word3"}\n{"words": "other"}\n',
    }
    path = tmp_path / f"mine.{suffix}"
    path.write_text(content[suffix])
    values: dict[str, str | None] = {
        "data.unlabelled": "file",
        "data.unlabelled_path": str(path),
        "data.text_column": "words",
    }
    reviews, facts = load(params, dataset("mine", as_keras=False), values)
    assert (reviews.tokens.tolist(), reviews.offsets.tolist()) == ([4, 6, 2], [0, 2, 3])
    assert facts["source"] == {"file": path.name, "hash": sha256(path.read_bytes())}


def test_a_missing_file_is_named_with_its_parameter(params: Params) -> None:
    values: dict[str, str | None] = {"data.unlabelled": "file", "data.unlabelled_path": "none.csv"}
    with pytest.raises(ValueError, match=r"data\.unlabelled_path: there is no file none\.csv"):
        load(params, dataset(), values)


def test_none_reads_nothing(params: Params, server: Server) -> None:
    assert len(load(params, dataset(), served(server, unlabelled="none"))[0]) == 0
    assert server.requested == []


def test_out_of_reach_is_one_line_and_no_error(params: Params, keras_home: Path) -> None:
    values: dict[str, str | None] = {"data.unlabelled_url": f"{closed_address()}/a.tar.gz"}
    lines: list[str] = []
    reviews, facts = load_unlabelled(params.replace(values).data, dataset(), lines.append)
    assert (len(reviews), facts["source"]) == (0, {})
    assert len(lines) == 1
    assert "a.tar.gz can't be reached: there is no connection; going on without unlabelled" in lines[0]
    assert "\n" not in lines[0]


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
