"""Which source is taken, and when the fallback is."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from loopback import ImdbFiles, Server, closed_address
from pipeline.params import Params
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.sources import load_dataset, snippets
from pipeline.reviews.sources.fetching import UnreachableError

pytestmark = pytest.mark.usefixtures("keras_home")


@pytest.fixture
def fallback(monkeypatch: pytest.MonkeyPatch) -> object:
    """What stands in for the snippets."""
    marker = object()
    monkeypatch.setattr(snippets, "load", lambda *_: marker)
    return marker


@pytest.fixture
def out_of_reach(imdb_files: ImdbFiles) -> dict[str, str | None]:
    return imdb_files.params(closed_address())


FALLBACK = {"data.fallback": "snippets"}


def test_imdb_in_reach_needs_no_fallback(server: Server, imdb_files: ImdbFiles, fallback: object) -> None:
    dataset = load_dataset(Params().replace(imdb_files.serve(server) | FALLBACK), pytest.fail)
    assert isinstance(dataset, Dataset)
    assert dataset.name == "imdb"


def test_out_of_reach_takes_the_fallback_aloud(out_of_reach: dict[str, str | None], fallback: object) -> None:
    warnings: list[str] = []
    assert load_dataset(Params().replace(out_of_reach | FALLBACK), warnings.append) is fallback
    [warning] = warnings
    assert "imdb.npz can't be reached: there is no connection" in warning
    assert "as data.fallback says: snippets." in warning


def test_without_a_fallback_the_error_helps(out_of_reach: dict[str, str | None], fallback: object) -> None:
    with pytest.raises(ValueError, match=r"(?s)can't be reached.*set data\.url .*data\.fallback to snippets"):
        load_dataset(Params().replace(out_of_reach), pytest.fail)


@pytest.mark.parametrize("key", ["data.hash", "data.word_index_hash"])
def test_a_wrong_hash_is_an_error(server: Server, imdb_files: ImdbFiles, fallback: object, key: str) -> None:
    values = imdb_files.serve(server) | FALLBACK | {key: f"sha256:{'0' * 64}"}
    with pytest.raises(ValueError, match="does not match the known hash"):
        load_dataset(Params().replace(values), pytest.fail)


def test_no_fallback_either_is_told(
    out_of_reach: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snippets, "load", Mock(side_effect=UnreachableError("the snippets can't be had")))
    warnings: list[str] = []
    with pytest.raises(ValueError, match="the snippets can't be had"):
        load_dataset(Params().replace(out_of_reach | FALLBACK), warnings.append)
    assert len(warnings) == 1


def test_snippets_asked_for_are_no_fallback(fallback: object) -> None:
    assert load_dataset(Params().replace({"data.source": "snippets"}), pytest.fail) is fallback
