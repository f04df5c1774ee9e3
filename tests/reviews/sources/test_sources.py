"""Which source is taken, and when the fallback is."""

from __future__ import annotations

import pytest

from loopback import ImdbFiles, Server, closed_address
from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import fetching, load_dataset, snippets
from pipeline.reviews.sources.fetching import UnreachableError


@pytest.fixture(autouse=True)
def _quick_and_alone(monkeypatch: pytest.MonkeyPatch, keras_home: object) -> None:
    monkeypatch.setattr(fetching, "BACKOFF", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def fallback(monkeypatch: pytest.MonkeyPatch) -> object:
    """What stands in for the snippets."""
    marker = object()
    monkeypatch.setattr(snippets, "load", lambda *_: marker)
    return marker


def test_imdb_in_reach_needs_no_fallback(
    params: Params, server: Server, imdb_files: ImdbFiles, fallback: object
) -> None:
    warnings: list[str] = []
    values = imdb_files.serve(server) | {"data.fallback": "snippets"}
    dataset = load_dataset(params.replace(values), warnings.append)
    assert isinstance(dataset, Dataset)
    assert dataset.name == "imdb"
    assert warnings == []


def test_imdb_out_of_reach_takes_the_fallback_and_says_so(
    params: Params, imdb_files: ImdbFiles, fallback: object
) -> None:
    warnings: list[str] = []
    values = imdb_files.params(closed_address()) | {"data.fallback": "snippets"}
    assert load_dataset(params.replace(values), warnings.append) is fallback
    assert len(warnings) == 1
    assert "imdb.npz can't be reached: there is no connection" in warnings[0]
    assert "as data.fallback says: snippets." in warnings[0]


def test_without_a_fallback_the_error_says_what_to_do(
    params: Params, imdb_files: ImdbFiles, fallback: object
) -> None:
    with pytest.raises(ValueError, match=r"(?s)can't be reached.*set data\.url .*data\.fallback to snippets"):
        load_dataset(params.replace(imdb_files.params(closed_address())), pytest.fail)


@pytest.mark.parametrize("key", ["data.hash", "data.word_index_hash"])
def test_a_wrong_hash_never_takes_the_fallback(
    params: Params, server: Server, imdb_files: ImdbFiles, fallback: object, key: str
) -> None:
    values = imdb_files.serve(server) | {"data.fallback": "snippets", key: f"sha256:{'0' * 64}"}
    with pytest.raises(ValueError, match="does not match the known hash"):
        load_dataset(params.replace(values), pytest.fail)


def test_a_fallback_out_of_reach_is_told_after_the_warning(
    params: Params, imdb_files: ImdbFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise UnreachableError("the snippets can't be had")

    monkeypatch.setattr(snippets, "load", unreachable)
    warnings: list[str] = []
    values = imdb_files.params(closed_address()) | {"data.fallback": "snippets"}
    with pytest.raises(ValueError, match="the snippets can't be had"):
        load_dataset(params.replace(values), warnings.append)
    assert len(warnings) == 1


def test_snippets_asked_for_are_no_fallback(params: Params, fallback: object) -> None:
    assert load_dataset(params.replace({"data.source": "snippets"}), pytest.fail) is fallback
